"""One gateway, from its listener to its end."""

import asyncio
from collections.abc import Callable

from gapwatch.pipeline.hosting import web
from gapwatch.pipeline.publishing.event_record import masking
from gapwatch.pipeline.publishing.gateway.application import Gateway, application
from gapwatch.pipeline.publishing.gateway.delivery import Delivery
from gapwatch.pipeline.publishing.gateway.intake import Intake
from gapwatch.pipeline.publishing.gateway.keys import KeyRing, keys_file
from gapwatch.pipeline.publishing.gateway.limits import RateLimits, Room
from gapwatch.pipeline.publishing.gateway.metrics import Metrics
from gapwatch.pipeline.publishing.gateway.webhooks import load_webhooks
from gapwatch.pipeline.settings import settings

# Eight of the largest bodies, or thousands of small ones.
_ROOM_BYTES = 64 * 1024**2
# What is in hand at the end is answered: Kafka has 15 seconds for it.
_SHUTDOWN_SECONDS = 20


def gateway_of(delivery: Delivery) -> Gateway:
    """A gateway by the settings.

    Raises SettingsError or StackError where keys or settings cannot be used, PublishError where packages are missing.
    """
    in_force = settings()
    metrics = Metrics()
    return Gateway(
        keys=KeyRing(keys_file()),
        limits=RateLimits(in_force.gateway_events_per_second, in_force.gateway_bytes_per_second),
        room=Room(_ROOM_BYTES),
        intake=Intake(delivery, metrics, masking() if in_force.gateway_mask else None),
        metrics=metrics,
        ready=delivery.ready,
        webhooks=load_webhooks(in_force.gateway_webhooks),
    )


def serve(host: str, port: int, serving: Callable[[str, int], object]) -> None:
    """Serve until a signal; `serving` hears the address once it listens, and how many keys there are.

    Raises GapwatchError when the port is taken, and what `gateway_of` raises.
    """
    delivery = Delivery()
    gateway = gateway_of(delivery)
    with web.listen_or_tell(host, port) as listener:
        serving(web.address(listener), len(gateway.keys))
        server = web.server(application(gateway), _SHUTDOWN_SECONDS)
        try:
            server.run(sockets=[listener])
        finally:
            asyncio.run(delivery.close())
