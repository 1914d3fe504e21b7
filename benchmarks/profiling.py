"""Where one worker's processor time goes: by stage and by thread, as a table and as a flame graph.

    nice .venv/bin/python benchmarks/profiling.py [--events 100000] [--flames FILE.svg] [--out FILE.json]

A fresh worker takes events that the topic holds; from a tenth of them to nine tenths py-spy looks a hundred times a
second where each thread is. How long each thread was on a processor says the system, not py-spy, which may take one
that waits for one at work: samples share out a thread's time among its functions, no more, and those in a function that
waits do not count. A stage is that of the innermost function that belongs to one. Python's own searches for cycles are
part of what they interrupt.

py-spy runs in an environment of its own, made on the first run. It reads the memory of other processes: where the
system forbids that (`kernel.yama.ptrace_scope`), run it as root.
"""

import json
import os
import re
import signal
import subprocess
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click
import psutil
from chart import flames
from environments import DIRECTORY, python_of
from rich.console import Console
from rich.table import Table
from workbench import bench, fill, parts_of, wait_until_stored, worker

PER_SECOND = 100
REST = "the rest"
# By the beginning of a frame: "function (file", or the file alone. The first that fits counts.
STAGES = {
    "searching for cycles": ("_read (pipeline/worker/reader_process.py", "pipeline/worker/gc_tuning.py"),
    "unpacking the log": (
        "agents/transport/unpacking.py",
        "aiokafka/record/",
        "pipeline/kafka/bounded_batch.py",
        "pipeline/kafka/compression.py",
    ),
    "fetching": ("agents/transport/fetching.py", "aiokafka/", "faust/transport/drivers/aiokafka.py"),
    "reading": ("pipeline/language/", "pipeline/events/privacy/"),
    "decoding": ("pipeline/events/decode.py", "schemas/"),
    "columns": ("pipeline/events/columns.py", "pipeline/events/event_reader.py"),
    "between the processes": (
        "pipeline/worker/codec.py",
        "pipeline/worker/reader_process.py",
        "concurrent/futures/process.py",
        "multiprocessing/",
    ),
    "storing": ("pipeline/store/event_store.py", "pipeline/worker/storing.py"),
    "publishing dirty minutes": ("pipeline/kafka/outbox.py",),
    "deriving": ("pipeline/store/aggregates.py", "pipeline/worker/refresh.py"),
    "Faust and the event loop": ("faust/", "mode/", "agents/", "asyncio/"),
}
# Each process stands below the one that started it.
_SAMPLE = re.compile(r".*process (\d+):.*?;thread \((\d+)\): ([^;]*);?(.*) (\d+)$")
_LINE_NUMBER = re.compile(r":\d+\)")
_PACKAGE = "(gapwatch/"
# How threads and processes begin.
_BEGINNINGS = (
    "<module> (",
    "Thread.",
    "_worker (concurrent/futures/thread.py",
    "_WorkItem.run (",
    "spawn_main (",
    "_main (multiprocessing/",
    "BaseProcess.",
)
# Innermost functions that wait: for a socket, another thread or the server's answer.
_WAITING = (
    "EpollSelector.select (",
    "_PollLikeSelector.select (",
    "Condition.wait (",
    "_worker (concurrent/futures/thread.py",
    "Connection.receive_packet (clickhouse_driver/",
    "wait_for_end (",
)

Frames = tuple[str, ...]
Threads = dict[tuple[int, int], float]
"""Processor seconds by process and thread."""


class Sampled(NamedTuple):
    """A stack of a thread from the outermost function on, and how often it was seen."""

    thread: tuple[int, int]
    name: str
    frames: Frames
    count: int


class Profile(NamedTuple):
    """Of each sampled stack and thread its µs of processor time an event; frames begin with process and thread."""

    stacks: dict[Frames, float]
    threads: dict[tuple[str, str], float]
    samples: int


def thread_seconds(processes: Iterable[psutil.Process]) -> Threads:
    return {
        (process.pid, one.id): one.user_time + one.system_time for process in processes for one in process.threads()
    }


@contextmanager
def sampling(python: str, pid: int, path: Path) -> Iterator[None]:
    """Samples of a process and of those below it are at `path` when this ends."""
    command = [str(Path(python).with_name("py-spy")), "record", "--pid", str(pid), "--subprocesses", "--threads"]
    command += ["--function", "--rate", str(PER_SECOND), "--format", "raw", "--output", str(path)]
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log) as spying:
        said = spying.stdout.readline() if spying.stdout else b""  # once it samples
        if b"Sampling" not in said:
            spying.wait()
            log.seek(0)
            raise click.ClickException(f"py-spy: {(said + log.read()).decode().strip()}")
        try:
            yield
        finally:
            spying.send_signal(signal.SIGINT)
            spying.communicate()


