"""Quix Streams with a BatchingSink: the same reading and sink. Arguments: bootstrap server, topic, group."""

import logging
import sys
import tempfile
from pathlib import Path

from quixstreams import Application
from quixstreams.sinks import BatchingSink, SinkBatch
from same_path import BATCH, FLUSH, SamePath

from gapwatch.pipeline.kafka.records import Record

server, topic, group = sys.argv[1:]
PARTITIONS = 4


class Sink(BatchingSink):
    """Quix gathers by partition until it commits."""

    def __init__(self) -> None:
        super().__init__()
        self._path = SamePath()

    def write(self, batch: SinkBatch) -> None:
        for chunk in batch.iter_chunks(BATCH):
            self._path.take(
                [
                    Record(batch.topic, batch.partition, item.offset, item.timestamp, item.key, item.value)
                    for item in chunk
                ]
            )


app = Application(
    broker_address=server,
    consumer_group=group,
    auto_offset_reset="earliest",
    loglevel=logging.ERROR,
    commit_every=FLUSH * PARTITIONS,
    state_dir=Path(tempfile.gettempdir()) / "quix",  # else beside whatever is here
)
app.dataframe(app.topic(topic, value_deserializer="bytes", key_deserializer="bytes")).sink(Sink())
app.run()
