"""Reading alone, the limit: decode, read and gather records that are in memory. Arguments: server, topic, records.

Prints events per second by the clock and of processor time, after a first batch that does not count.
"""

import gc
import json
import sys
import time

from kafka import KafkaConsumer
from same_path import BATCH

from gapwatch.pipeline.events.event_reader import EventReader
from gapwatch.pipeline.kafka.records import Record
from gapwatch.pipeline.language.reader import Reader
from gapwatch.pipeline.worker.gc_tuning import collect_on_demand

server, topic, count = sys.argv[1:]
consumer = KafkaConsumer(topic, bootstrap_servers=server, auto_offset_reset="earliest", consumer_timeout_ms=5_000)
records = [Record.of(r) for _, r in zip(range(int(count)), consumer, strict=False)]
consumer.close()
reader = EventReader(Reader())
reader.read("feedback", records[:BATCH])
collect_on_demand()
clock, processor = time.perf_counter(), time.process_time()
for start in range(0, len(records), BATCH):
    gc.collect()  # as the reader's process does
    reader.read("feedback", records[start : start + BATCH])
clock, processor = time.perf_counter() - clock, time.process_time() - processor
print(json.dumps({"clock": len(records) / clock, "processor": len(records) / processor}))
