from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapwatch.dashboards.macros import ALL, MacroError, View, expand

START = datetime(2026, 3, 1, tzinfo=UTC)
VIEW = View(START, START + timedelta(days=1), {"channel": [ALL], "product": ["it's", "a\\b"]})


def test_a_time_filter_is_inclusive_at_both_ends():
    assert expand("$__timeFilter(minute)", VIEW) == (
        "(minute >= toDateTime(1772323200) AND minute <= toDateTime(1772409600))"
    )


def test_points_are_as_wide_as_the_range_asks_for():
    assert (
        expand("$__timeInterval(hour)", VIEW, points=24) == "toStartOfInterval(toDateTime(hour), INTERVAL 3600 second)"
    )


def test_a_condition_on_all_is_dropped():
    assert expand("$__conditionalAll(channel IN (${channel:singlequote}), $channel)", VIEW) == "1=1"


def test_chosen_values_are_quoted():
    sql = expand("$__conditionalAll(product_id IN (${product:singlequote}), $product)", VIEW)
    assert sql == r"product_id IN ('it\'s','a\\b')"


@given(st.text())
def test_no_value_ends_its_quotation(value):
    quoted = expand("${product:singlequote}", VIEW._replace(variables={"product": [value]}))
    inner = quoted[1:-1].replace("\\\\", "")
    assert "'" not in inner.replace("\\'", "")


@pytest.mark.parametrize("sql", ["$__unknown(x)", "${nobody:singlequote}", "${product}", "$__timeFilter(minute"])
def test_what_nothing_defines_is_an_error(sql):
    with pytest.raises(MacroError):
        expand(sql, VIEW)
