import threading
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError

from gapwatch.pipeline.kafka import outbox
from gapwatch.pipeline.kafka.outbox import Outbox, PlainMessage


class Sender:
    working = True

    def force_close(self) -> None:
        self.working = False


class LosingProducer:
    """Loses what it is given: it never arrives and never expires. As kafka-python's, a flush ends by its timeout only."""

    made: list["LosingProducer"]

    def __init__(self, **_: Any) -> None:
        self.open = True
        self._sender = Sender()
        self.made.append(self)

    def send(self, *_: Any, **__: Any) -> object:
        return object()

    def flush(self, timeout: float | None = None) -> None:
        threading.Event().wait(timeout)
        raise KafkaTimeoutError("Timeout waiting for future")

    def close(self, timeout: float) -> None:
        self.open = self._sender.working
        raise KafkaTimeoutError("its flush found something unfinished")


@pytest.mark.timeout(30)
def test_a_message_that_the_client_lost_is_not_waited_for_without_end(settings_env: pytest.MonkeyPatch) -> None:
    LosingProducer.made = []
    settings_env.setenv("GAPWATCH_KAFKA", "127.0.0.1:1")
    settings_env.setattr(outbox, "KafkaProducer", LosingProducer)
    settings_env.setattr(outbox, "_FLUSH_SECONDS", 0.1)
    box = Outbox()
    for _ in range(2):
        with pytest.raises(KafkaTimeoutError):
            box.deliver([PlainMessage("t", b"k", b"v")])
    assert [producer.open for producer in LosingProducer.made] == [False, False]
