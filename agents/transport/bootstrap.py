"""Brokers that answer under none of their known addresses are looked for where the configuration says.

aiokafka asks the servers of its configuration once. After that it knows the brokers by the addresses they told, and
asks those, for ever, even if all of them have others. Kafka's own client begins anew (KIP-899); so does this.
"""

from typing import Any

import aiokafka.consumer.consumer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError


class Client(AIOKafkaClient):  # type: ignore[misc]  # aiokafka is not typed
    """Goes back to the servers of the configuration when no known broker answers."""

    async def _metadata_update(self, cluster_metadata: Any, topics: Any) -> bool:
        if await super()._metadata_update(cluster_metadata, topics):
            return True
        try:
            await self.bootstrap()
        except KafkaConnectionError:
            return False
        return bool(await super()._metadata_update(cluster_metadata, topics))


# The consumer makes its client by this name, and has no setting for it.
aiokafka.consumer.consumer.AIOKafkaClient = Client
