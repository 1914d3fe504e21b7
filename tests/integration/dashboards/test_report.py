"""The weekly report on a real ClickHouse."""

import re
from datetime import timedelta
from html import escape

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from support.sample_history import NASTY, NOW, store, story, usual

from gapwatch.commands.cli import gapwatch
from gapwatch.dashboards.report import Period, marked, report
from gapwatch.pipeline.signals import runner
from gapwatch.pipeline.store import ClickHouse

WEEK = Period(NOW - timedelta(days=7), NOW)


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_an_empty_database_is_an_empty_report(database, locale):
    page = report(ClickHouse(database), WEEK, locale)
    assert ("这段时间没有声音" if locale == "zh" else "No voices in this period") in page


def test_the_week_stands_in_one_file_without_foreign_addresses(database):
    store(database, usual() + story(product=NASTY))
    runner.evaluate(ClickHouse(database), NOW)
    page = report(ClickHouse(database), WEEK, "zh")
    assert escape(NASTY, quote=False).replace("'", "&#39;").replace('"', "&#34;") in page
    assert "<b>锅</b>" not in page
    assert "http" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"<script[^>]* src=", page)
    assert "<mark>一个星期还没到</mark>" in page
    assert "Plotly.newPlot" in page


@given(st.text(), st.lists(st.text(max_size=5), max_size=4))
def test_marking_changes_no_word_and_escapes_all(text, phrases):
    html = str(marked(text, phrases))
    assert html.replace("<mark>", "").replace("</mark>", "") == str(marked(text, []))
    assert "<" not in html.replace("<mark>", "").replace("</mark>", "")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["-o", "week.txt"], ".html or .pdf"),
        (["-o", "week.html", "--from", "2026-03-02", "--to", "2026-03-01"], "before --to"),
        (["-o", "/nowhere/week.html"], "cannot write"),
    ],
)
def test_what_cannot_be_written_is_said(database, kafka, options, told):
    result = CliRunner().invoke(gapwatch, ["report", *options])
    assert result.exit_code != 0
    assert told in (result.output + str(result.exception))
