"""Bytewax. Arguments: bootstrap server, topic, group, records."""

import sys

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import cluster_main
from meter import Meter

server, topic, _, records = sys.argv[1:]
meter = Meter(int(records))


class Nowhere(StatelessSinkPartition):
    def write_batch(self, items: list) -> None:
        meter.add(len(items))


class NowhereSink(DynamicSink):
    def build(self, step_id: str, worker_index: int, worker_count: int) -> Nowhere:
        return Nowhere()


flow = Dataflow("count")
messages = op.input("input", flow, KafkaSource([server], [topic], batch_size=2_000))
op.output("output", op.map("map", messages, lambda message: message), NowhereSink())
cluster_main(flow, [], 0)
