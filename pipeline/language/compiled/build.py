"""Compiles the analysis to machine code and writes it to standard output, after a line with the function's name."""

import logging
import sys
from typing import Any

from numba import cfunc, typeof, types

from gapwatch.pipeline.language.analysis import Buffers, Models, analyse_texts
from gapwatch.pipeline.language.models.gaps_model import GapModel
from gapwatch.pipeline.language.models.sentiment import SentimentModel


def main() -> None:
    logging.disable(logging.WARNING)  # who started this process has warned of the same cache
    models, buffers = Models.of(SentimentModel.shipped(), GapModel.shipped()), Buffers.example()
    pointers: list[Any] = [types.CPointer(typeof(one)) for one in (models, buffers)]  # type: ignore[no-untyped-call]

    @cfunc(types.int64(*pointers, types.int64))
    def analyse(models: Any, buffers: Any, texts: int) -> int:
        return analyse_texts(models[0], buffers[0], texts)

    made: Any = analyse
    code = made._library._get_compiled_object()  # noqa: SLF001 - what numba keeps for the next process
    sys.stdout.buffer.write(made.native_name.encode() + b"\n" + code)


if __name__ == "__main__":
    main()
