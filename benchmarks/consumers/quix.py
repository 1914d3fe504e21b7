"""Quix Streams. Arguments: bootstrap server, topic, group, records."""

import logging
import sys
import tempfile
from pathlib import Path

from meter import Meter
from quixstreams import Application

server, topic, group, records = sys.argv[1:]
meter = Meter(int(records))
app = Application(
    broker_address=server,
    consumer_group=group,
    auto_offset_reset="earliest",
    loglevel=logging.ERROR,
    state_dir=Path(tempfile.gettempdir()) / "quix",
)
frame = app.dataframe(app.topic(topic, value_deserializer="bytes"))
frame = frame.apply(lambda _: meter.add(1))
app.run()
