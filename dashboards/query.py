"""Queries of the ClickHouse data source, in the form its Grafana plugin reads."""

from collections.abc import Mapping
from string import Formatter
from typing import Any, Literal

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from gapwatch.pipeline.words.catalogue import Speaker

DATASOURCE_TYPE = "grafana-clickhouse-datasource"
DATASOURCE_UID = "gapwatch-clickhouse"
PLUGIN_VERSION = "4.8.2"

Shape = Literal["time_series", "table"]
# The plugin's own numbers: see its src/types/queryBuilder.ts.
_FORMATS: dict[Shape, int] = {"time_series": 0, "table": 1}
_QUERY_TYPES: dict[Shape, str] = {"time_series": "timeseries", "table": "table"}


def datasource() -> DataSourceRef:
    return DataSourceRef(type_val=DATASOURCE_TYPE, uid=DATASOURCE_UID)


class ClickHouseQuery(Builder[Dataquery], Dataquery):
    """One SQL query; its own builder, since it has nothing to build up."""

    def __init__(self, sql: str, shape: Shape, ref_id: str = "A") -> None:
        self.sql = sql.strip()
        self.shape = shape
        self.ref_id = ref_id

    def build(self) -> Dataquery:
        return self

    def to_json(self) -> dict[str, Any]:
        return {
            "refId": self.ref_id,
            "datasource": {"type": DATASOURCE_TYPE, "uid": DATASOURCE_UID},
            "editorType": "sql",
            "queryType": _QUERY_TYPES[self.shape],
            "format": _FORMATS[self.shape],
            "rawSql": self.sql,
            "pluginVersion": PLUGIN_VERSION,
        }


def named(column: str, names: Mapping[str, str], say: Speaker) -> str:
    """An SQL expression that shows the codes of a column by their names."""
    codes = ", ".join(literal(code) for code in names)
    shown = ", ".join(literal(say(name)) for name in names.values())
    return f"transform({column}, [{codes}], [{shown}], {column})"


def filled_in(text: str, /, **expressions: str) -> str:
    """An SQL expression of a text whose {placeholders} are SQL expressions."""
    parts = []
    for words, placeholder, *_ in Formatter().parse(text):
        if words:
            parts.append(literal(words))
        if placeholder:
            parts.append(expressions[placeholder])
    return f"concat({', '.join(parts)})"


def literal(text: str) -> str:
    """A text as a string of SQL."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
