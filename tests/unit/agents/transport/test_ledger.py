"""Offsets of batches: only what is acknowledged without a gap may be committed."""

from dataclasses import dataclass

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from gapwatch.agents.transport.ledger import Ledger

HERE, THERE = TP("t", 0), TP("t", 1)


@dataclass
class Entry:
    tp: TP
    next_offset: int
    size: int = 10
    count: int = 1
    acked: bool = False


def acknowledge(ledger: Ledger, batch: Entry) -> None:
    batch.acked = True
    ledger.settle(batch.tp)


def entered(ledger: Ledger, *ends: int, tp: TP = HERE) -> list[Entry]:
    batches = [Entry(tp, end) for end in ends]
    for batch in batches:
        ledger.enter(batch)
    return batches


def test_the_first_batch_holds_up_all_behind_it() -> None:
    ledger = Ledger()
    first, second = entered(ledger, 100, 250)
    acknowledge(ledger, second)
    assert ledger.safe_offset(HERE) is None
    acknowledge(ledger, first)
    assert ledger.safe_offset(HERE) == 250
    assert ledger.bytes_held == 0


def test_partitions_do_not_wait_for_each_other() -> None:
    ledger = Ledger()
    entered(ledger, 100)
    (other,) = entered(ledger, 7, tp=THERE)
    acknowledge(ledger, other)
    assert ledger.safe_offsets() == {THERE: 7}


def test_what_was_forgotten_moves_nothing() -> None:
    ledger = Ledger()
    (old,) = entered(ledger, 100)
    ledger.forget([HERE])
    (new,) = entered(ledger, 300)
    acknowledge(ledger, old)
    assert not ledger.holds(old)
    assert ledger.safe_offset(HERE) is None
    acknowledge(ledger, new)
    assert ledger.safe_offset(HERE) == 300


def test_what_is_no_record_is_safe_when_all_before_it_is() -> None:
    ledger = Ledger()
    ledger.pass_over(THERE, 7)
    assert ledger.safe_offsets() == {THERE: 7}
    first, second = entered(ledger, 100, 250)
    ledger.pass_over(HERE, 260)
    acknowledge(ledger, second)
    assert ledger.safe_offset(HERE) is None
    acknowledge(ledger, first)
    assert ledger.safe_offset(HERE) == 260
    ledger.pass_over(HERE, 261)
    assert ledger.safe_offset(HERE) == 261


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.randoms())
def test_in_any_order_of_acknowledgement_the_safe_offset_is_the_first_gap(lengths: list[int], random: object) -> None:
    ledger = Ledger()
    ends = [sum(lengths[: number + 1]) for number in range(len(lengths))]
    batches = entered(ledger, *ends)
    order = list(batches)
    random.shuffle(order)  # type: ignore[attr-defined]
    for batch in order:
        acknowledge(ledger, batch)
        done = next((number for number, one in enumerate(batches) if not one.acked), len(batches))
        assert ledger.safe_offset(HERE) == (ends[done - 1] if done else None)
        assert ledger.records_held(HERE) == len(batches) - done
