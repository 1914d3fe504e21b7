"""The profiles that come with gapwatch, by name, and those in files."""

from importlib.resources import files
from pathlib import Path

from gapwatch.pipeline.errors import GapwatchError
from gapwatch.pipeline.publishing.profiles.checking import read_profile
from gapwatch.pipeline.publishing.profiles.fitting import near
from gapwatch.pipeline.publishing.profiles.profile import Profile
from gapwatch.pipeline.words.catalogue import message

_SHIPPED = files("gapwatch.pipeline.publishing.profiles") / "shipped"
_ENDING = ".toml"


def shipped_names() -> list[str]:
    """The names of the profiles that come with gapwatch."""
    return sorted(file.name.removesuffix(_ENDING) for file in _SHIPPED.iterdir() if file.name.endswith(_ENDING))


def profile_text(name: str) -> str:
    """The TOML of a profile, by the name of one that comes with gapwatch or by its file.

    Raises GapwatchError where there is none, or the file cannot be read.
    """
    if name in shipped_names():
        return (_SHIPPED / f"{name}{_ENDING}").read_text(encoding="utf-8")
    try:
        return Path(name).read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, IsADirectoryError):
        raise GapwatchError(_no_profile(name)) from None
    except (OSError, ValueError) as error:
        raise GapwatchError(message("the profile {name} cannot be read: {error}", name=name, error=error)) from None


def load_profile(name: str) -> Profile:
    """A profile, by the name of one that comes with gapwatch or by its file.

    Raises GapwatchError where there is none, ProfileError where it has faults.
    """
    return read_profile(profile_text(name), name)


def _no_profile(name: str) -> str:
    known = shipped_names()
    if meant := near(name, known):
        return message("there is no profile {name}; did you mean {meant}?", name=name, meant=meant)
    return message(
        "there is no file {name}, and no profile of that name; profiles that come with gapwatch: {known}",
        name=name,
        known=", ".join(known),
    )
