"""Records of plain texts in which people speak: one for each conversation."""

import io
import re
from collections.abc import Generator
from pathlib import PurePath

from gapwatch.pipeline.events.decode import Reason, Rejected
from gapwatch.pipeline.publishing.files.encodings import UNDECODABLE
from gapwatch.pipeline.publishing.files.record import UNSEEN, Reading, Record
from gapwatch.pipeline.publishing.files.tables import bounded_lines
from gapwatch.pipeline.words.catalogue import message

TRANSCRIPT, FILE = "transcript", "file"


def transcript_records(text: io.TextIOBase, name: str, reading: Reading) -> Generator[Record]:
    """The conversations of a file; without an expression for the line that begins one, it is one conversation.

    Fields are `transcript`, `file`, a name made of the file's that differs between its conversations, and what the
    named groups of the expression find.
    """
    begins = re.compile(reading.begins) if reading.begins else None
    stem = PurePath(name).stem
    number, start, held, groups = 1, 1, list[str](), dict[str, str]()
    for line, content in enumerate(bounded_lines(text, name), 1):
        found = begins.search(content.strip(UNSEEN)) if begins else None
        if found is None or (found.re.groupindex and not any(found.groupdict().values())):
            held.append(content)
            continue
        if any(one.strip(UNSEEN) for one in held):
            yield _record(start, held, groups, stem, number)
            number += 1
        start, held, groups = line, [], {group: value for group, value in found.groupdict().items() if value}
    if any(one.strip(UNSEEN) for one in held):
        yield _record(start, held, groups, stem, number)


def _record(start: int, held: list[str], groups: dict[str, str], stem: str, number: int) -> Record:
    said = "".join(held).strip("\r\n")
    if UNDECODABLE.search(said):
        detail = message("a character is not of the file's encoding")
        return Record(start, said, fault=Rejected(Reason.NOT_UTF8, detail))
    own = {TRANSCRIPT: said, FILE: stem if number == 1 else f"{stem}-{number}"}
    return Record(start, said, own | groups)
