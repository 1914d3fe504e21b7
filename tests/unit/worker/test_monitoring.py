"""Metrics and health over HTTP, as probes and scrapers ask for them."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import requests

from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.hosting import web
from gapwatch.pipeline.worker.heartbeat import Heartbeat
from gapwatch.pipeline.worker.monitoring import served

WAITING = Heartbeat(ready=False, waiting="store has waited 3 s: away")


@pytest.fixture
def supervisor() -> SimpleNamespace:
    slot = SimpleNamespace(number=1, alive=True, heartbeat=Heartbeat(ready=True), restarts=0, exit_code=None)
    return SimpleNamespace(live=True, ready=True, slots=[slot])


@pytest.fixture
def address(supervisor: SimpleNamespace, tmp_path: Path) -> Iterator[str]:
    with served(supervisor, str(tmp_path), "127.0.0.1", 0) as address:  # type: ignore[arg-type]
        yield address


def get(url: str) -> requests.Response:
    return requests.get(url, timeout=10)


@pytest.mark.parametrize(
    ("live", "ready", "statuses"),
    [(True, True, (200, 200, 200)), (True, False, (503, 200, 503)), (False, True, (503, 503, 503))],
)
def test_health_is_a_status(
    address: str, supervisor: SimpleNamespace, live: bool, ready: bool, statuses: tuple[int, ...]
) -> None:
    supervisor.live, supervisor.ready = live, ready
    assert tuple(get(f"{address}/health{path}").status_code for path in ("", "/live", "/ready")) == statuses


def test_health_says_what_each_worker_waits_for(address: str, supervisor: SimpleNamespace) -> None:
    supervisor.ready, supervisor.slots[0].heartbeat = False, WAITING
    supervisor.slots[0].restarts, supervisor.slots[0].exit_code = 3, -9
    assert get(f"{address}/health").json() == {
        "live": True,
        "ready": False,
        "workers": [
            {
                "worker": 1,
                "alive": True,
                "ready": False,
                "waiting": "store has waited 3 s: away",
                "restarts": 3,
                "last_exit_code": -9,
            }
        ],
    }


def test_metrics_are_in_the_format_of_prometheus(address: str) -> None:
    answer = get(f"{address}/metrics")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize("path", ["/metrics", "/health", "/health/live", "/health/ready"])
def test_head_and_a_query_string_are_answered(address: str, path: str) -> None:
    head = requests.head(f"{address}{path}?from=probe", timeout=10)
    assert (head.status_code, head.content) == (200, b"")
    assert get(f"{address}{path}?from=probe").status_code == 200


def test_another_path_is_told_which_there_are(address: str) -> None:
    answer = get(f"{address}/health/lively")
    assert (answer.status_code, answer.text) == (404, "/metrics /health /health/live /health/ready\n")


def test_all_addresses_of_both_families_can_be_served(supervisor: SimpleNamespace, tmp_path: Path) -> None:
    with served(supervisor, str(tmp_path), "::", 0) as address:  # type: ignore[arg-type]
        port = urlsplit(address).port
        assert address == f"http://[::]:{port}"
        assert get(f"http://[::1]:{port}/health").status_code == 200
        assert get(f"http://127.0.0.1:{port}/health").status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "no such host", "203.0.113.1"])
def test_an_address_that_cannot_be_had_is_told(supervisor: SimpleNamespace, host: str) -> None:
    with web.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        told = f"cannot serve metrics on {host}:{port}: .* GAPWATCH_METRICS_PORT"
        with pytest.raises(SettingsError, match=told), served(supervisor, "", host, port):  # type: ignore[arg-type]
            pass


def test_nothing_is_served_afterwards(supervisor: SimpleNamespace) -> None:
    with served(supervisor, "", "127.0.0.1", 0) as address:  # type: ignore[arg-type]
        pass
    with pytest.raises(requests.ConnectionError):
        get(f"{address}/health")
