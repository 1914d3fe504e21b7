"""Grafana's HTTP API: calls that say clearly what went wrong, and how things stand there."""

import re
from typing import Any, Literal
from urllib.parse import urlsplit

import requests
from grafana_api.grafana_api import GrafanaAPI, GrafanaException

from gapwatch.dashboards.query import DATASOURCE_TYPE
from gapwatch.pipeline.errors import GapwatchError, SettingsError
from gapwatch.pipeline.hosting.retrying import Limits, retrying
from gapwatch.pipeline.words.catalogue import gettext_noop, message

OLDEST = (12, 0)
"""Webhooks with JSON of their own, which Feishu needs, and the ClickHouse plugin ask for it."""

Method = Literal["get", "post", "put", "delete"]
_ATTEMPTS = 3
_ADVICE = {
    401: gettext_noop(
        "it does not know the token; GAPWATCH_GRAFANA_TOKEN is a service account's, and may have expired"
    ),
    403: gettext_noop("the token's service account may not do this; give it the role Admin"),
    404: gettext_noop(
        "there is nothing there; GAPWATCH_GRAFANA_URL must lead to Grafana itself, with its sub-path if it has one"
    ),
    409: gettext_noop(
        "something of the same name is there that gapwatch did not make this way (from a file, or by hand), or is in use"
    ),
    412: gettext_noop("it was changed by somebody else meanwhile; push again"),
}


class GrafanaError(GapwatchError):
    """Grafana cannot be reached, refuses, or lacks what is needed."""


class GrafanaUnavailable(GrafanaError):  # noqa: N818 - a state that passes, not a fault
    """Grafana does not answer, or fails; the same call may succeed later."""


class Grafana:
    """One Grafana. Every method raises GrafanaError."""

    def __init__(self, url: str, token: str, *, timeout: float = 10, pause: float = 2) -> None:
        """`timeout`, and the longest `pause` before the first repetition, are in seconds.

        Raises SettingsError for a URL that is none.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise SettingsError(
                "GAPWATCH_GRAFANA_URL: {url} is no address; example: https://grafana.example.com", url=url[:60]
            )
        self._url = url.rstrip("/")
        prefix = f"{parts.path.strip('/')}/" if parts.path.strip("/") else ""
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self._api = GrafanaAPI(
            token, host=host, port=parts.port, url_path_prefix=prefix, protocol=parts.scheme, timeout=timeout
        )
        self._limits = Limits(_ATTEMPTS, first_pause=pause)

    def find(self, path: str) -> Any | None:
        """What stands at a path below /api, None if nothing does."""
        try:
            return self._repeated("get", path, None)
        except _NotFound:
            return None

    def get(self, path: str) -> Any:
        return self._repeated("get", path, None)

    def put(self, path: str, body: Any) -> None:
        self._repeated("put", path, body)

    def post(self, path: str, body: Any) -> None:
        """Not repeated when it fails: it may have been done."""
        self._call("post", path, body)

    def delete(self, path: str) -> None:
        """What is gone already is no error."""
        try:
            self._repeated("delete", path, None)
        except _NotFound:
            return

    def require(self) -> None:
        """That this is a Grafana new enough, with the ClickHouse plugin."""
        version = str(dict(self.get("/health")).get("version", ""))
        number = re.match(r"(\d+)\.(\d+)", version)
        if number and (int(number[1]), int(number[2])) < OLDEST:
            raise GrafanaError(
                "Grafana at {url} is version {version}; {major}.{minor} or newer is needed",
                url=self._url,
                version=version,
                major=OLDEST[0],
                minor=OLDEST[1],
            )
        if self.find(f"/plugins/{DATASOURCE_TYPE}/settings") is None:
            raise GrafanaError(
                "Grafana at {url} lacks the plugin {plugin}; install it there with: grafana cli plugins "
                "install {plugin}",
                url=self._url,
                plugin=DATASOURCE_TYPE,
            )

    def _repeated(self, method: Method, path: str, body: Any) -> Any:
        attempts = retrying(self._limits, lambda error: isinstance(error, GrafanaUnavailable))
        return attempts(self._call, method, path, body)

    def _call(self, method: Method, path: str, body: Any) -> Any:
        try:
            return getattr(self._api, method)(path, json=body)
        except GrafanaException as error:
            raise self._refusal(method, path, error) from None
        except requests.Timeout:
            raise GrafanaUnavailable(
                "Grafana at {url} did not answer {path} in {timeout} s",
                url=self._url,
                path=path,
                timeout=self._api.timeout,
            ) from None
        except ValueError:  # not JSON; a deletion may answer with nothing
            if method == "delete":
                return None
            raise GrafanaError(
                "what answers at {url} is no Grafana: {path} is no JSON", url=self._url, path=path
            ) from None
        except requests.RequestException as error:
            raise GrafanaUnavailable(
                "Grafana at {url} cannot be reached ({name}); see GAPWATCH_GRAFANA_URL",
                url=self._url,
                name=type(error).__name__,
            ) from None

    def _refusal(self, method: Method, path: str, error: GrafanaException) -> GrafanaError:
        status = error.status_code
        said = error.response.get("message") if isinstance(error.response, dict) else None
        kind = _NotFound if status == 404 else GrafanaUnavailable if status >= 500 else GrafanaError
        return kind(
            gettext_noop("Grafana at {url} answered {status} to {method} {path}{advice}{said}"),
            url=self._url,
            status=status,
            method=method.upper(),
            path=path,
            advice=message(": {advice}", advice=message(_ADVICE[status])) if status in _ADVICE else "",
            said=message(" (it says: {words})", words=str(said)[:300]) if said else "",
        )


class _NotFound(GrafanaError):  # noqa: N818 - often no fault
    pass
