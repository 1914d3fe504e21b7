"""Compiles the reading to machine code and writes it to standard output, after a line with the function's name."""

import sys
from typing import Any

from numba import cfunc, typeof, types

from gapwatch.pipeline.language.analysis import Knowledge, Work, read_texts
from gapwatch.pipeline.language.models.gaps_model import GapModel
from gapwatch.pipeline.language.models.sentiment import SentimentModel


def main() -> None:
    knowledge, work = Knowledge.of(SentimentModel.shipped(), GapModel.shipped()), Work.example()
    pointers: list[Any] = [types.CPointer(typeof(one)) for one in (knowledge, work)]  # type: ignore[no-untyped-call]

    @cfunc(types.int64(*pointers, types.int64))
    def read(knowledge: Any, work: Any, texts: int) -> int:
        return read_texts(knowledge[0], work[0], texts)

    made: Any = read
    code = made._library._get_compiled_object()  # noqa: SLF001 - what numba keeps for the next process
    sys.stdout.buffer.write(made.native_name.encode() + b"\n" + code)


if __name__ == "__main__":
    main()
