"""Every setting, from the environment (`GAPWATCH_*`) or one TOML file, typed and checked before anything starts."""

import os
import re
import tomllib
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings.exceptions import SettingsError as SourceError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

from gapwatch.pipeline.errors import SettingsError

CONFIG_VARIABLE = "GAPWATCH_CONFIG"
DEFAULT_CONFIG_FILE = Path("gapwatch.toml")


def _known_zone(name: str) -> str:
    try:
        offset = datetime.now(ZoneInfo(name)).utcoffset()
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{name} is no time zone; name one such as Asia/Shanghai") from None
    if not offset or offset % timedelta(hours=1) == timedelta():
        return name
    raise ValueError(f"{name} is {offset} from UTC; days are added up from hours, so it must be whole hours")


TimeZone = Annotated[str, AfterValidator(_known_zone)]


class Settings(BaseSettings):
    """What is in force. The environment wins over the file; `gapwatch config` prints the result."""

    # Empty is unset: env files and manifests list what may be filled in.
    model_config = SettingsConfigDict(env_prefix="GAPWATCH_", env_ignore_empty=True, frozen=True, extra="forbid")

    data_dir: Path = Field(
        Path(".gapwatch"), description="Where the local Kafka and ClickHouse keep data, logs and process ids."
    )
    locale: Literal["zh", "en"] = Field(
        "zh",
        description="Language of dashboards, board, alerts, report and command line; unset, scripts meet English.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe log line shown.")
    log_format: Literal["console", "json"] = Field("console", description="Log lines for people or for a collector.")

    kafka: str | None = Field(None, description="Bootstrap servers, host:port[,host:port]. Unset: the local stack's.")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How clients speak to Kafka."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="SASL mechanism, with a SASL_* protocol."
    )
    kafka_sasl_username: str | None = Field(None, description="SASL user.")
    kafka_sasl_password: SecretStr | None = Field(None, description="SASL password.")
    kafka_ssl_cafile: Path | None = Field(None, description="PEM file of the certificate authority.")
    kafka_ssl_certfile: Path | None = Field(None, description="PEM file of the client's certificate.")
    kafka_ssl_keyfile: Path | None = Field(None, description="PEM file of the client's key.")
    partitions: int = Field(4, ge=1, le=1024, description="Partitions of a topic when gapwatch creates it.")
    replication: int | None = Field(
        None,
        ge=1,
        le=7,
        description="Replication factor of a topic when gapwatch creates it. Unset: the broker's default.",
    )
    topic_retention_days: int = Field(
        7, ge=1, le=3650, description="Days that the event topics keep what was published, personal data included."
    )
    dead_letter_retention_days: int = Field(
        30, ge=1, le=3650, description="Days that the dead-letter topics keep the records that could not be read."
    )
    group: str = Field("gapwatch", min_length=1, description="Consumer group of the workers.")

    clickhouse: SecretStr | None = Field(
        None,
        description="clickhouse://user:password@host:port/database[?secure=true]. Unset: the local stack's.",
    )

    clickhouse_cluster: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$",
        description="Cluster to create the tables on, replicated and distributed. Unset: one server.",
    )
    retention_days: int = Field(
        400, ge=30, le=3650, description="Days that events and their aggregates by minute and hour are kept."
    )
    time_zone: TimeZone = Field("Asia/Shanghai", description="Whose calendar days the daily aggregates count.")

    metrics_host: str = Field("127.0.0.1", description="Address on which workers serve /metrics and /health.")
    metrics_port: int = Field(0, ge=0, le=65535, description="Port of the same; 0 takes a free one and logs it.")

    gateway_keys: Path | None = Field(
        None, description="File of the gateway's API keys, hashed. Unset: gateway-keys.json in GAPWATCH_DATA_DIR."
    )
    gateway_webhooks: Path | None = Field(None, description="TOML file of the webhooks that the gateway receives.")
    gateway_mask: bool = Field(
        False, description="Mask personal data in the gateway, before they reach Kafka; needs the key of the hashes."
    )
    gateway_events_per_second: float = Field(
        1_000, gt=0, description="Events that an API key may send in a second, unless it has a limit of its own."
    )
    gateway_bytes_per_second: float = Field(
        4_000_000, gt=0, description="Bytes that an API key may send in a second, unless it has a limit of its own."
    )

    signal_products: int = Field(
        200, ge=0, le=5_000, description="So many of the busiest products are watched for signals, one by one."
    )
    response_target_seconds: float = Field(
        60, gt=0, description="A first response in a chat that comes later than this is late."
    )

    alert_targets: dict[Literal["notice", "warning", "critical"], tuple[SecretStr, ...]] = Field(
        {},
        description="Apprise URLs by the least severity they are told of, as JSON: "
        '{"warning": ["dingtalk://SECRET@TOKEN"], "critical": ["wecombot://KEY"]}.',
    )
    alert_max_age_hours: int = Field(
        24, ge=1, le=720, description="An alert that could not be sent so long is dropped."
    )
    dashboard_url: str | None = Field(
        None, description="Address of Grafana or of the board, for the links in alerts. Unset: no links."
    )
    docs_url: str = Field(
        "", description="Where this repository is shown, ending in /, for the links to runbooks in Grafana's alerts."
    )

    grafana_url: str | None = Field(None, description="The Grafana that `gapwatch dashboards push` writes to.")
    grafana_token: SecretStr | None = Field(None, description="Token of a service account there, role Admin.")
    grafana_clickhouse: SecretStr | None = Field(
        None, description="ClickHouse as Grafana reaches it. Unset: as GAPWATCH_CLICKHOUSE."
    )
    grafana_contacts: dict[Literal["dingtalk", "wecom", "feishu", "email", "webhook"], SecretStr] = Field(
        {},
        description="Whom Grafana tells, as JSON: addresses of robots and webhooks, e-mail addresses with ; between. "
        "Empty: its contact points and policies are left alone.",
    )

    flush_events: int = Field(5_000, ge=1, le=100_000, description="Events read before they are stored in one insert.")
    flush_seconds: float = Field(
        0.5, gt=0, le=60, description="Longest wait of an event for others to be stored with, in seconds."
    )

    dictionary: Path | None = Field(
        None, description="Words to keep whole, one a line: word[ frequency][ part of speech], as jieba's."
    )
    mask_orders: bool = Field(False, description="Mask order and parcel numbers too, as personal data always are.")
    mask_customers: bool = Field(
        False, description="Store a keyed hash of every customer_id, also of those that look like nothing personal."
    )
    id_key: SecretStr | None = Field(
        None,
        description="Key of the hashes that stand for personal identifiers, 16 characters or more, the same for all "
        "processes and publishers. Unset: one made in GAPWATCH_DATA_DIR.",
    )
    id_key_file: Path | None = Field(None, description="File that holds this key, instead of GAPWATCH_ID_KEY.")
    sentiment: Literal["gapwatch", "snownlp"] = Field(
        "gapwatch", description="Who tells how a text feels; snownlp is there to compare with."
    )
    sentiment_weights: Path | None = Field(
        None, description="Weight file of `gapwatch train sentiment`. Unset: the one that gapwatch ships."
    )
    tokenizer: Literal["rjieba", "jieba"] = Field("rjieba", description="Who cuts texts into words.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, _config_file())


def _config_file() -> Path | None:
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        if not Path(named).is_file():
            raise SettingsError("{variable} names {named}, which is no file", variable=CONFIG_VARIABLE, named=named)
        return Path(named)
    return DEFAULT_CONFIG_FILE if DEFAULT_CONFIG_FILE.is_file() else None


@cache
def settings() -> Settings:
    """The settings of this process, read once.

    Raises SettingsError naming each wrong setting and its variable.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("; ".join(map(_of_value, error.errors(include_input=False, include_url=False)))) from None
    except SourceError as error:
        raise SettingsError(_of_source(error)) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError("{file} is no TOML: {error}", file=_config_file(), error=error) from None


def _of_value(error: "ErrorDetails") -> str:
    """A wrong value by its variable, and where in a JSON value it is. What is no setting can only stand in the file."""
    name, *place = map(str, error["loc"])
    if error["type"] == "extra_forbidden" and not place:
        return f"{_config_file()}: {name} is no setting"
    return f"GAPWATCH_{name.upper()}{', at ' if place else ''}{'.'.join(place)}: {error['msg']}"


def _of_source(error: SourceError) -> str:
    """A value that should be JSON is not; the message of pydantic names the field, the cause where in the value."""
    field = re.search(r'field "(\w+)"', str(error))
    name = f"GAPWATCH_{field[1].upper()}" if field else "a setting"
    return f"{name} is no JSON: {error.__cause__}"
