"""The topic `signals`: each change of a signal as JSON, keyed by its series."""

from datetime import datetime

import msgspec
from kafka.errors import KafkaError
from msgspec import Struct

from gapwatch.pipeline.errors import PublishError
from gapwatch.pipeline.kafka.outbox import Outbox, PlainMessage
from gapwatch.pipeline.kafka.topics import SIGNALS_TOPIC
from gapwatch.pipeline.signals.series import Measure, Place, Scope, Series
from gapwatch.pipeline.signals.signal_table import SignalTable
from gapwatch.pipeline.signals.verdict import Companion, Reason, Severity, Signal, State


class _Companion(Struct, frozen=True):
    measure: Measure
    ratio: float
    evidence: float
    lead_minutes: int


class SignalRecord(Struct, frozen=True):
    """The value of a record: the columns of the view `signal_changes`."""

    series: str
    measure: Measure
    scope: Scope
    channel: str
    product_id: str
    region: str
    minute: datetime
    opened: datetime
    since: datetime
    state: State
    severity: Severity
    reason: Reason
    part_of: str
    gap_index: float
    expected_index: float
    voices: int
    events: int
    customers: int
    excess: float
    evidence: float
    limit: float
    companions: tuple[_Companion, ...]
    examples: tuple[str, ...]


_decoder = msgspec.json.Decoder(SignalRecord)
_AS_THEY_ARE = tuple(name for name in Signal._fields if name not in {"series", "companions"})


def encode(signal: Signal) -> bytes:
    """A signal as the value of a record."""
    place = signal.series.place
    return msgspec.json.encode(
        SignalRecord(
            series=signal.series.key,
            measure=signal.series.measure,
            scope=place.scope,
            **place._asdict(),
            companions=tuple(_Companion(*one) for one in signal.companions),
            **{name: getattr(signal, name) for name in _AS_THEY_ARE},
        )
    )


def decode(value: bytes) -> Signal:
    """The signal that `encode` wrote. Raises msgspec.DecodeError for anything else."""
    record = _decoder.decode(value)
    return Signal(
        series=Series(record.measure, Place(record.channel, record.product_id, record.region)),
        companions=tuple(Companion(*msgspec.structs.astuple(one)) for one in record.companions),
        **{name: getattr(record, name) for name in _AS_THEY_ARE},
    )


def publish(table: SignalTable, outbox: Outbox) -> list[Signal]:
    """Send the changes that Kafka has not acknowledged yet; returns them.

    At least once: what is sent but not yet noted when the process ends is sent again. Raises PublishError, StoreError.
    """
    signals = table.unpublished()
    messages = [PlainMessage(SIGNALS_TOPIC, signal.series.key.encode(), encode(signal)) for signal in signals]
    try:
        outbox.deliver(messages)
    except KafkaError as error:
        raise PublishError(
            "{count} signals are not with Kafka yet and will be sent again: {error}", count=len(signals), error=error
        ) from error
    table.mark_published(signals)
    return signals
