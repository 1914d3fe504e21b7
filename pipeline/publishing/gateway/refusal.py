"""Why the gateway does not do what a request asks: a status, a word for programs and a sentence for people."""

from collections.abc import Mapping
from http import HTTPStatus

from gapwatch.pipeline.events.decode import MAX_DEPTH, Reason


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of the program
    """To be answered with its status."""

    def __init__(
        self, status: HTTPStatus, error: str, detail: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(error, detail)
        self.status = status
        self.error = error
        self.detail = detail
        self.headers = dict(headers or {})


def bad_body(reason: Reason, detail: str) -> Refusal:
    """The body is not what the address takes."""
    return Refusal(HTTPStatus.BAD_REQUEST, reason, detail)


def too_deep() -> Refusal:
    """The body is nested deeper than events may be."""
    return bad_body(Reason.TOO_DEEP, f"nested deeper than {MAX_DEPTH} levels")


def unavailable(detail: str, seconds: int) -> Refusal:
    """Come again in `seconds`."""
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, headers={"Retry-After": str(seconds)})
