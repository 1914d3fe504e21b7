"""Learning and measuring sentiment, on sentences of our own."""

import gzip
import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gapwatch.commands.cli import gapwatch
from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.language.models.sentiment import SentimentModel
from gapwatch.pipeline.training import evaluation, train_sentiment
from gapwatch.pipeline.training.evaluation import Predictions
from gapwatch.pipeline.training.examples import Labelled, read_labelled

THINGS = ("物流", "包装", "质量", "客服", "味道", "房间", "价格", "服务")
GOOD = ("很好", "不错，很满意", "非常棒", "太好了")
BAD = ("很差", "太差了，很失望", "非常糟糕", "不好")
PLAIN = ("怎么样？", "是多少？", "在哪里看？")


def examples() -> list[Labelled]:
    kinds = {"positive": GOOD, "negative": BAD, "neutral": PLAIN}
    return [
        Labelled(thing + word, label, "ours")
        for label, words in kinds.items()
        for thing, word in product(THINGS, words)
    ]


@pytest.fixture(scope="module")
def weights() -> bytes:
    return train_sentiment.train(examples())


def test_the_same_texts_give_the_same_weights(weights: bytes) -> None:
    assert SentimentModel(train_sentiment.train(examples())).version == SentimentModel(weights).version


def test_what_was_taught_is_known(weights: bytes) -> None:
    model = SentimentModel(weights)
    scores = evaluation.sentiment_scores(model, ["外观很好", "外观太差了，很失望"])
    assert scores.positive[0] > 0 > scores.positive[1]


def test_labels_of_a_source_count_alike() -> None:
    rows = [Labelled("a", "positive", "s")] * 3 + [Labelled("b", "negative", "s")]
    weighed = train_sentiment.balance(rows)
    assert weighed[:3].sum() == pytest.approx(weighed[3:].sum())


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl.gz"
    lines = [json.dumps({"text": "好", "label": "positive"}), json.dumps({"text": "好", "label": "happy"})]
    file.write_bytes(gzip.compress("\n".join(lines).encode()))
    with pytest.raises(GapwatchError, match="line 2"):
        read_labelled([file])


def test_the_scorecard_counts() -> None:
    rows = [Labelled("", label, "s") for label in ("positive", "positive", "negative", "neutral")]
    predicted = Predictions(
        np.array([0.9, -0.2, -0.8, 0.0]),
        np.array(["positive", "negative", "negative", "neutral"]),
        np.array([3.0, -0.4, -2.0, 0.0]),
    )
    card = evaluation.score(rows, predicted)
    assert card.polarity.value == pytest.approx(2 / 3)
    assert card.polarity.low < 2 / 3 < card.polarity.high
    assert card.confusion == [[1, 0, 0], [0, 1, 0], [1, 0, 1]]
    assert card.macro_f1.value == pytest.approx((2 / 3 + 1 + 2 / 3) / 3)


def test_sure_and_right_is_calibrated_sure_and_wrong_is_not() -> None:
    odds = np.full(100, 8.0)
    assert evaluation.calibration_error(odds, np.ones(100, bool)) < 0.01
    assert evaluation.calibration_error(odds, np.zeros(100, bool)) > 0.9


def test_commands_train_and_evaluate(tmp_path: Path) -> None:
    data, output = tmp_path / "labels.jsonl", tmp_path / "weights.npz"
    lines = [json.dumps({"text": one.text, "label": one.label}) for one in examples()]
    data.write_text("\n".join(lines), encoding="utf-8")
    run = CliRunner().invoke(gapwatch, ["train", "sentiment", "--data", str(data), "--output", str(output)])
    assert run.exit_code == 0, run.output
    command = [
        "evaluate",
        "--data",
        str(data),
        "--weights",
        str(output),
        "--train",
        str(data),
        "--tf-idf",
        "--snownlp",
        "3",
        "--json",
    ]
    run = CliRunner().invoke(gapwatch, command)
    assert run.exit_code == 0, run.output
    readers = json.loads(run.stdout)["readers"]
    assert readers["gapwatch"]["polarity"]["value"] > 0.9
    assert list(readers)[1:] == ["TF-IDF, words and characters", "gapwatch, 3 texts", "SnowNLP, 3 texts"]


def test_the_tables_can_be_read(tmp_path: Path) -> None:
    data = tmp_path / "labels.jsonl"
    data.write_text(
        "\n".join(json.dumps({"text": one.text, "label": one.label}) for one in examples()), encoding="utf-8"
    )
    run = CliRunner().invoke(gapwatch, ["evaluate", "--data", str(data)])
    assert run.exit_code == 0, run.output
    assert "polarity" in run.output


def test_a_source_left_out_is_read_by_what_the_others_taught(tmp_path: Path) -> None:
    data = tmp_path / "labels.jsonl"
    lines = [
        json.dumps({"text": one.text, "label": one.label, "source": f"shop {one.text.startswith(THINGS[:4])}"})
        for one in examples()
    ]
    data.write_text("\n".join(lines), encoding="utf-8")
    command = ["evaluate", "--data", str(data), "--train", str(data), "--left-out", "--curve", "--json"]
    run = CliRunner().invoke(gapwatch, command)
    assert run.exit_code == 0, run.output
    assert "shop True left out" in run.stderr
    printed = json.loads(run.stdout)
    assert all(share["value"] > 0.8 for share in printed["left_out"].values())
    assert [card["macro_f1"]["size"] for card in printed["curve"].values()] == [len(examples())] * 4


def test_short_praise_and_blame_of_our_own_teach_good_and_bad() -> None:
    texts = ["质量真的好", "服务确实不错", "味道真的好难吃", "物流真的好慢"]
    scores = evaluation.sentiment_scores(SentimentModel.configured(), texts)
    assert [odds > 0 for odds in scores.positive] == [True, True, False, False]
