"""Errors: one text in two languages."""

import pickle

import pytest

from gapwatch.pipeline.errors import GapwatchError, StackError, StoreError
from gapwatch.pipeline.publishing.publisher import DeliveryError, InvalidEventError
from gapwatch.pipeline.store.error_codes import CODES
from gapwatch.pipeline.words.catalogue import Speaker, message
from gapwatch.schemas.dead_letters import Reason

CHINESE, ENGLISH = Speaker("zh"), Speaker("en")
NESTED = StackError(
    "{file} is damaged ({error}); {remedy}",
    file="a{b}.json",
    error="at 3",
    remedy=message("gapwatch up writes it anew"),
)


def test_an_error_is_english_in_logs_and_in_the_language_of_whoever_reads_it():
    assert str(NESTED) == ENGLISH.again(NESTED.message) == "a{b}.json is damaged (at 3); gapwatch up writes it anew"
    assert CHINESE.again(NESTED.message) == "a{b}.json 已损坏（at 3）；gapwatch up 会重新写入"


def test_an_error_within_an_error_is_translated_too():
    outer = GapwatchError("{error}; {done} changes were made, the next push makes the rest", error=NESTED, done=2)
    assert CHINESE.again(outer.message) == f"{CHINESE.again(NESTED.message)}；已完成 2 处改动，其余由下一次 push 完成"


@pytest.mark.parametrize("text", ["", "a { that closes nowhere", "x {0} y"])
def test_a_text_without_values_is_said_as_it_is(text):
    assert str(GapwatchError(text)) == CHINESE.again(GapwatchError(text).message) == text


def test_an_error_that_came_from_another_process_can_still_be_translated():
    copied = pickle.loads(pickle.dumps(NESTED))  # noqa: S301 - made a moment ago
    assert CHINESE.again(copied.message) == CHINESE.again(NESTED.message)


@pytest.mark.parametrize(
    ("error", "english", "chinese"),
    [
        (
            InvalidEventError(Reason.EMPTY_TEXT, "text", "e1"),
            "event e1 was not published: empty_text: text",
            "事件 e1 没有发布：empty_text：text",
        ),
        (
            InvalidEventError(Reason.EMPTY_TEXT, "text"),
            "an event was not published: empty_text: text",
            "有一个事件没有发布：empty_text：text",
        ),
        (
            DeliveryError(["e1", "e2"], RuntimeError("gone")),  # type: ignore[arg-type]
            "Kafka did not accept event e1 and 1 published after it: gone",
            "Kafka 没有接受事件 e1 及其后发布的 1 个事件：gone",
        ),
    ],
)
def test_what_a_publisher_is_told(error, english, chinese):
    assert (str(error), CHINESE.again(error.message)) == (english, chinese)


def test_every_reason_of_clickhouse_has_its_chinese():
    for _, why in CODES.values():
        assert CHINESE.again(StoreError("{why}", why=message(why)).message) != why
