"""What makes two records one event."""

from datetime import UTC, datetime
from itertools import combinations

from gapwatch.pipeline.events.identity import Identity, hash_of
from gapwatch.schemas.events import Complaint, Feedback

SHARED = {
    "event_id": "1",
    "event_time": datetime(2026, 11, 1, tzinfo=UTC),
    "channel": "app",
    "customer_id": "c",
    "text": "慢",
}


def test_type_channel_customer_and_id_and_nothing_else() -> None:
    first = Identity.of(Feedback(**SHARED))
    assert first == ("feedback", "app", "c", "1")
    assert Identity.of(Feedback(**SHARED | {"text": "快", "order_id": "o", "rating": 5})) == first
    others = [
        first,
        Identity.of(Complaint(**SHARED)),
        *(
            Identity.of(Feedback(**SHARED | one))
            for one in ({"channel": "qq"}, {"customer_id": "d"}, {"event_id": "2"})
        ),
        # The same letters, cut elsewhere.
        *(Identity.of(Feedback(**SHARED | {"customer_id": a, "event_id": b})) for a, b in (("c1", "2"), ("c", "12"))),
    ]
    for one, other in combinations(others, 2):
        assert one != other
        assert hash_of(one) != hash_of(other)
