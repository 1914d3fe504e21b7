"""How we prove to Kafka who we are, and how we know that it is Kafka: SASL and TLS by the settings."""

import ssl
from typing import NamedTuple

from pydantic import SecretStr

from gapwatch.pipeline.errors import SettingsError
from gapwatch.pipeline.settings import settings


class SaslLogin(NamedTuple):
    """Who we are to Kafka, and how we prove it."""

    mechanism: str
    username: str
    password: SecretStr


def sasl_login() -> SaslLogin | None:
    """None where the security protocol has no SASL. Raises SettingsError when user or password is missing."""
    in_force = settings()
    if not in_force.kafka_security_protocol.startswith("SASL"):
        return None
    if in_force.kafka_sasl_username is None or in_force.kafka_sasl_password is None:
        raise SettingsError(
            "GAPWATCH_KAFKA_SECURITY_PROTOCOL={protocol} needs GAPWATCH_KAFKA_SASL_USERNAME and "
            "GAPWATCH_KAFKA_SASL_PASSWORD",
            protocol=in_force.kafka_security_protocol,
        )
    return SaslLogin(in_force.kafka_sasl_mechanism, in_force.kafka_sasl_username, in_force.kafka_sasl_password)


def tls_context() -> ssl.SSLContext | None:
    """Whom we trust and, if set, our own certificate. None where the security protocol has no TLS.

    Made here for every client, because kafka-python reads the files at each connection, where one that is missing looks
    like a Kafka that does not answer. Raises SettingsError when a file cannot be used.
    """
    in_force = settings()
    if not in_force.kafka_security_protocol.endswith("SSL"):
        return None
    certificate, key = in_force.kafka_ssl_certfile, in_force.kafka_ssl_keyfile
    try:
        context = ssl.create_default_context(cafile=in_force.kafka_ssl_cafile)
    except OSError as error:
        raise SettingsError(
            "GAPWATCH_KAFKA_SSL_CAFILE: cannot use {file}: {error}",
            file=in_force.kafka_ssl_cafile,
            error=error,
        ) from error
    try:
        if certificate:
            context.load_cert_chain(certificate, key)
    except OSError as error:
        raise SettingsError(
            "GAPWATCH_KAFKA_SSL_CERTFILE, GAPWATCH_KAFKA_SSL_KEYFILE: cannot use {certificate} with {key}: {error}",
            certificate=certificate,
            key=key,
            error=error,
        ) from error
    return context
