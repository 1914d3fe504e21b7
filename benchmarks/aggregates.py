"""How much smaller the aggregates are than the events, by grain and dimensions.

    .venv/bin/python benchmarks/aggregates.py [--yearly EVENTS ...]

Events as a company of 50 products, 9 channels and 10 regions has them, with unequal weights, at several volumes; of
each, a month is generated on a ClickHouse of its own and its groups are counted.
"""

import argparse
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from workbench import local_stack

from gapwatch.pipeline.store import ClickHouse

DAYS = 30
YEARLY = (1_000_000, 10_000_000, 100_000_000)
GRAINS = {"minute": "toStartOfMinute(at)", "hour": "toStartOfHour(at)", "day": "toStartOfDay(at)"}
DIMENSIONS = (
    "event_type, channel, product, region, stage, gap",
    "event_type, channel, product, region, gap",
    "event_type, channel, product, gap",
    "event_type, channel, region, gap",
    "event_type, channel, gap",
)
# Weights: channels as 1/rank, products and regions by a power law, seven of ten reviews without a gap, two of ten
# complaints; a gap mostly has its own stage.
EVENTS = """
CREATE OR REPLACE TABLE benchmark_events ENGINE = MergeTree ORDER BY at AS
WITH arrayFlatten(arrayMap(rank -> arrayWithConstant(toUInt64(ceil(40 / rank)), rank), range(1, 10))) AS channels
SELECT
    toDateTime('2026-01-01 00:00:00', 'UTC') + intDiv(number * {seconds}, {events}) AS at,
    ['feedback', 'feedback', 'feedback', 'complaint', 'complaint', 'chat'][1 + rand(1) % 6] AS event_type,
    toUInt8(channels[1 + rand(2) % length(channels)]) AS channel,
    toUInt8(50 * pow(rand(3) / 4294967296, 1.8)) AS product,
    toUInt8(10 * pow(rand(4) / 4294967296, 1.5)) AS region,
    toUInt8(if(rand(5) % 10 < if(event_type = 'feedback', 7, 2), 0, [4, 4, 4, 1, 2, 3][1 + rand(6) % 6])) AS gap,
    toUInt8(if(rand(7) % 10 < 7, gap % 3, rand(8) % 3)) AS stage
FROM numbers({events})
"""


def reductions(clickhouse: ClickHouse, events: int) -> Iterator[tuple[str, list[float]]]:
    """Events per group of each grain, by dimensions."""
    clickhouse.execute(EVENTS.format(events=events, seconds=DAYS * 86_400))
    for dimensions in DIMENSIONS:
        groups = [
            clickhouse.execute(
                f"SELECT count() FROM (SELECT 1 FROM benchmark_events GROUP BY {period}, {dimensions})"  # noqa: S608
            )[0][0]
            for period in GRAINS.values()
        ]
        yield dimensions, [events / count for count in groups]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--yearly", type=int, nargs="*", default=YEARLY, help="events a year")
    options = parser.parse_args()
    table = Table(title="events per group")
    for column in ("events a year", "dimensions", *GRAINS):
        table.add_column(column, justify="left" if column == "dimensions" else "right")
    with local_stack() as stack:
        clickhouse = ClickHouse(stack.clickhouse.url)
        for yearly in options.yearly:
            for dimensions, ratios in reductions(clickhouse, round(yearly * DAYS / 365)):
                table.add_row(f"{yearly:,}", dimensions, *(f"{ratio:,.1f}" for ratio in ratios))
            table.add_section()
    Console().print(table)


if __name__ == "__main__":
    main()
