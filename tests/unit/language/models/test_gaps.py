"""Gaps, dimension, stage and evidence of sentences of our own, and what holds for any text."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gapwatch.commands.cli import gapwatch
from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.language.analysis import Analyser
from gapwatch.pipeline.language.models.gaps_lexicon import Lexicon, find_hits
from gapwatch.pipeline.language.models.gaps_model import GapModel
from gapwatch.pipeline.language.models.gaps_severity import severity
from gapwatch.pipeline.language.models.ngrams import Batch
from gapwatch.pipeline.language.models.sentiment import SentimentModel
from gapwatch.pipeline.language.reader import Reader
from gapwatch.pipeline.language.reading import Reading
from gapwatch.pipeline.language.text.normalise import normalise
from gapwatch.pipeline.language.text.tokens import tokenizer
from gapwatch.pipeline.training import train_gaps
from gapwatch.pipeline.training.word_vectors import WordVectors

SENTIMENT, CUT = SentimentModel.configured(), tokenizer().cut
ANALYSER = Analyser(CUT, SENTIMENT, GapModel.shipped())


def read_all(texts: list[str], scores: list[float], analyser: Analyser = ANALYSER) -> list[Reading]:
    return analyser.analyse(texts, list(map(normalise, texts)), [0] * len(texts), scores)


def read(text: str, score: float = -0.7) -> Reading:
    return read_all([text], [score])[0]


@pytest.mark.parametrize(
    ("text", "gap"),
    [
        ("等了两个小时才送到，饭都凉了", "fulfillment"),
        ("发错货了，我要的黑色给我发了白色", "fulfillment"),
        ("打开箱子少了一件，只有两瓶", "fulfillment"),
        ("用了两天就坏了，质量太差", "fulfillment"),
        ("退款申请半个月还没到账", "fulfillment"),
        ("买完第二天就降价两百，申请价保还被拒绝", "communication"),
        ("客服态度恶劣，话没说完就挂我电话", "communication"),
        ("一看就是假货，根本不是正品", "communication"),
        ("跟图片完全不一样，虚假宣传", "communication"),
        ("网页打不开，支付一直失败", "design"),
        ("房间隔音太差，设施陈旧", "design"),
        ("退货流程太麻烦，界面难用", "design"),
        ("价格太贵了，性价比不高", "information"),
        ("不支持无线投屏，也没有蓝牙功能", "information"),
    ],
)
def test_primary_gap(text: str, gap: str) -> None:
    assert read(text).primary_gap == gap


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("质量很好，穿着舒服，下次还来", 0.9),
        ("没有异味，也不掉色，很满意", 0.9),
        ("噪音不大，制冷也快，不错", 0.9),
        ("差评", -0.9),
        ("太差了，再也不买了", -0.9),
        ("这个怎么用啊？", 0.0),
        ("请问这张卡年费多少？", 0.0),
        ("", 0.0),
        ("   \n", 0.0),
        ("🙂🙂🙂", 0.5),
    ],
)
def test_no_complaint(text: str, score: float) -> None:
    reading = read(text, score)
    assert reading.primary_gap == "none"
    assert (reading.gaps, reading.evidence, reading.severity, reading.dimension) == ((), (), 0.0, "none")


def test_a_broken_promise_is_both_late_and_promised() -> None:
    assert set(read("说好三天送到，一个星期还没到").gaps) == {"fulfillment", "communication"}


def test_silence_beside_an_undone_installation_is_communication_too() -> None:
    assert set(read("空调到了一周没人来安装，打电话客服也没人理").gaps) == {"fulfillment", "communication"}


def test_praise_beside_a_complaint_changes_nothing() -> None:
    assert read("东西很好，就是物流慢了点", -0.1).primary_gap == "fulfillment"


@pytest.mark.parametrize(
    ("text", "dimension"),
    [
        ("用了两天就坏了，质量太差", "reliability"),
        ("到货一周了还没有人来安装，催了好几次", "responsiveness"),
        ("客服态度恶劣，骂人", "assurance"),
        ("价格太贵，不值", "empathy"),
        ("房间又小又旧，设施陈旧", "tangibles"),
    ],
)
def test_dimension(text: str, dimension: str) -> None:
    assert read(text).dimension == dimension


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        ("酒店前台态度很差，房间也脏", "in_sale"),
        ("送餐太慢，汤全洒了", "in_sale"),
        ("用了一个月就不制冷了", "after_sale"),
        ("买完就降价，不给退差价", "after_sale"),
    ],
)
def test_stage(text: str, stage: str) -> None:
    assert read(text).stage == stage


def test_evidence_is_the_clause_that_complains() -> None:
    reading = read("酒店位置不错，早餐也好，房间隔音太差了")
    assert [(one.gap, one.text) for one in reading.evidence] == [("design", "房间隔音太差了")]


def test_evidence_of_a_long_clause_is_a_stretch_of_whole_words() -> None:
    text = "这家店给我发来的手机打开以后里面竟然有别人的照片和通话记录明显是翻新机"
    for one in read(text).evidence:
        assert len(one.text) <= 24
        assert text[one.start : one.end] == one.text


@given(st.lists(st.text(max_size=200), min_size=1, max_size=4))
def test_any_text_is_read_and_evidence_lies_inside(texts: list[str]) -> None:
    readings = read_all(texts, [-0.5] * len(texts))
    for text, reading in zip(texts, readings, strict=True):
        assert len(reading.gaps) <= 3
        assert [one.gap for one in reading.evidence] == list(reading.gaps)
        assert 0 <= reading.severity <= 1
        for one in reading.evidence:
            assert one.text
            assert text[one.start : one.end] == one.text


def test_neighbours_in_a_batch_change_nothing() -> None:
    texts = ["送餐太慢，汤全洒了", "质量很好", "", "客服不理人，退款也不到账"]
    scores = [-0.8, 0.9, 0.0, -0.9]
    assert read_all(texts, scores) == list(map(read, texts, scores))


def test_severity_rises_with_danger_and_repetition() -> None:
    texts = ["这家的汤洒了", "这家的汤每次都洒了", "这家的汤洒了，孩子烫伤了"]
    mild, again, danger = (reading.severity for reading in read_all(texts, [-0.5] * 3))
    assert 0 < mild < again < danger <= 1


def test_severity_grows_with_gaps_and_stays_below_one() -> None:
    assert severity(0.1, -0.5, 1) < severity(0.1, -0.5, 2)
    assert severity(0.75, -1.0, 3) == 1.0


def test_lexicon_negation_silences_a_phrase() -> None:
    broken, whole = "包装破损", "没有破损"
    batch = Batch.of([broken, whole], CUT)
    assert {clause for _, clause in find_hits(batch.layout, Lexicon.shipped().arrays).tolist()} == {0}


def test_a_pair_of_words_speaks_within_a_clause_only() -> None:
    lexicon = Lexicon.shipped()
    batch = Batch.of(["物流太慢", "物流，太慢"], CUT)
    hits = find_hits(batch.layout, lexicon.arrays).tolist()
    together = {group for group, clause in hits if clause == 0}
    apart = {group for group, clause in hits if clause > 0}
    assert together - apart


def test_the_command_scores_gaps(tmp_path: Path) -> None:
    rows = [
        {
            "id": "1",
            "text": "发错货了",
            "gaps": ["fulfillment"],
            "primary": "fulfillment",
            "dimension": "reliability",
            "stage": "in_sale",
        },
        {"id": "2", "text": "很好", "gaps": ["none"], "primary": "none", "dimension": "none", "stage": "after_sale"},
    ]
    data = tmp_path / "gaps.jsonl"
    data.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    run = CliRunner().invoke(gapwatch, ["evaluate", "--gaps", str(data)])
    assert run.exit_code == 0, run.output
    assert "accuracy 1.000" in run.output
    data.write_text("{}", encoding="utf-8")
    assert isinstance(CliRunner().invoke(gapwatch, ["evaluate", "--gaps", str(data)]).exception, GapwatchError)


def test_training_learns_from_few_texts() -> None:
    texts = [
        "物流太慢还没到",
        "送餐太慢",
        "还没收到货",
        "客服不理人",
        "客服态度差",
        "客服骂人",
        "很好",
        "很满意",
        "喜欢",
    ] * 2
    primaries = (["fulfillment"] * 3 + ["communication"] * 3 + ["none"] * 3) * 2
    labels = [
        train_gaps.CodedText(
            str(number), text, [primary], primary, "none" if primary == "none" else "reliability", "in_sale"
        )
        for number, (text, primary) in enumerate(zip(texts, primaries, strict=True))
    ]
    labels += [
        train_gaps.CodedText("d", "设计不合理界面难用", ["design"], "design", "tangibles", "pre_sale"),
        train_gaps.CodedText("i", "太贵不支持", ["information"], "information", "empathy", "after_sale"),
        train_gaps.CodedText("r", "没人理等半天", ["communication"], "communication", "responsiveness", "after_sale"),
        train_gaps.CodedText("a", "骗人假货", ["communication"], "communication", "assurance", "after_sale"),
    ]
    words = WordVectors(["太慢", "客服"], np.eye(2, 8, dtype=np.float32))
    seen = train_gaps.features([label.text for label in labels])
    model = GapModel(train_gaps.pack(train_gaps.train(seen, labels, np.ones(len(labels)), words)))
    analyser = Analyser(CUT, SENTIMENT, model)
    read = read_all(["物流太慢", "客服态度差"], [-0.5, -0.5], analyser)
    assert [one.primary_gap for one in read] == ["fulfillment", "communication"]


@pytest.mark.parametrize(
    "text",
    [
        "包装完好，没有磕碰坏的，很新鲜",
        "不存在乱收费，师傅很专业，非常满意",
        "早早就下单了，送得很快，味道很好",
        "是正品不是翻新机，手机挺好的",
        "质量真的好，很满意",
    ],
)
def test_praise_in_the_words_of_a_fault_is_no_complaint(text: str) -> None:
    assert Reader().read([text])[0].primary_gap == "none"


@pytest.mark.parametrize("text", ["味道不错，就是送餐太慢了", "手机挺好的，可惜屏幕有坏点，客服也不理人"])
def test_a_fault_conceded_in_praise_is_still_found(text: str) -> None:
    assert Reader().read([text])[0].primary_gap != "none"
