"""Who looked at raw records."""

import getpass
import json
import stat

import pytest

from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.hosting.audit import AUDIT_FILE, note


def test_entries_are_appended_for_their_owner_alone(settings_env, tmp_path):
    settings_env.setenv("GAPWATCH_DATA_DIR", str(tmp_path / "data"))
    settings_env.delenv("SUDO_USER", raising=False)
    note("show", "feedback/0/1")
    settings_env.setenv("SUDO_USER", "lilei")
    note("show", "feedback/0/2\n")
    file = tmp_path / "data" / AUDIT_FILE
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    assert [entry["subject"] for entry in entries] == ["feedback/0/1", "feedback/0/2\n"]
    assert [entry["who"] for entry in entries] == [getpass.getuser(), f"lilei as {getpass.getuser()}"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_cannot_be_noted_is_not_done(settings_env, tmp_path):
    (tmp_path / "data").write_text("a file")
    settings_env.setenv("GAPWATCH_DATA_DIR", str(tmp_path / "data"))
    with pytest.raises(GapwatchError, match=r"audit\.jsonl, which cannot be written"):
        note("show", "feedback/0/1")
