"""What a worker makes sure of before it takes partitions."""

import threading

import pytest

from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.settings import Settings
from gapwatch.pipeline.worker import runtime
from gapwatch.pipeline.worker.stalls import Stalls


class Unable:
    def read(self, *_: object) -> None:
        raise GapwatchError("the reader's process dies as soon as it starts")


def test_a_worker_that_cannot_read_takes_no_partitions(settings_env: pytest.MonkeyPatch) -> None:
    settings_env.setenv("GAPWATCH_KAFKA", "localhost:9")
    settings_env.setenv("GAPWATCH_CLICKHOUSE", "clickhouse://localhost:9/default")
    for name, answer in {"ReaderProcess": Unable, "ensure_topics": list, "migrate": lambda _: None}.items():
        settings_env.setattr(runtime, name, answer)
    with pytest.raises(GapwatchError, match="as soon as it starts"):
        runtime.prepare(Settings(), threading.Event(), Stalls())
