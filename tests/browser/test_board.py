"""The live board in a real browser."""

import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from support.sample_history import NASTY, NOW, report, store, story, usual

pytestmark = pytest.mark.browser

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_REQUIRED = os.environ.get("GAPWATCH_BROWSER_TESTS") == "required"
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
_TIMEOUT = 120_000.0  # milliseconds
_PAGES = ("gapwatch-overview", "gapwatch-fulfillment", "gapwatch-conversations", "gapwatch-pipeline")
_RANGE = (
    f"from={(NOW - timedelta(days=7)).timestamp() * 1000:.0f}&to={(NOW + timedelta(hours=1)).timestamp() * 1000:.0f}"
)


@contextmanager
def _board(database: str, *options: str) -> Iterator[str]:
    """The board as people start it; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "gapwatch", "board", "--port", "0", *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "GAPWATCH_CLICKHOUSE": database, "GAPWATCH_KAFKA": "127.0.0.1:1", "PYTHONUNBUFFERED": "1"},
    )
    try:
        yield re.search(r"http://\S+", process.stdout.readline()).group()
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@pytest.fixture
def board(database):
    store(database, usual() + story())
    with _board(database) as address:
        yield address.rstrip("/")


@pytest.fixture(scope="module")
def browser():
    if _CHROMIUM is None:
        if _REQUIRED:
            pytest.fail("no Chromium, and GAPWATCH_BROWSER_TESTS=required")
        pytest.skip("no Chromium on this machine; on Debian: apt install chromium fonts-noto-cjk")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(params=[(1440, 1000), (390, 844)], ids=["desktop", "phone"])
def page(browser, request):
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN")
    shown = context.new_page()
    shown.complaints = []
    shown.on("console", lambda message: message.type == "error" and shown.complaints.append(message.text))
    shown.on("pageerror", lambda error: shown.complaints.append(str(error)))
    shown.on("dialog", lambda dialog: (shown.complaints.append(f"dialog {dialog.message}"), dialog.dismiss()))
    yield shown
    context.close()


def _open(page, address: str) -> None:
    page.goto(address)
    page.wait_for_selector("body[data-ready]", timeout=_TIMEOUT)


def test_every_page_is_drawn_from_this_server_alone(board, page):
    hosts = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    for uid in _PAGES:
        _open(page, f"{board}/d/{uid}?{_RANGE}")
        assert page.locator(".failed").count() == 0, uid
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
            f"{uid} is wider than the screen"
        )
    assert hosts == {board.split("/")[2]}
    assert page.complaints == []


def test_a_name_with_markup_is_shown_as_text(board, page):
    _open(page, f"{board}/d/gapwatch-overview?{_RANGE}")
    shown = page.locator(".bar span", has_text="锅")
    assert shown.inner_text() == NASTY
    assert page.locator("main b", has_text="锅").count() == 0
    assert page.complaints == []


def test_a_value_that_stands_alone_is_shown_as_a_dot(database, board, page):
    report(database, minutes_ago=5)
    _open(page, f"{board}/d/gapwatch-pipeline")
    sizes = page.evaluate("""[...document.querySelectorAll(".js-plotly-plot")].flatMap((chart) => chart.data)
        .filter(({ type, y }) => type === "scatter" && y.length === 1).map(({ marker }) => marker.size[0])""")
    assert sizes
    assert set(sizes) == {6}
    assert page.complaints == []


def test_a_choice_changes_what_is_shown_and_stays_in_the_address(board, page):
    _open(page, f"{board}/d/gapwatch-fulfillment?{_RANGE}")
    with page.expect_response(lambda response: "var-product=" in response.url and "/panels/8" in response.url):
        page.select_option("select[name=product]", "净水器")
    from playwright.sync_api import expect

    voices = page.locator(".panel.table").last
    expect(page.locator(".panel.table").nth(1)).to_contain_text("净水器", timeout=_TIMEOUT)
    expect(voices).not_to_contain_text("空调", timeout=_TIMEOUT)
    assert "var-product=" in page.url
    assert voices.locator("mark").first.inner_text() == "一个星期还没到"


def test_beyond_loopback_the_board_asks_for_its_token(database):
    with _board(database, "--host", "0.0.0.0") as address:
        port = re.search(r":(\d+)/", address).group(1)
        token = address.partition("token=")[2]
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/d/gapwatch-overview")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/d/gapwatch-overview?token={token}") as answer:
            assert "服务差距" in answer.read().decode()


def test_a_foreign_name_does_not_reach_the_board(database):
    with _board(database) as address:
        request = urllib.request.Request(address, headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(request)