def samples(path: Path) -> list[Sampled]:
    """Those of functions at work."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if matched := _SAMPLE.match(line):
            pid, thread, name, frames, count = matched.groups()
            named = tuple(_LINE_NUMBER.sub(")", frame).replace(_PACKAGE, "(") for frame in frames.split(";"))
            if named and not named[-1].startswith(_WAITING):
                found.append(Sampled((int(pid), int(thread)), name, named, int(count)))
    return found


def shared_out(found: Iterable[Sampled], spent: Threads, events: float, names: dict[int, str]) -> Profile:
    """Each thread's time by its samples; `names` of processes by their ids."""
    found = list(found)
    counts: Counter[tuple[int, int]] = Counter()
    for one in found:
        counts[one.thread] += one.count
    titles = {one.thread: _title(one) for one in found}
    stacks: defaultdict[Frames, float] = defaultdict(float)
    threads: defaultdict[tuple[str, str], float] = defaultdict(float)
    for thread, seconds in spent.items():
        title = (names[thread[0]], titles.get(thread, "no samples at work"))
        threads[title] += seconds / events * 1e6
        if thread not in counts:
            stacks[title] += seconds / events * 1e6
    for one in found:
        if one.thread in spent:  # not a process that began meanwhile
            frames = (names[one.thread[0]], titles[one.thread], *_shortened(one.frames))
            stacks[frames] += spent[one.thread] * one.count / counts[one.thread] / events * 1e6
    return Profile(dict(stacks), dict(threads), counts.total())


def _title(sampled: Sampled) -> str:
    """The thread's name without a number; of one that has no name of its own, the function that it runs."""
    name = re.sub(r"[-_]\d+( |$)", " ", sampled.name).strip()
    return next(iter(_shortened(sampled.frames)), name).partition(" (")[0] if name == "Thread" else name


def _shortened(frames: Frames) -> Frames:
    return tuple(frame for frame in frames if not frame.startswith(_BEGINNINGS))


def stage_of(frames: Frames) -> str:
    """Of the innermost function that belongs to one."""
    for frame in reversed(frames):
        file = frame.partition(" (")[2]
        for name, beginnings in STAGES.items():
            if frame.startswith(beginnings) or file.startswith(beginnings):
                return name
    return REST


def by_stage(stacks: dict[Frames, float]) -> dict[str, Counter[str]]:
    """µs an event of each stage, by process."""
    found: dict[str, Counter[str]] = {name: Counter() for name in (*STAGES, REST)}
    for frames, us in stacks.items():
        found[stage_of(frames)][frames[0]] += us
    return found


def show(profile: Profile, title: str) -> None:
    console = Console(width=120)
    total = sum(profile.threads.values())
    processes = sorted({process for process, _ in profile.threads})
    table = Table("stage", title=title)
    for name in (*processes, "share"):
        table.add_column(name, justify="right")
    for name, us in sorted(by_stage(profile.stacks).items(), key=lambda item: -item[1].total()):
        shown = (f"{us[process]:.1f}" if us[process] else "" for process in processes)
        table.add_row(name, *shown, f"{us.total() / total:.1%}")
    table.add_section()
    sums = (sum(us for (owner, _), us in profile.threads.items() if owner == process) for process in processes)
    table.add_row("all", *(f"{us:.1f}" for us in sums), f"{total:.1f} µs")
    console.print(table)
    table = Table("process", "thread", title="Threads, by the system's own count")
    for name in ("µs an event", "share"):
        table.add_column(name, justify="right")
    for (process, thread), us in sorted(profile.threads.items(), key=lambda item: -item[1]):
        if us >= total / 1_000:
            table.add_row(process, thread, f"{us:.1f}", f"{us / total:.1%}")
    console.print(table)


def profiled(events: int, directory: Path) -> Profile:
    python = python_of("py-spy", directory)
    with bench() as made, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples"
        fill(made.stack.kafka, events)
        with worker(made.fresh()) as (process, url):
            parts = parts_of(made.stack, process)
            names = {one.pid: part for part in ("worker", "reader") for one in parts[part]}
            wait_until_stored(url, 0.1 * events)
            with sampling(python, process.pid, path):
                _, first = wait_until_stored(url, 0)
                before = thread_seconds([*parts["worker"], *parts["reader"]])
                _, last = wait_until_stored(url, 0.9 * events)
                after = thread_seconds([*parts["worker"], *parts["reader"]])
        spent = {thread: seconds - before.get(thread, 0.0) for thread, seconds in after.items()}
        return shared_out(samples(path), spent, last - first, names)


def written(profile: Profile) -> dict[str, Any]:
    return {
        "samples": profile.samples,
        "stages": {name: dict(us) for name, us in by_stage(profile.stacks).items()},
        "threads": {" · ".join(names): us for names, us in profile.threads.items()},
    }


@click.command()
@click.option("--events", default=100_000, show_default=True)
@click.option("--environments", type=click.Path(path_type=Path), default=DIRECTORY, show_default=True)
@click.option("--flames", "picture", type=click.Path(path_type=Path), help="SVG file for the flame graph.")
@click.option("--out", type=click.Path(path_type=Path), help="JSON file for every figure.")
def main(events: int, environments: Path, picture: Path | None, out: Path | None) -> None:
    profile = profiled(events, environments)
    print(f"{events:,} events, {profile.samples:,} samples of threads at work, load {os.getloadavg()[0]:.0f}")
    show(profile, "Stages, µs of processor time an event")
    if picture:
        title = f"{sum(profile.stacks.values()):.0f} µs of processor time an event, by process, thread and function"
        picture.write_text(flames(title, profile.stacks, stage_of, (*STAGES, REST)), encoding="utf-8")
    if out:
        out.write_text(json.dumps(written(profile), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
