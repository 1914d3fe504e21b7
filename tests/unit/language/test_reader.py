"""The whole reading: sentiment, clauses, chats, ratings, and any input at all."""

import pytest

from gapwatch.pipeline.language.reader import Reader

HOSTILE = {
    "empty": "",
    "blank": " \n\t\u3000",
    "punctuation": "，。！？……" * 1_000,
    "emoji": "😡😀" * 2_000,
    "control characters": "".join(map(chr, range(32))) * 500,
    "half a surrogate pair": "快递\ud800太慢",
    "one character": "好" * 200_000,
    "one letter": "a" * 200_000,
    "no clause ends": "物流很慢包装也破了" * 10_000,
    "all clause ends": "慢，" * 50_000,
    "turns of the tide": "但是" * 50_000,
    "opening tags": "<" * 50_000,
    "entities": "&#" * 50_000,
    "mixed scripts": "abc質量ñö很差العربية一般" * 2_000,
    "combining": "好" + "\u0301" * 20_000,
}


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_any_text_is_read(text: str, reader: Reader) -> None:
    (reading,) = reader.read([text])
    assert -1 <= reading.sentiment_score <= 1
    for clause in reading.clauses:
        assert 0 <= clause.start < clause.end <= len(reading.text)
    for item in reading.evidence:
        assert reading.text[item.start : item.end] == item.text


@pytest.mark.parametrize("text", ["", " \n", "。。。", "\x00\x01"])
def test_without_words_there_is_no_feeling(text: str, reader: Reader) -> None:
    (reading,) = reader.read([text])
    assert (reading.sentiment, reading.sentiment_score, reading.gaps, reading.clauses) == ("neutral", 0.0, (), ())


@pytest.mark.parametrize(("rating", "sentiment"), [(1, "negative"), (2, "negative"), (3, "neutral"), (5, "positive")])
def test_without_words_the_rating_speaks(rating: int, sentiment: str, reader: Reader) -> None:
    assert reader.read([""], [rating])[0].sentiment == sentiment


def test_a_batch_reads_as_its_texts_do(reader: Reader) -> None:
    texts = ["物流很快，但是包装破了", "", "还行吧", "客服态度恶劣！！！打13812345678没人接", "很好" * 50]
    assert reader.read(texts) == [reading for text in texts for reading in reader.read([text])]
    assert reader.read([]) == []


def test_clauses_speak_of_their_things(reader: Reader) -> None:
    (reading,) = reader.read(["物流很快，但是包装破了"])
    logistics, packaging = reading.clauses
    assert (logistics.aspect, packaging.aspect) == ("logistics", "packaging")
    assert logistics.sentiment_score > 0.5
    assert packaging.sentiment_score < -0.5
    assert reading.text[packaging.start : packaging.end] == "但是包装破了"


def test_clauses_keep_their_place_when_the_text_is_normalised(reader: Reader) -> None:
    (reading,) = reader.read(["質量很好！！！！！！，，，包装破了"])
    last = reading.clauses[-1]
    assert reading.text[last.start : last.end] == "包装破了"


def test_a_rating_is_a_hint(reader: Reader) -> None:
    low, none, high = reader.read(["东西收到了"] * 3, [1, None, 5])
    assert low.sentiment_score < none.sentiment_score < high.sentiment_score


def test_text_against_rating_is_flagged(reader: Reader) -> None:
    texts = ["非常满意，质量很好，下次还来"] * 2 + ["垃圾，质量太差了，再也不买"] * 2
    flags = [reading.rating_conflict for reading in reader.read(texts, [1, 5, 5, 1])]
    assert flags == [True, False, True, False]


def test_a_chat_goes_from_start_to_end(reader: Reader) -> None:
    said = ["你好，在吗", "太差了，等了一个星期还没到，很生气", "好的，问题解决了，非常感谢，很满意"]
    chat = reader.read_chat(said, "\n".join(said))
    assert len(chat.turn_scores) == 3
    assert chat.low == chat.turn_scores[1] == min(chat.turn_scores) < -0.5
    assert (chat.start, chat.end) == (chat.turn_scores[0], chat.turn_scores[-1])
    assert chat.end > 0.5
    assert chat.reading == reader.read(["\n".join(said)])[0]


def test_a_chat_without_the_customer(reader: Reader) -> None:
    chat = reader.read_chat([], "")
    assert (chat.turn_scores, chat.reading.sentiment) == ((), "neutral")


def test_words_are_weighed(reader: Reader) -> None:
    weights = {token.text: token.weight for token in reader.explain("质量太差了")}
    assert weights["太差"] < 0 if "太差" in weights else weights["差"] < 0
    assert reader.explain("") == []
