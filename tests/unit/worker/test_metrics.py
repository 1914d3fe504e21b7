"""Every metric is documented, and what is exported is what the catalogue says."""

import threading
from pathlib import Path

from prometheus_client import REGISTRY
from support.repository import ROOT

from gapwatch.pipeline.worker.metrics import CATALOGUE, over_processes

DOCUMENT = ROOT / "docs" / "reference" / "metrics.md"


def test_the_document_has_a_line_for_each_metric() -> None:
    text = DOCUMENT.read_text("utf-8")
    for metric in CATALOGUE:
        labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
        assert f"| `{metric.name}` | {metric.kind} | {labels} | {metric.meaning} |" in text


def test_the_catalogue_is_what_is_exported() -> None:
    exported = {family.name for family in REGISTRY.collect() if family.name.startswith("gapwatch_")}
    assert exported == {metric.name.removesuffix("_total") for metric in CATALOGUE}


def test_the_file_of_a_worker_that_is_just_starting_is_read_when_it_has_its_size(tmp_path: Path) -> None:
    file = tmp_path / "counter_1.db"
    file.touch()
    filling = threading.Timer(0.2, lambda: file.write_bytes((8).to_bytes(8, "little") + bytes(8)))
    filling.start()
    assert over_processes(str(tmp_path)) == b""
    filling.join()
