"""What the reader makes of our own sentences: for each kind of language a share that must be right."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from gapwatch.pipeline.language.reader import Reader
from gapwatch.pipeline.language.reading import Reading

BEHAVIOUR = tomllib.loads(Path(__file__).with_name("behaviour.toml").read_text(encoding="utf-8"))
CHOICE = re.compile(r"\{([^{}]*)\}")

Template = Mapping[str, Any]


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


def expand(text: str) -> Iterator[str]:
    """Each sentence of a template: 质量{好|差} gives 质量好 and 质量差."""
    parts = CHOICE.split(text)
    parts[1::2] = [part.split("|") for part in parts[1::2]]
    parts[::2] = [[part] for part in parts[::2]]
    return ("".join(choice) for choice in product(*parts))


def sentences(kind: str) -> list[tuple[str, Template]]:
    return [(text, template) for template in BEHAVIOUR["template"][kind] for text in expand(template["text"])]


def faults(reading: Reading, expected: Template) -> list[str]:
    """What of the reading is not as expected, in words."""
    seen = {"sentiment": reading.sentiment, "primary": reading.primary_gap, "conflict": reading.rating_conflict}
    found = [f"{name} {seen[name]}" for name in seen if name in expected and seen[name] != expected[name]]
    found += [f"no {gap}" for gap in expected.get("gaps", ()) if gap not in reading.gaps]
    return found + [
        f"{aspect} {score:+.2f}"
        for aspect, sign in expected.get("clauses", {}).items()
        for score in [clause_score(reading, aspect)]
        if (score > 0) != (sign == "positive")
    ]


def clause_score(reading: Reading, aspect: str) -> float:
    scores = [clause.sentiment_score for clause in reading.clauses if clause.aspect == aspect]
    return scores[0] if scores else float("nan")


@pytest.mark.parametrize("kind", BEHAVIOUR["template"])
def test_kind_reaches_its_share(reader: Reader, kind: str) -> None:
    cases = sentences(kind)
    readings = reader.read([text for text, _ in cases], [template.get("rating") for _, template in cases])
    wrong = {
        text: found
        for (text, template), reading in zip(cases, readings, strict=True)
        if (found := faults(reading, template))
    }
    share = 1 - len(wrong) / len(cases)
    print(f"{kind}: {share:.1%} of {len(cases)}")
    for text, found in wrong.items():
        print(f"  {text}: {', '.join(found)}")
    assert share >= BEHAVIOUR["minimum"][kind]


def test_enough_templates() -> None:
    assert sum(map(len, BEHAVIOUR["template"].values())) >= 80
    assert BEHAVIOUR["minimum"].keys() == BEHAVIOUR["template"].keys()
