from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapwatch.pipeline.events.conversations import LONGEST_SPAN, measure, ordered
from gapwatch.schemas.events import Chat, Role, Turn

START = datetime(2026, 11, 20, 9, tzinfo=UTC)
ROLES: dict[str, Role] = {"c": "customer", "a": "agent", "b": "bot"}


def at(seconds: float | None) -> datetime | None:
    return None if seconds is None else START + timedelta(seconds=seconds)


def chat(*turns: tuple[str, float | None], ended: float | None = None) -> Chat:
    """A chat of turns such as ("c", 0): who, and how many seconds after the start."""
    return Chat(
        event_id="e",
        event_time=START,
        channel="app",
        customer_id="c",
        conversation_id="k",
        turns=[Turn(role=ROLES[who], text=str(number), at=at(when)) for number, (who, when) in enumerate(turns)],
        ended_at=at(ended),
    )


def order(*turns: tuple[str, float | None]) -> list[str]:
    return [turn.text for turn in ordered(chat(*turns).turns)]


def test_turns_with_times_are_put_in_order() -> None:
    assert order(("a", 20), ("c", 0), ("b", 5)) == ["1", "2", "0"]


def test_turns_of_one_instant_stay_as_given() -> None:
    assert order(("c", 5), ("a", 5), ("c", 0)) == ["2", "0", "1"]


def test_turns_stay_as_given_when_a_time_is_missing() -> None:
    assert order(("a", 20), ("c", None), ("b", 5)) == ["0", "1", "2"]


def test_an_answered_conversation() -> None:
    measured = measure(chat(("c", 0), ("b", 2), ("c", 30), ("a", 90), ("c", 100), ("a", 400), ("c", 410), ended=600))
    assert measured.first_response_seconds == 90
    assert measured.bot_response_seconds == 2
    assert measured.resolution_seconds == 600
    assert measured.longest_wait_seconds == 300
    assert not measured.unanswered
    assert measured.customer_spoke_last


def test_a_greeting_is_no_response() -> None:
    measured = measure(chat(("a", 0), ("b", 1), ("c", 10), ("a", 25)))
    assert (measured.first_response_seconds, measured.bot_response_seconds) == (15, None)


def test_without_an_end_the_last_turn_ends_the_conversation() -> None:
    assert measure(chat(("a", 0), ("c", 10), ("a", 25), ("c", 70))).resolution_seconds == 60


@pytest.mark.parametrize(
    ("turns", "unanswered"),
    [
        ("c", True),
        ("ac", True),
        ("cbc", True),
        ("cb", False),
        ("ca", False),
        ("cac", False),
        ("a", False),
        ("b", False),
    ],
)
def test_unanswered(turns: str, unanswered: bool) -> None:
    measured = measure(chat(*((who, 10.0 * number) for number, who in enumerate(turns))))
    assert measured.unanswered == unanswered


def test_an_unanswered_customer_waits_until_the_end_and_nothing_is_resolved() -> None:
    measured = measure(chat(("c", 0), ("b", 1), ("c", 300), ended=900))
    assert measured.longest_wait_seconds == 900
    assert measured.resolution_seconds is None
    assert measured.first_response_seconds is None


def test_last_words_after_an_answer_are_no_wait() -> None:
    assert measure(chat(("c", 0), ("a", 40), ("c", 50), ended=9_000)).longest_wait_seconds == 40


def test_without_times_only_the_order_is_known() -> None:
    measured = measure(chat(("c", None), ("b", None), ("a", None), ended=60))
    assert measured.first_response_seconds is None
    assert measured.bot_response_seconds is None
    assert measured.resolution_seconds is None
    assert measured.longest_wait_seconds is None
    assert not measured.unanswered


def test_clocks_that_disagree_measure_nothing() -> None:
    measured = measure(chat(("c", 50), ("a", 20), ("b", None), ended=10))
    assert measured.first_response_seconds is None
    assert measured.resolution_seconds is None


def test_an_absurd_span_measures_nothing() -> None:
    longest = LONGEST_SPAN.total_seconds()
    assert measure(chat(("c", 0), ("a", longest))).first_response_seconds == longest
    assert measure(chat(("c", 0), ("a", longest + 1))).first_response_seconds is None


def test_a_conversation_in_which_the_customer_is_silent() -> None:
    measured = measure(chat(("a", 0), ("b", 10), ended=60))
    assert measured.first_response_seconds is None
    assert measured.resolution_seconds is None
    assert measured.longest_wait_seconds is None


times = st.none() | st.floats(-1e7, 1e7)


@given(st.lists(st.tuples(st.sampled_from("cab"), times), min_size=1, max_size=12), times)
def test_spans_are_never_negative_or_absurd(turns: list[tuple[str, float | None]], ended: float | None) -> None:
    measured = measure(chat(*turns, ended=ended))
    spans = (
        measured.first_response_seconds,
        measured.bot_response_seconds,
        measured.resolution_seconds,
        measured.longest_wait_seconds,
    )
    assert all(span is None or 0 <= span <= LONGEST_SPAN.total_seconds() for span in spans)
    assert sorted(turn.text for turn in measured.turns) == sorted(str(number) for number in range(len(turns)))


def test_every_role_has_a_letter_here() -> None:
    assert set(ROLES.values()) == set(get_args(Role))
