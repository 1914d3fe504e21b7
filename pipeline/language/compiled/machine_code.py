"""The compiled analysis as machine code that runs without the compiler.

numba compiles it in a process of its own (`build`), once; every reader's process loads it with LLVM's loader
alone, which spares it numba's memory and the time to import it. The code asks for helpers that stand in two extension
modules of numba; these are loaded by themselves.
"""

import ctypes
import functools
import hashlib
import os
import platform
import subprocess
import sys
from array import array
from collections.abc import Callable, Iterator
from importlib.machinery import PathFinder
from importlib.metadata import version
from importlib.util import find_spec, module_from_spec
from itertools import chain
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from gapwatch.pipeline.language.compiled import cache

_HELPERS = (("core/runtime", "_nrt_python", "NRT_"), ("", "_helperlib", "numba_"))
_SIGNATURE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)


@functools.cache
def load_analyse_texts() -> Callable[..., int]:
    """`analysis.analyse_texts`, compiled now if no code was kept.

    It takes the addresses of the `descriptors` of models and of buffers, and the number of texts.
    """
    name, _, code = _code().partition(b"\n")
    for folder, module, prefix in _HELPERS:
        for helper, address in _helpers(folder, module).items():
            llvm.add_symbol(helper if helper.startswith("_") else prefix + helper, address)
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    function = _SIGNATURE(engine.get_function_address(name.decode()))
    function.engine = engine  # type: ignore[attr-defined] # the code goes when it goes
    return function


def descriptors(arrays: Any) -> "array[int]":
    """A tuple, or tuples of tuples, of arrays as compiled functions hold it in memory. The arrays must outlive it."""
    return array("q", chain.from_iterable(map(_descriptor, _flat(arrays))))


def _flat(arrays: Any) -> Iterator[Any]:
    for part in arrays:
        if isinstance(part, tuple):
            yield from _flat(part)
        else:
            yield part


def _descriptor(numbers: Any) -> tuple[int, ...]:
    """An array as numba's ArrayModel has it: who owns it (nobody), sizes, address, shape, strides."""
    if isinstance(numbers, array):
        address, size = numbers.buffer_info()
        return 0, 0, size, numbers.itemsize, address, size, numbers.itemsize
    return 0, 0, numbers.size, numbers.itemsize, numbers.ctypes.data, *numbers.shape, *numbers.strides


def _helpers(folder: str, name: str) -> dict[str, int]:
    numba = find_spec("numba")
    assert numba  # noqa: S101 - a dependency
    assert numba.origin  # noqa: S101
    spec = PathFinder.find_spec(name, [str(Path(numba.origin).parent / folder)])
    assert spec  # noqa: S101
    assert spec.loader  # noqa: S101
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    helpers: dict[str, int] = module.c_helpers
    return helpers


def _code() -> bytes:
    """The kept code, if it was compiled by this numba for this processor, else new one, kept if that is allowed."""
    directory = cache.cache_directory()
    if directory is None:
        return _compiled()
    made_for = [version("numba"), version("llvmlite"), version("numpy"), platform.python_version()]
    made_for += [llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()]
    file = directory / f"analysis-{hashlib.sha256(' '.join(made_for).encode()).hexdigest()[:12]}.o"
    code = cache.read(file)
    if code is None:
        code = _compiled()
        cache.write(file, code)
    return code


def _compiled() -> bytes:
    paths = [str(Path(__file__).parents[4]), os.environ.get("PYTHONPATH")]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "gapwatch.pipeline.language.compiled.build"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdout=subprocess.PIPE,
        check=True,
    )
    return done.stdout
