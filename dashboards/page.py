"""What all dashboards share: variables, links, annotations, time."""

import json
from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import dashboard as builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import VariableOption, VariableRefresh, VariableSort

from gapwatch.dashboards.panels import PanelBuilder, page_link
from gapwatch.dashboards.query import ClickHouseQuery, datasource, named
from gapwatch.pipeline.words.catalogue import Speaker, gettext_noop
from gapwatch.pipeline.words.names import CHANNELS, GAPS, MEASURES, SEVERITIES

OVERVIEW = "gapwatch-overview"
FULFILLMENT = "gapwatch-fulfillment"
CONVERSATIONS = "gapwatch-conversations"
PIPELINE = "gapwatch-pipeline"

TITLES: dict[str, str] = {
    OVERVIEW: gettext_noop("Service gaps at a glance"),
    FULFILLMENT: gettext_noop("Gap drill-down"),
    CONVERSATIONS: gettext_noop("Conversations"),
    PIPELINE: gettext_noop("Pipeline"),
}

# The filters of every query that reads by place. $__conditionalAll drops a filter while "All" is chosen.
PLACE_FILTER = """$__conditionalAll(channel IN (${channel:singlequote}), $channel)
    AND $__conditionalAll(product_id IN (${product:singlequote}), $product)
    AND $__conditionalAll(region IN (${region:singlequote}), $region)"""

_PLACES = (
    ("channel", "channel", gettext_noop("Channel")),
    ("product", "product_id", gettext_noop("Product")),
    ("region", "region", gettext_noop("Region")),
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


def page(uid: str, say: Speaker, description: str, panels: Sequence[PanelBuilder], *, since: str) -> dict[str, Any]:
    """A dashboard as Grafana's JSON, its panels laid out from left to right, top to bottom."""
    made = (
        builder.Dashboard(say(TITLES[uid]))
        .uid(uid)
        .description(description)
        .tags(["gapwatch"])
        .refresh("1m")
        .time(since, "now")
        .timezone("browser")
        .readonly()
        .links([page_link(say(TITLES[other]), other) for other in TITLES if other != uid])
    )
    if uid != PIPELINE:
        made.annotation(_signals(say))
    for name, column, label in _PLACES:
        made.with_variable(_place(name, column, say(label)))
    if uid == FULFILLMENT:
        made.with_variable(_gap(say))
    for number, panel in enumerate(panels, start=1):
        made.with_panel(panel.id(number))
    encoded: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(made.build()))
    for annotation in encoded["annotations"].setdefault("list", []):
        # The SDK types this field for Grafana's own data source only.
        annotation["target"] = ClickHouseQuery(_annotation(say), "table", ref_id="Anno").to_json()
    return encoded


def _annotation(say: Speaker) -> str:
    return _SIGNALS.format(
        measure=named("measure", MEASURES, say),
        channel=named("channel", CHANNELS, say),
        severity=named("severity", SEVERITIES, say),
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


def _gap(say: Speaker) -> builder.CustomVariable:
    options = [(say(name), code) for code, name in GAPS.items()]
    return (
        builder.CustomVariable("gap")
        .label(say("Gap"))
        .values(", ".join(f"{text} : {code}" for text, code in options))
        .current(VariableOption(text=say(GAPS["fulfillment"]), value="fulfillment"))
    )


def _signals(say: Speaker) -> builder.AnnotationQuery:
    return builder.AnnotationQuery().name(say("Signals")).datasource(datasource()).enable(True).icon_color("red")
