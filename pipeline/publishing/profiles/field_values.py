"""Values of an export → those of the contract, as a profile says: other names, other scales, other forms of times."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from gapwatch.pipeline.events.decode import Rejected
from gapwatch.pipeline.publishing.files.ratings import on_scale
from gapwatch.pipeline.publishing.profiles.cells import Cells, text_of, value_of, without_tags
from gapwatch.pipeline.publishing.profiles.profile import Profile, Scalar, Source
from gapwatch.pipeline.words.catalogue import message
from gapwatch.schemas.events import TIME_FIELDS

ANY_OTHER = "*"


def field_value(profile: Profile, name: str, source: Source, *scopes: Cells) -> Any:
    """The value of a field or an attribute; None where the record has none.

    Raises Rejected, its detail beginning with the field, where it is none on the scale of the profile.
    """
    found = value_of(source, *scopes)
    if found is None or (name == "turns" and not isinstance(found, str)):
        return found
    text = text_of(found)
    meant = _meant(profile.values.get(name), text)
    if meant is not None:
        return text_of(meant) if name != "rating" else meant
    if name == "rating" and profile.ratings and text:
        return _on_scale(profile, text)
    if name in TIME_FIELDS:
        return in_usual_form(profile, text)
    return without_tags(text) if profile.html and name == "text" else text


def _meant(meanings: Mapping[str, Scalar] | None, text: str) -> Scalar | None:
    if not meanings:
        return None
    return meanings.get(text, meanings.get(ANY_OTHER) if text else None)


def _on_scale(profile: Profile, text: str) -> int:
    scale = profile.ratings
    assert scale is not None  # noqa: S101 - asked for by the one caller
    try:
        return on_scale(text, scale.worst, scale.best)
    except Rejected as rejected:
        raise Rejected(rejected.reason, message("$.rating: {detail}", detail=rejected.detail)) from None


def in_usual_form(profile: Profile, text: str) -> str:
    """A time in a form of the profile, as one that is read anyway; any other text as it is."""
    for form in profile.times.formats:
        with suppress(ValueError):
            return datetime.strptime(text, form).isoformat()  # noqa: DTZ007 - the zone is given to it later
    return text


def constants_of(profile: Profile) -> dict[str, str]:
    """The constants as a table has them."""
    return {name: text_of(value) for name, value in profile.constants.items()}
