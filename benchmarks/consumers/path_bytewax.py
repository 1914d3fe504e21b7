"""Bytewax with a sink of its own: the same reading and sink. Arguments: bootstrap server, topic, group."""

import sys

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import cluster_main
from same_path import BATCH, SamePath

from gapwatch.pipeline.kafka.records import Record

server, topic, _ = sys.argv[1:]


class Partition(StatelessSinkPartition[Record]):
    def __init__(self) -> None:
        self._path = SamePath()

    def write_batch(self, items: list[Record]) -> None:
        self._path.take(items)


class Sink(DynamicSink[Record]):
    def build(self, step_id: str, worker_index: int, worker_count: int) -> Partition:
        return Partition()


def record_of(message: KafkaSourceMessage) -> Record:
    return Record(message.topic, message.partition, message.offset, message.timestamp[1], message.key, message.value)


flow = Dataflow("path")
messages = op.input("input", flow, KafkaSource([server], [topic], batch_size=BATCH))
op.output("output", op.map("record", messages, record_of), Sink())
cluster_main(flow, [], 0)
