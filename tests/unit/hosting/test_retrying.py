"""What is tried again, and until when."""

import threading

import pytest
from kafka.errors import KafkaTimeoutError, NotControllerError, TopicAuthorizationFailedError

from gapwatch.pipeline.errors import RowsRefused, StackError, StoreError, StoreOutOfMemory, StoreUnavailable
from gapwatch.pipeline.hosting.retrying import Limits, is_settling, is_transient, retrying

AT_ONCE = {"first_pause": 0.0, "longest_pause": 0.0}


class Failing:
    """Raises these errors in turn, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    def __call__(self, answer: str) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return answer


@pytest.mark.parametrize(
    ("error", "transient", "settling"),
    [
        (StoreUnavailable(), True, False),
        (StoreOutOfMemory(), True, False),
        (RowsRefused(), False, False),
        (StoreError(), False, False),
        (StackError(), False, False),
        (ValueError(), False, False),
        (NotControllerError(), True, True),
        (KafkaTimeoutError(), True, False),
        (TopicAuthorizationFailedError(), True, False),
    ],
)
def test_what_may_pass(error: Exception, transient: bool, settling: bool) -> None:
    assert (is_transient(error), is_settling(error)) == (transient, settling)


def test_what_may_pass_is_tried_again() -> None:
    failing = Failing(StoreUnavailable("one"), KafkaTimeoutError("two"))
    assert retrying(Limits(**AT_ONCE))(failing, "done") == "done"


def test_what_does_not_pass_is_raised_at_once() -> None:
    failing = Failing(StoreError("broken"), StoreError("again"))
    with pytest.raises(StoreError, match="broken"):
        retrying(Limits(**AT_ONCE))(failing, "done")
    assert len(failing.errors) == 1


@pytest.mark.parametrize("limits", [Limits(attempts=2, **AT_ONCE), Limits(attempts=2, seconds=60, **AT_ONCE)])
def test_the_last_error_is_raised_when_the_attempts_are_used_up(limits: Limits) -> None:
    failing = Failing(*(StoreUnavailable(f"{number}") for number in range(5)))
    with pytest.raises(StoreUnavailable, match="1"):
        retrying(limits)(failing, "done")
    assert len(failing.errors) == 3


def test_the_last_error_is_raised_when_the_time_is_over() -> None:
    failing = Failing(*(StoreUnavailable(f"{number}") for number in range(5)))
    with pytest.raises(StoreUnavailable, match="0"):
        retrying(Limits(seconds=0, **AT_ONCE))(failing, "done")


def test_nothing_is_waited_for_when_the_process_stops() -> None:
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(StoreUnavailable, match="one"):
        retrying(Limits(first_pause=60, longest_pause=60), stopping=stopping)(Failing(StoreUnavailable("one")), "done")
