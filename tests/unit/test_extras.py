"""Each part of the product runs with the packages of its own extra, and a publisher with none."""

import re
import subprocess
import sys
import tomllib

import pytest
from support.repository import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
# Packages whose modules have other names, and packages that others bring with them.
MODULES = {
    "chdb-core": "chdb",
    "clickhouse-cityhash": "clickhouse_cityhash",
    "faust-streaming": "faust",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
}
BROUGHT_BY_OTHERS = {"requests", "yaml", "jinja2", "scipy"}
BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
{statement}
"""


def modules_of(extra: str) -> set[str]:
    """The modules of the packages that an extra asks for, directly or through another extra."""
    found: set[str] = set()
    for line in EXTRAS[extra]:
        package, _, others = re.match(r"([\w.-]+)(\[([\w,-]+)\])?", line).groups()
        if package == "gapwatch":
            found.update(*(modules_of(other) for other in others.split(",")))
        else:
            found.add(MODULES.get(package, package.replace("-", "_")))
    return found


def run_without(names: set[str], statement: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BLOCKED.format(names=names, statement=statement)],
        env={
            "PATH": "",
            "GAPWATCH_KAFKA": "127.0.0.1:9",
            "GAPWATCH_CLICKHOUSE": "clickhouse://user:password@127.0.0.1:9/gapwatch",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def absent(extra: str | None) -> set[str]:
    everything = set().union(*(modules_of(name) for name in EXTRAS if name != "dev"))
    return everything - (modules_of(extra) | BROUGHT_BY_OTHERS if extra else set())


def test_what_is_absent() -> None:
    assert {"faust", "numba", "clickhouse_driver", "chdb", "plotly", "apprise", "sklearn"} <= absent(None)
    assert absent("worker") & {"faust", "chdb", "plotly"} == {"chdb", "plotly"}


@pytest.mark.parametrize(
    ("extra", "statement"),
    [
        (None, "from gapwatch import Publisher, Feedback, Complaint, Chat, Turn, DeliveryError, InvalidEventError"),
        (None, "import gapwatch.commands.cli, gapwatch.commands.publish, gapwatch.commands.config"),
        ("worker", "import gapwatch.commands.worker, gapwatch.commands.init, gapwatch.commands.stack"),
        ("worker", "import gapwatch.agents.process, gapwatch.pipeline.worker.reader_process"),
        ("worker", "import gapwatch.pipeline.language.reader, gapwatch.commands.recount, gapwatch.commands.signals"),
        ("gateway", "import gapwatch.commands.gateway, gapwatch.pipeline.publishing.gateway.serving"),
        ("alerts", "import gapwatch.pipeline.alerts.courier, gapwatch.pipeline.alerts.message"),
        ("board", "import gapwatch.dashboards.board.server, gapwatch.dashboards.report"),
        ("dashboards", "import gapwatch.dashboards.push, gapwatch.dashboards.provisioning_checks"),
    ],
)
def test_a_part_asks_for_no_other_extra(extra: str | None, statement: str) -> None:
    done = run_without(absent(extra), statement)
    assert done.returncode == 0, done.stderr


def test_a_publisher_that_masks_says_what_to_install() -> None:
    done = run_without(absent(None), "from gapwatch import Publisher; Publisher(mask=True)")
    assert "PublishError: masking needs rjieba: pip install 'gapwatch[worker]'" in done.stderr, done.stderr


def test_a_command_without_its_packages_says_what_to_install() -> None:
    statement = "import sys; from gapwatch.commands.cli import main; sys.argv[1:] = ['{}', *{}]; main()"
    for command, arguments, extra in [("worker", [], "worker"), ("board", [], "board"), ("analyse", ["好"], "worker")]:
        done = run_without(absent(None), statement.format(command, arguments))
        assert done.returncode == 1
        assert f"pip install 'gapwatch[{extra}]'" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr
