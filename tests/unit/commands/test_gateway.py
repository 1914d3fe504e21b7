"""`gapwatch gateway keys`."""

import pytest
from click.testing import CliRunner, Result

from gapwatch.commands.gateway import gateway
from gapwatch.pipeline.publishing.gateway.keys import KeyRing


@pytest.fixture
def run(tmp_path, settings_env: pytest.MonkeyPatch):
    settings_env.setenv("GAPWATCH_GATEWAY_KEYS", str(tmp_path / "keys.json"))

    def keys(*arguments: str) -> Result:
        return CliRunner().invoke(gateway, ["keys", *arguments])

    return keys


def test_a_key_is_printed_once_and_is_good_for_what_was_named(run, tmp_path) -> None:
    made = run("new", "--name", "shop", "--types", "feedback, chat", "--channels", "all").output.strip()
    found = KeyRing(tmp_path / "keys.json").find(made)
    assert found.types == ("feedback", "chat")
    assert len(found.channels) == 12
    listed = run("list").output
    assert "shop" in listed
    assert made not in listed


@pytest.mark.parametrize("named", ["", ",", "feedback,other"])
def test_types_that_are_none_are_told_with_those_that_are(run, named: str) -> None:
    done = run("new", "--name", "shop", "--types", named, "--channels", "app")
    assert done.exit_code == 2
    assert "complaint" in done.output


def test_a_key_is_rotated_and_revoked_by_name(run, tmp_path) -> None:
    old = run("new", "--name", "shop", "--types", "all", "--channels", "app").output.strip()
    fresh = run("rotate", "--name", "shop", "--overlap-hours", "0").output.strip()
    ring = KeyRing(tmp_path / "keys.json")
    assert ring.find(old) is None
    assert ring.find(fresh) is not None
    assert run("revoke", "--name", "shop").exit_code == 0
    assert ring.find(fresh) is None
    assert "not valid" in run("list").output
