"""What is installed: one package, usable from an application whose own packages are called like our rooms."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.repository import ROOT

ROOMS = ("agents", "commands", "dashboards", "pipeline", "schemas")
APPLICATION = """
import agents, dashboards, pipeline, schemas

assert {agents.MINE, dashboards.MINE, pipeline.MINE, schemas.MINE} == {True}
from gapwatch import Chat, Complaint, DeliveryError, Feedback, InvalidEventError, Publisher, Turn
print(Publisher.__module__, Feedback.__module__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(folder),
        str(ROOT),
    ]
    subprocess.run([sys.executable, *build], check=True)
    (made,) = folder.glob("*.whl")
    return made


def test_nothing_but_gapwatch_stands_at_the_top(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"gapwatch"}


def test_every_file_of_the_rooms_is_in_the_wheel(wheel: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "--", *ROOMS], cwd=ROOT, check=True, capture_output=True, text=True)
    wanted = {f"gapwatch/{name}" for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    assert wanted <= set(zipfile.ZipFile(wheel).namelist())


def test_an_application_may_have_packages_of_the_same_names(wheel: Path, tmp_path: Path) -> None:
    installed, application = tmp_path / "installed", tmp_path / "application"
    zipfile.ZipFile(wheel).extractall(installed)
    for room in ROOMS:
        (application / room).mkdir(parents=True)
        (application / room / "__init__.py").write_text("MINE = True\n")
    (application / "main.py").write_text(APPLICATION)
    done = subprocess.run(
        [sys.executable, str(application / "main.py")],
        env={"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["gapwatch.pipeline.publishing.publisher", "gapwatch.schemas.events"]
