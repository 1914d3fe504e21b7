"""Every alert reaches every target once, whatever fails on the way."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapwatch.pipeline.alerts.courier import FIRST_PAUSE, Courier
from gapwatch.pipeline.alerts.message import Writer
from gapwatch.pipeline.errors import StoreUnavailable
from gapwatch.pipeline.signals.series import Place, Series
from gapwatch.pipeline.signals.verdict import Signal

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


class Target:
    def __init__(self, name="dingtalk", severity="notice", answers=()):
        self.name, self.severity = name, severity
        self.answers = list(answers)
        self.received = []

    def send(self, message):
        taken = self.answers.pop(0) if self.answers else True
        if taken:
            self.received.append(message.title)
        return taken


class Store:
    """What the table `alert_deliveries` would hold; it outlives a courier."""

    def __init__(self):
        self.rows = {}
        self.refuses = 0

    def done(self, signal):
        self._answer()
        return {name for (key, name), (outcome, _) in self.rows.items() if key == _key(signal) and outcome != "failed"}

    def note(self, signal, target, outcome, attempts):
        self._answer()
        self.rows[_key(signal), target] = (outcome, attempts)

    def quotes(self, signal):
        self._answer()
        return []

    def _answer(self):
        if self.refuses:
            self.refuses -= 1
            raise StoreUnavailable("away")


def _key(signal):
    return signal.series.key, signal.minute


def signal(state="opened", product="净水器", severity="warning", minute=START):
    series = Series("fulfillment", Place(product_id=product))
    return Signal(series, minute, START, START, state, severity, "worse")


def courier(store, targets, clock=None):
    return Courier(store, Writer("zh", "UTC", None), targets, max_age=timedelta(hours=24), clock=clock or Clock())


def test_targets_are_told_from_their_severity_on():
    everything, grave = Target("a", "notice"), Target("b", "critical")
    post = courier(Store(), [everything, grave])
    post.take(0, 0, signal(severity="warning"))
    post.take(0, 1, signal(severity="critical", product="空调"))
    post.work()
    assert (len(everything.received), len(grave.received)) == (2, 1)
    assert post.offsets() == {0: 2}


def test_what_a_target_refuses_is_tried_again_later_and_holds_the_offset():
    clock, store, target = Clock(), Store(), Target(answers=[False, False])
    post = courier(store, [target], clock)
    post.take(0, 5, signal())
    post.take(0, 6, signal(product="空调"))
    post.work()
    post.work()
    assert post.offsets() == {0: 5}
    assert store.rows[_key(signal()), "dingtalk"] == ("failed", 1)
    clock.now += FIRST_PAUSE
    post.work()
    assert len(target.received) == 2
    assert post.offsets() == {0: 7}
    assert store.rows[_key(signal()), "dingtalk"] == ("sent", 2)


def test_one_target_that_is_down_does_not_keep_the_others_waiting():
    down, up = Target("down", answers=[False] * 9), Target("up")
    post = courier(Store(), [down, up])
    for number in range(3):
        post.take(0, number, signal(product=str(number)))
    post.work()
    assert len(up.received) == 3


def test_a_recovery_waits_for_its_opening():
    clock, target = Clock(), Target(answers=[False])
    post = courier(Store(), [target], clock)
    post.take(0, 0, signal())
    post.take(0, 1, signal("recovered", minute=START + timedelta(minutes=9)))
    post.work()
    assert target.received == []
    clock.now += FIRST_PAUSE
    post.work()
    assert ["变差" in target.received[0], "恢复" in target.received[1]] == [True, True]


def test_a_restart_sends_nothing_twice():
    store, target = Store(), Target()
    for _ in range(3):
        post = courier(store, [target])
        post.take(0, 0, signal())
        post.work()
        assert post.undelivered == 0
    assert len(target.received) == 1


def test_a_store_that_is_away_after_the_sending_does_not_make_it_send_again():
    store, target = Store(), Target()
    post = courier(store, [target])
    post.take(0, 0, signal())

    def away_from_now_on(message):
        store.refuses = 2
        target.received.append(message.title)
        return True

    target.send = away_from_now_on
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            post.work()
    post.work()
    assert len(target.received) == 1
    assert store.rows[_key(signal()), "dingtalk"][0] == "sent"


def test_an_alert_that_is_too_old_is_noted_and_not_sent():
    clock, store, target = Clock(), Store(), Target()
    clock.now += timedelta(hours=25)
    post = courier(store, [target], clock)
    post.take(0, 0, signal())
    post.work()
    assert target.received == []
    assert store.rows[_key(signal()), "dingtalk"][0] == "expired"
    assert post.offsets() == {0: 1}


def test_what_another_signal_explains_is_not_announced():
    target = Target()
    post = courier(Store(), [target])
    post.take(0, 0, signal()._replace(part_of="fulfillment{}"))
    post.work()
    assert target.received == []
    assert post.offsets() == {0: 1}


def test_partitions_given_away_are_forgotten():
    target = Target(answers=[False])
    post = courier(Store(), [target])
    post.take(3, 0, signal())
    post.work()
    post.drop({3})
    assert (post.undelivered, post.offsets()) == (0, {})


@given(st.lists(st.lists(st.booleans(), max_size=4), min_size=2, max_size=2), st.lists(st.booleans(), max_size=30))
def test_none_is_lost_and_none_doubled(answers, store_answers):
    """Two targets that refuse as they like, a store that is away now and then, and a restart at each error."""
    clock, store = Clock(), Store()
    targets = [Target(f"t{number}", answers=given) for number, given in enumerate(answers)]
    post = courier(store, targets, clock)
    changes = [signal(product=str(number)) for number in range(3)]
    for offset, change in enumerate(changes):
        post.take(0, offset, change)
    for away in [*store_answers, *[False] * 20]:
        store.refuses = int(away)
        with suppress(StoreUnavailable):
            post.work()
        store.refuses = 0
        clock.now += timedelta(minutes=5)
    assert post.undelivered == 0
    for target in targets:
        assert len(target.received) == 3
