"""Take the pictures of these documents anew, from the data of `gapwatch demo --keep` with a worker at work.

    python docs/images/take.py http://127.0.0.1:PORT/ .gapwatch/report.html [PAGE ...]

The names of the pages are those of `PAGES`; all unless given, and the report.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

PAGES = {
    "overview": "gapwatch-overview",
    "drill-down": "gapwatch-fulfillment",
    "conversations": "gapwatch-conversations",
    "pipeline": "gapwatch-pipeline",
}
_WIDTHS = {"desktop": 1280, "phone": 390}
_FOLDER = Path(__file__).parent
_MILLISECONDS = 120_000


def take(browser: Browser, address: str, file: str, width: int, colors: str, *, drawn: str) -> None:
    """One page from its top to its end; `drawn` is there once all of it is drawn."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, locale="zh-CN", timezone_id="Asia/Shanghai", color_scheme=colors
    )
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector(drawn, timeout=_MILLISECONDS)
    page.screenshot(path=_FOLDER / file, full_page=True)
    context.close()


def main(board: str, report: str, *pages: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name in pages or PAGES:
            for device, width in _WIDTHS.items():
                for colors in ("light", "dark"):
                    address = f"{board.rstrip('/')}/d/{PAGES[name]}"
                    take(browser, address, f"{name}-{device}-{colors}.png", width, colors, drawn="body[data-ready]")
        if not pages:
            for device, width in {"desktop": 1000, "phone": 390}.items():
                take(browser, Path(report).resolve().as_uri(), f"report-{device}.png", width, "light", drawn="body")
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
