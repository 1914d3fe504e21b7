"""aiokafka's getmany, with nothing around it. Arguments: bootstrap server, topic, group, records."""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer
from meter import Meter


async def main(server: str, topic: str, group: str, records: str) -> None:
    meter = Meter(int(records))
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=server, group_id=group, auto_offset_reset="earliest")
    await consumer.start()
    while True:
        for batch in (await consumer.getmany(timeout_ms=1_000)).values():
            meter.add(len(batch))


asyncio.run(main(*sys.argv[1:]))
