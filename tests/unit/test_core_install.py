"""A worker or a publisher runs without the extras."""

import subprocess
import sys
import tomllib

import pytest
from support.repository import ROOT

# What extras ask for under another name than their module's, and what is also asked for by something of the core.
MODULES = {"chdb-core": "chdb", "grafana-foundation-sdk": "grafana_foundation_sdk", "scikit-learn": "sklearn"}
SHARED = {"pyyaml", "requests", "jinja2"}
BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
import {module}
"""


def extras() -> set[str]:
    """The modules of the packages that only extras ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [line for name, lines in project["optional-dependencies"].items() if name != "dev" for line in lines]
    packages = {line.partition("=")[0].rstrip("><!~").partition("[")[0] for line in asked} - SHARED
    return {MODULES.get(package, package.replace("-", "_")) for package in packages}


def test_what_is_blocked() -> None:
    assert {"chdb", "filelock", "jgo", "plotly", "apprise", "sklearn"} <= extras()


@pytest.mark.parametrize(
    "module",
    [
        "gapwatch.commands.cli",
        "gapwatch.commands.worker",
        "gapwatch.commands.init",
        "gapwatch.pipeline.publishing.publisher",
        "gapwatch.pipeline.worker.runtime",
        "gapwatch.pipeline.worker.reader_process",
        "gapwatch.pipeline.language.reader",
        "gapwatch.agents.process",
    ],
)
def test_the_core_asks_for_no_extra(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED.format(names=extras(), module=module)],
        env={
            "PATH": "",
            "GAPWATCH_KAFKA": "127.0.0.1:9",
            "GAPWATCH_CLICKHOUSE": "clickhouse://user:password@127.0.0.1:9/gapwatch",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
