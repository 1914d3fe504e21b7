"""`gapwatch train`."""

from pathlib import Path

import click

from gapwatch.commands.language import say

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def train() -> None:
    """Learn the models from labelled texts. Same texts, same weights."""


@train.command(epilog="Example: gapwatch train sentiment --data labelled.jsonl.gz --output sentiment.npz")
@click.option(
    "--data", type=_FILE, multiple=True, required=True, help='{"text", "label"[, "source"]} lines; repeatable.'
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The weight file.")
def sentiment(data: tuple[Path, ...], output: Path) -> None:
    """Learn sentiment. GAPWATCH_SENTIMENT_WEIGHTS names the file to the readers. Minutes for 100,000 texts."""
    from gapwatch.pipeline.training import examples, train_sentiment  # noqa: PLC0415 - scipy belongs to the train extra

    output.write_bytes(train_sentiment.train(examples.read_labelled(data), report=click.echo))
    click.echo(say("wrote {file}, {size} bytes", file=output, size=f"{output.stat().st_size:,}"))


@train.command(epilog="Example: gapwatch train gaps --data ../shared --folds 5 --output gaps.npz")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with gaps/ and data/ as docs/language.md lays them out.",
)
@click.option("--labels", type=_FILE, multiple=True, help="More texts coded by the guide, one JSON object a line.")
@click.option("--folds", type=click.IntRange(0, 20), default=0, help="Cross-validate on so many folds first.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The weight file.")
def gaps(data: Path, labels: tuple[Path, ...], folds: int, output: Path) -> None:
    """Learn to tell gaps, dimensions and stages. About three minutes on one free core, two more for each fold."""
    from gapwatch.pipeline.training import train_gaps  # noqa: PLC0415 - scipy belongs to the train extra

    more = [label for path in labels for label in train_gaps.read_labels(path)]
    output.write_bytes(train_gaps.learn(data, more, folds, click.echo))
    click.echo(say("wrote {file}, {size} bytes", file=output, size=f"{output.stat().st_size:,}"))
