"""An environment of its own for each competitor, made from the pinned requirements beside this file."""

import hashlib
import subprocess
import sys
from pathlib import Path

from gapwatch.pipeline.stack.jars import Jar, class_path

REQUIREMENTS = Path(__file__).with_name("requirements")
DIRECTORY = Path(".benchmarks")
# As in pipeline/stack/kafka.lock; the connector of the Flink in requirements/pyflink.txt.
FLINK_CONNECTOR = Jar(
    "org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2",
    10_666_527,
    "5605c691d11a501382c383fecba37a7a552467da5ab7ba904ef5d6f3d62c5616",
)


def python_of(name: str, directory: Path = DIRECTORY) -> str:
    """The interpreter of the environment `name`; made, or made again, when its requirements are new."""
    wanted = b"".join(path.read_bytes() for path in (REQUIREMENTS / f"{name}.txt", REQUIREMENTS / "reading.txt"))
    digest = hashlib.sha256(wanted).hexdigest()
    environment = directory.absolute() / name
    python, installed = environment / "bin" / "python", environment / "installed"
    if not installed.exists() or installed.read_text() != digest:
        print(f"making the environment of {name} in {environment}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]
        subprocess.run([str(python), *install, str(REQUIREMENTS / f"{name}.txt")], check=True)
        installed.write_text(digest)
    return str(python)


def flink_connector(directory: Path = DIRECTORY) -> str:
    """The jar that PyFlink reads Kafka with, fetched on the first run as Kafka's own jars are."""
    return class_path(directory.absolute() / "m2", jars=[FLINK_CONNECTOR])
