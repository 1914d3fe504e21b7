"""The few kinds of panel the dashboards are made of, all reading ClickHouse."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from grafana_foundation_sdk.builders import bargauge, common, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builder
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
)

from gapwatch.dashboards.query import ClickHouseQuery, datasource
from gapwatch.pipeline.words.catalogue import Speaker
from gapwatch.pipeline.words.names import NO_DATA

PanelBuilder = stat.Panel | timeseries.Panel | bargauge.Panel | table.Panel
AnyPanel = TypeVar("AnyPanel", stat.Panel, timeseries.Panel, bargauge.Panel, table.Panel)
Thresholds = Sequence[tuple[float | None, str]]
"""(from, colour) in rising order; the first from None."""


class Panels:
    """Makes panels in one language. A grid row is 24 wide; `height` counts rows of 30 pixels."""

    def __init__(self, say: Speaker) -> None:
        self._no_data = say(NO_DATA)

    def number(
        self,
        title: str,
        description: str,
        sql: str,
        *,
        unit: str = "short",
        decimals: int = 1,
        thresholds: Thresholds = ((None, "text"),),
        span: int = 4,
    ) -> stat.Panel:
        """Big numbers: the columns of the only row."""
        return (
            self._framed(stat.Panel(), title, description, ClickHouseQuery(sql, "table"), span=span, height=4)
            .unit(unit)
            .decimals(decimals)
            .thresholds(_thresholds(thresholds))
            .graph_mode(looks.BigValueGraphMode.NONE)
        )

    def lines(
        self,
        title: str,
        description: str,
        sql: str,
        *,
        unit: str = "short",
        bars: bool = False,
        colors: Mapping[str, str] | None = None,
        span: int = 12,
        height: int = 8,
    ) -> timeseries.Panel:
        """Series over time: the query returns `time`, a number, and a label if there are several. Bars are stacked."""
        panel = (
            self._framed(
                timeseries.Panel(), title, description, ClickHouseQuery(sql, "time_series"), span=span, height=height
            )
            .unit(unit)
            .min(0)
            .fill_opacity(60 if bars else 8)
            .line_width(1 if bars else 2)
            .show_points(looks.VisibilityMode.NEVER)
            .legend(
                common.VizLegendOptions()
                .show_legend(True)
                .display_mode(looks.LegendDisplayMode.LIST)
                .placement(looks.LegendPlacement.BOTTOM)
                .calcs([])
            )
            .tooltip(common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING))
        )
        for name, color in (colors or {}).items():
            panel.override_by_name(name, [DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color})])
        if bars:
            panel.draw_style(looks.GraphDrawStyle.BARS)
            panel.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL))
        return panel

    def ranking(
        self, title: str, description: str, sql: str, *, unit: str = "short", span: int = 8, height: int = 8
    ) -> bargauge.Panel:
        """Bars, longest first: the query returns a name and a number per row."""
        return (
            self._framed(bargauge.Panel(), title, description, ClickHouseQuery(sql, "table"), span=span, height=height)
            .unit(unit)
            .min(0)
            .orientation(looks.VizOrientation.HORIZONTAL)
            .display_mode(looks.BarGaugeDisplayMode.BASIC)
            .reduce_options(common.ReduceDataOptions().values(True).calcs([]).fields(""))
        )

    def rows(
        self,
        title: str,
        description: str,
        sql: str,
        *,
        shaded: Mapping[str, Thresholds] | None = None,
        units: Mapping[str, str] | None = None,
        links: Mapping[str, tuple[str, str]] | None = None,
        hidden: Sequence[str] = (),
        widths: Mapping[str, int] | None = None,
        span: int = 24,
        height: int = 9,
    ) -> table.Panel:
        """A table. By column name: `shaded` cells, `units`, `links` (title, url), columns for links only, widths."""
        panel = self._framed(
            table.Panel(), title, description, ClickHouseQuery(sql, "table"), span=span, height=height
        ).cell_height(looks.TableCellHeight.SM)
        properties: dict[str, list[DynamicConfigValue]] = {}
        for name, steps in (shaded or {}).items():
            properties.setdefault(name, []).extend(_shading(steps))
        for name, unit in (units or {}).items():
            properties.setdefault(name, []).append(DynamicConfigValue("unit", unit))
        for name, (link_title, url) in (links or {}).items():
            properties.setdefault(name, []).append(DynamicConfigValue("links", [{"title": link_title, "url": url}]))
        for name in hidden:
            properties.setdefault(name, []).append(DynamicConfigValue("custom.hidden", True))
        for name, width in (widths or {}).items():
            properties.setdefault(name, []).append(DynamicConfigValue("custom.width", width))
        for name, values in properties.items():
            panel.override_by_name(name, values)
        return panel

    def _framed(
        self, panel: AnyPanel, title: str, description: str, query: ClickHouseQuery, *, span: int, height: int
    ) -> AnyPanel:
        """What every kind of panel has."""
        return (
            panel.title(title)
            .description(description)
            .datasource(datasource())
            .with_target(query)
            .no_value(self._no_data)
            .span(span)
            .height(height)
        )


def page_link(title: str, uid: str) -> builder.DashboardLink:
    """A link in the head of a dashboard that keeps its time range and variables."""
    return builder.DashboardLink(title).type(DashboardLinkType.LINK).url(f"/d/{uid}").include_vars(True).keep_time(True)


def _thresholds(steps: Thresholds) -> builder.ThresholdsConfig:
    return (
        builder.ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(value=value, color=color) for value, color in steps])
    )


def _shading(steps: Thresholds) -> list[DynamicConfigValue]:
    return [
        DynamicConfigValue("custom.cellOptions", {"type": "color-background", "mode": "basic"}),
        DynamicConfigValue(
            "thresholds",
            {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]},
        ),
    ]
