"""What all dashboards share: variables, links, annotations, time."""

import json
from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import dashboard as builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import VariableOption, VariableRefresh, VariableSort

from gapwatch.dashboards.panels import PanelBuilder, page_link
from gapwatch.dashboards.query import ClickHouseQuery, datasource, named
from gapwatch.dashboards.words import CHANNELS, GAPS, MEASURES, SEVERITIES, Locale, Words

OVERVIEW = "gapwatch-overview"
FULFILLMENT = "gapwatch-fulfillment"
CONVERSATIONS = "gapwatch-conversations"
PIPELINE = "gapwatch-pipeline"

TITLES: dict[str, Words] = {
    OVERVIEW: Words("服务差距总览", "Service gaps at a glance"),
    FULFILLMENT: Words("差距下钻", "Gap drill-down"),
    CONVERSATIONS: Words("客服对话", "Conversations"),
    PIPELINE: Words("管道运行", "Pipeline"),
}

# The filters of every query that reads by place. $__conditionalAll drops a filter while "All" is chosen.
PLACE = """$__conditionalAll(channel IN (${channel:singlequote}), $channel)
    AND $__conditionalAll(product_id IN (${product:singlequote}), $product)
    AND $__conditionalAll(region IN (${region:singlequote}), $region)"""

_PLACES = (
    ("channel", "channel", Words("渠道", "Channel")),
    ("product", "product_id", Words("产品", "Product")),
    ("region", "region", Words("地区", "Region")),
)

# From opening to recovery, or as far as one can see.
_SIGNALS = """
SELECT
    opened AS time,
    least(coalesce(recovered, $__toTime), $__toTime) AS timeEnd,
    arrayStringConcat(arrayFilter(part -> part != '', [{measure}, product_id, {channel}, region]), ' · ') AS text,
    {severity} AS tags
FROM signals
WHERE opened <= $__toTime AND timeEnd >= $__fromTime AND part_of = ''
"""


def page(uid: str, locale: Locale, description: Words, panels: Sequence[PanelBuilder], *, since: str) -> dict[str, Any]:
    """A dashboard as Grafana's JSON, its panels laid out from left to right, top to bottom."""
    made = (
        builder.Dashboard(TITLES[uid](locale))
        .uid(uid)
        .description(description(locale))
        .tags(["gapwatch"])
        .refresh("1m")
        .time(since, "now")
        .timezone("browser")
        .readonly()
        .links([page_link(TITLES[other](locale), other) for other in TITLES if other != uid])
    )
    if uid != PIPELINE:
        made.annotation(_signals(locale))
    for name, column, label in _PLACES:
        made.with_variable(_place(name, column, label(locale)))
    if uid == FULFILLMENT:
        made.with_variable(_gap(locale))
    for number, panel in enumerate(panels, start=1):
        made.with_panel(panel.id(number))
    encoded: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(made.build()))
    for annotation in encoded["annotations"].setdefault("list", []):
        # The SDK types this field for Grafana's own data source only.
        annotation["target"] = ClickHouseQuery(_annotation(locale), "table", ref_id="Anno").to_json()
    return encoded


def _annotation(locale: Locale) -> str:
    return _SIGNALS.format(
        measure=named("measure", MEASURES, locale),
        channel=named("channel", CHANNELS, locale),
        severity=named("severity", SEVERITIES, locale),
    )


def _place(name: str, column: str, label: str) -> builder.QueryVariable:
    query = f"SELECT DISTINCT {column} FROM place_day WHERE {column} != '' ORDER BY {column} LIMIT 1000"
    return (
        builder.QueryVariable(name)
        .label(label)
        .datasource(datasource())
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .current(VariableOption(text="All", value="$__all"))
    )


def _gap(locale: Locale) -> builder.CustomVariable:
    options = [(words(locale), code) for code, words in GAPS.items() if code != "none"]
    return (
        builder.CustomVariable("gap")
        .label(Words("差距", "Gap")(locale))
        .values(", ".join(f"{text} : {code}" for text, code in options))
        .current(VariableOption(text=GAPS["fulfillment"](locale), value="fulfillment"))
    )


def _signals(locale: Locale) -> builder.AnnotationQuery:
    return (
        builder.AnnotationQuery()
        .name(Words("信号", "Signals")(locale))
        .datasource(datasource())
        .enable(True)
        .icon_color("red")
    )
