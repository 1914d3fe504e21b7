"""Writes pipeline/language/text/traditional.txt from OpenCC's dictionaries.

pip install opencc-python-reimplemented==0.1.7
python -m gapwatch.pipeline.training.traditional
"""

from importlib.resources import files
from pathlib import Path

TARGET = Path(__file__).parents[1] / "language" / "text" / "traditional.txt"
HEADER = (
    "# Traditional characters, their simplified forms, then phrases that do not follow character by character.\n"
    "# Derived from OpenCC's TSCharacters and TSPhrases (Apache-2.0, https://github.com/BYVoid/OpenCC)\n"
    "# by python -m gapwatch.pipeline.training.traditional; not edited by hand.\n"
)
# OpenCC keeps these in old names and books (於梨華, 幺麽小丑); in feedback they are always 于 and 么.
RARE = frozenset("於麽")


def _rows(name: str) -> list[tuple[str, str]]:
    text = files("opencc").joinpath("dictionary", name).read_text(encoding="utf-8")
    pairs = (line.split("\t") for line in text.splitlines() if "\t" in line)
    return [(source, targets.split()[0]) for source, targets in pairs]


def _is_basic(text: str) -> bool:
    return all(ord(character) < 0x10000 for character in text)


def main() -> None:
    characters = {
        source: target
        for source, target in _rows("TSCharacters.txt")
        if source != target and _is_basic(source + target) and len(target) == 1
    }
    table = str.maketrans(characters)
    phrases = {
        source: target
        for source, target in _rows("TSPhrases.txt")
        if len(source) == len(target)
        and _is_basic(target)
        and source.translate(table) != target
        and not RARE & set(target)
    }
    lines = ["".join(characters), "".join(characters.values()), *(f"{a} {b}" for a, b in sorted(phrases.items()))]
    TARGET.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
