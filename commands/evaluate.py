"""`gapwatch evaluate`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from rich.console import Console
from rich.table import Table

from gapwatch.commands.language import say

if TYPE_CHECKING:
    from gapwatch.pipeline.training.evaluation import Scorecard, Share

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(epilog="Example: gapwatch evaluate --data dev.jsonl --train train.jsonl.gz --tf-idf --snownlp 300")
@click.option("--data", type=_FILE, multiple=True, help='{"text", "label"[, "source"]} lines; repeatable.')
@click.option(
    "--gaps", type=_FILE, help='Read gaps too: {"id", "text", "gaps", "primary", "dimension", "stage"} lines.'
)
@click.option("--weights", type=_FILE, help="A weight file of `gapwatch train sentiment`; by default the one in force.")
@click.option("--train", "trained_on", type=_FILE, multiple=True, help="What --tf-idf, --left-out, --curve learn from.")
@click.option("--tf-idf", is_flag=True, help="Compare with TF-IDF and logistic regression learned from --train.")
@click.option("--snownlp", type=click.IntRange(0), default=0, help="Compare with SnowNLP on so many of the texts.")
@click.option("--left-out", is_flag=True, help="Learn anew without each source, then read it.")
@click.option("--curve", is_flag=True, help="Learn anew from 10, 25, 50 and 100 % of the texts of --train.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def evaluate(  # noqa: PLR0917 - click passes by name
    data: tuple[Path, ...],
    gaps: Path | None,
    weights: Path | None,
    trained_on: tuple[Path, ...],
    snownlp: int,
    tf_idf: bool,
    left_out: bool,
    curve: bool,
    as_json: bool,
) -> None:
    """How well sentiment and gaps are read on labelled texts, with 95 % intervals, beside the baselines."""
    if not (data or gaps):
        raise click.UsageError(say("give --data, --gaps or both"))
    if (tf_idf or left_out or curve) and not trained_on:
        raise click.UsageError(say("--tf-idf, --left-out and --curve need --train"))
    from gapwatch.pipeline.training import evaluation  # noqa: PLC0415 - scikit-learn belongs to the train extra
    from gapwatch.pipeline.training.examples import read_labelled  # noqa: PLC0415

    if gaps:
        click.echo(_gaps(gaps))
    if not data:
        return
    examples, learned = read_labelled(data), read_labelled(trained_on)
    cards = {"gapwatch": evaluation.score(examples, evaluation.predict(examples, weights))}
    if tf_idf:
        _progress(say("TF-IDF learns from {count} texts", count=f"{len(learned):,}"))
        cards[say("TF-IDF, words and characters")] = evaluation.score(
            examples, evaluation.predict_tf_idf(examples, learned)
        )
    if snownlp:
        sample = evaluation.sample(examples, snownlp)
        _progress(say("SnowNLP reads {count} texts", count=len(sample)))
        of = len(sample)
        cards[say("{reader}, {count} texts", reader="gapwatch", count=of)] = evaluation.score(
            sample, evaluation.predict(sample, weights)
        )
        cards[say("{reader}, {count} texts", reader="SnowNLP", count=of)] = evaluation.score(
            sample, evaluation.predict_snownlp(sample)
        )
    apart = evaluation.domain_left_out(learned, examples, _progress) if left_out else {}
    shares = evaluation.learning_curve(learned, examples, _progress) if curve else {}
    if as_json:
        click.echo(msgspec.json.encode({"readers": cards, "left_out": apart, "curve": shares}))
        return
    _show(cards, apart, shares)


def _progress(line: str) -> None:
    click.echo(line, err=True)


def _gaps(path: Path) -> str:
    from gapwatch.pipeline.training.train_gaps import read_labels, score_reader  # noqa: PLC0415 - scikit-learn belongs to train

    return str(score_reader(read_labels(path)))


def _show(cards: "dict[str, Scorecard]", apart: "dict[str, Share]", curve: "dict[str, Scorecard]") -> None:
    console = Console()
    console.print(_overview(say("reader"), cards))
    console.print(_sources(cards))
    console.print(_confusion(next(iter(cards.values()))))
    if apart:
        console.print(_left_out(apart))
    if curve:
        console.print(_overview(say("learnt from"), curve))


def _overview(title: str, cards: "dict[str, Scorecard]") -> Table:
    table = Table(
        title,
        say("polarity accuracy"),
        say("on service sources"),
        say("three classes, macro-F1"),
        say("calibration error"),
    )
    for name, card in cards.items():
        table.add_row(
            name,
            _interval(card.polarity),
            _interval(card.service),
            _interval(card.macro_f1),
            f"{card.calibration_error:.3f}",
        )
    return table


def _sources(cards: "dict[str, Scorecard]") -> Table:
    table = Table(say("polarity by source"), *cards)
    for source in sorted({name for card in cards.values() for name in card.by_source}):
        table.add_row(
            source, *(_interval(card.by_source[source]) if source in card.by_source else "" for card in cards.values())
        )
    return table


def _confusion(card: "Scorecard") -> Table:
    labels = list(card.f1)
    table = Table(say("true \\ read"), *labels, "F1")
    for label, counts in zip(labels, card.confusion, strict=True):
        table.add_row(label, *map(str, counts), f"{card.f1[label]:.3f}")
    return table


def _left_out(apart: "dict[str, Share]") -> Table:
    table = Table(say("source left out of training"), say("polarity accuracy"))
    for source, share in apart.items():
        table.add_row(source, _interval(share))
    table.add_row(say("mean"), f"{sum(share.value for share in apart.values()) / len(apart):.3f}")
    return table


def _interval(share: "Share") -> str:
    return f"{share.value:.3f} ({share.low:.3f}-{share.high:.3f}) n={share.size:,}"
