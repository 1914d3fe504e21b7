"""Token buckets and the room for bytes."""

import pytest

from gapwatch.pipeline.publishing.gateway.limits import Bucket, Room
from gapwatch.pipeline.publishing.gateway.refusal import Refusal


def test_a_bucket_may_be_overdrawn_once_and_fills_again() -> None:
    now = 0.0
    bucket = Bucket(10, clock=lambda: now)
    assert bucket.wait() == 0
    bucket.take(100)
    assert bucket.wait() == pytest.approx(8.1)
    now = 8.2
    assert bucket.wait() == 0


def test_a_bucket_holds_two_seconds_at_the_most() -> None:
    now = 0.0
    bucket = Bucket(10, clock=lambda: now)
    now = 1_000.0
    bucket.take(20)
    assert bucket.wait() > 0


def test_room_is_given_back_also_after_an_error() -> None:
    room = Room(100)

    def hold(*sizes: int) -> None:
        with room.share() as share:
            for size in sizes:
                share.grow(size)

    with pytest.raises(Refusal):
        hold(90, 20)
    hold(60, 40)
    with room.share() as share:
        share.grow(100)
        with pytest.raises(Refusal):
            hold(1)
