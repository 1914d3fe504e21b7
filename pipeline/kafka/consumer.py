"""kafka-python's consumer, as commands and the alerts use it: it reads whatever lies in a topic."""

from typing import Any

import kafka.record.memory_records
from kafka import KafkaConsumer
from kafka.record.default_records import DefaultRecordBatch

from gapwatch.pipeline.kafka.bounded_batch import bounded
from gapwatch.pipeline.kafka.client import client_options
from gapwatch.pipeline.kafka.header_names import AnyHeaderName


class Consumer(KafkaConsumer):  # type: ignore[misc]  # the package is not typed
    """A consumer of the Kafka in force, with `options` of kafka-python's.

    It reads what is committed: no record of a transaction that was aborted or is still open. The end of a log is where
    its first open transaction begins.
    """

    def __init__(self, *topics: str, **options: Any) -> None:
        super().__init__(*topics, **client_options(), isolation_level="read_committed", **options)


class _Batch(AnyHeaderName, DefaultRecordBatch):  # type: ignore[misc]
    """Reads header names of any kind, and unpacks to a bounded size whatever codec was used."""

    _decompressed: bool

    def _maybe_uncompress(self) -> None:
        if not self._decompressed and self.compression_type != self.CODEC_NONE:
            unpacked = DefaultRecordBatch(bounded(bytes(self._buffer)))
            self._buffer, self._pos, self._num_records = unpacked._buffer, unpacked._pos, unpacked._num_records  # noqa: SLF001
        self._decompressed = True


# The client makes its batches by this name, and has no setting for it.
kafka.record.memory_records.DefaultRecordBatch = _Batch
