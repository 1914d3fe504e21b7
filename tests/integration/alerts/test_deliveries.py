"""What alerts quote, on a real ClickHouse."""

from datetime import timedelta

from support.sample_events import at, columns, feedback, reading

from gapwatch.pipeline.alerts.deliveries import Deliveries
from gapwatch.pipeline.signals.series import Place, Series
from gapwatch.pipeline.signals.verdict import Signal
from gapwatch.pipeline.store import ClickHouse, EventStore


def test_of_two_events_with_one_id_that_of_the_signal_is_quoted(database: str) -> None:
    said = {
        "c1": ("design", "说明书看不懂"),
        "c2": ("fulfillment", "说好三天到"),
        "c3": ("fulfillment", "别的产品没到"),
    }
    voices = [
        feedback("1001", 1, number, customer=customer, product="P2" if customer == "c3" else "P1")._replace(
            reading=reading(gap, text=text)
        )
        for number, (customer, (gap, text)) in enumerate(said.items())
    ]
    store = EventStore(database)
    store.insert(columns(voices), "t")
    signal = Signal(
        Series("fulfillment", Place("", "P1", "")), at(9), at(9), at(0) - timedelta(hours=2), "opened", "critical", "worse", "",
        45.9, 19.9, 41, 30, 29, 18.2, 14.6, 14.1, (), ("1001",),
    )  # fmt: skip
    assert [quote.text for quote in Deliveries(ClickHouse(database)).quotes(signal)] == ["说好三天到"]
    store.close()
