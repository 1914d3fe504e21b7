"""Who is told of an alert, and when: contact points, notification policies, mute timings, in Grafana's file form.

Secrets stand in Grafana's own environment, GRAFANA_*; `gapwatch dashboards push` takes them from GAPWATCH_GRAFANA_CONTACTS.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from gapwatch.dashboards.alert_rule import SOURCE
from gapwatch.dashboards.pipeline_alerts import PLATFORM
from gapwatch.dashboards.signal_alerts import OWNERS
from gapwatch.pipeline.words.catalogue import Locale, Speaker

Contact = Literal["dingtalk", "wecom", "feishu", "email", "webhook"]
CONTACTS: tuple[Contact, ...] = get_args(Contact)
NIGHTS = "gapwatch-nights"

OWNERS_CONTACTS: dict[str, Contact] = {
    "operations": "dingtalk",
    "care": "wecom",
    "marketing": "feishu",
    "product": "email",
    PLATFORM: "email",
}
ON_CALL: Contact = "webhook"
"""Where everything critical goes too, at any hour."""
NOTICES: Contact = "email"

_ENVIRONMENT: dict[Contact, str] = {
    "dingtalk": "${GRAFANA_DINGTALK_URL}",
    "wecom": "${GRAFANA_WECOM_URL}",
    "feishu": "${GRAFANA_FEISHU_URL}",
    "email": "${GRAFANA_ALERT_EMAIL}",
    "webhook": "${GRAFANA_WEBHOOK_URL}",
}
_TYPES: dict[Contact, str] = {
    "dingtalk": "dingding",
    "wecom": "wecom",
    "feishu": "webhook",
    "email": "email",
    "webhook": "webhook",
}
# WeCom refuses texts of more than 2,048 bytes: the first alert only, 600 characters of it; the title counts the others.
_SHORT_MESSAGE = (
    '{{ with index .Alerts 0 }}{{ printf "%.100s" .Annotations.summary }}\n'
    '{{ printf "%.500s" .Annotations.description }}{{ end }}'
)
# Feishu's robot wants its own JSON, which Grafana's webhook sends since 12.0.
_FEISHU_JSON = '{{ coll.Dict "msg_type" "text" "content" (coll.Dict "text" (tmpl.Inline `%s` .)) | data.ToJSON }}'


def contact_points(locale: Locale, secrets: Mapping[Contact, str] = _ENVIRONMENT) -> list[dict[str, Any]]:
    """One for each secret: an address of a robot or a webhook, or of people, separated by semicolons."""
    return [
        {
            "orgId": 1,
            "name": f"gapwatch-{contact}",
            "receivers": [
                {
                    "uid": f"gapwatch-{contact}",
                    "type": _TYPES[contact],
                    "settings": _settings(contact, secrets[contact], Speaker(locale)),
                    "disableResolveMessage": False,
                }
            ],
        }
        for contact in CONTACTS
        if contact in secrets
    ]


def _settings(contact: Contact, secret: str, say: Speaker) -> dict[str, Any]:
    title, message = _title(say), _message(say)
    if contact == "dingtalk":
        return {"url": secret, "msgType": "link", "title": title, "message": message}
    if contact == "wecom":
        return {"url": secret, "msgtype": "text", "title": title, "message": _SHORT_MESSAGE}
    if contact == "feishu":
        return {"url": secret, "httpMethod": "POST", "payload": {"template": _FEISHU_JSON % f"{title}\n{message}"}}
    if contact == "email":
        return {"addresses": secret, "singleEmail": True, "subject": title, "message": message}
    return {"url": secret, "httpMethod": "POST", "title": title, "message": message}


def _title(say: Speaker) -> str:
    fires, over = say("service gap alert"), say("service gap recovered")
    return f'gapwatch {{{{ if eq .Status "firing" }}}}{fires}{{{{ else }}}}{over}{{{{ end }}}} ({{{{ len .Alerts }}}})'


def _message(say: Speaker) -> str:
    firing = "{{ .Annotations.summary }}\n{{ .Annotations.description }}\n\n"
    over = say("Recovered, or of another severity now: {summary}", summary="{{ .Annotations.summary }}")
    return f"{{{{ range .Alerts.Firing }}}}{firing}{{{{ end }}}}{{{{ range .Alerts.Resolved }}}}{over}\n{{{{ end }}}}"


def policy_tree() -> dict[str, Any]:
    """The whole tree of a Grafana that is ours alone: a file always replaces all of it."""
    return {
        "orgId": 1,
        "receiver": f"gapwatch-{NOTICES}",
        "group_by": ["grafana_folder", "alertname"],
        "routes": [policy()],
    }


def policy(contacts: tuple[Contact, ...] = CONTACTS) -> dict[str, Any]:
    """Our part of the tree. Who has no contact point is told at the first there is; `contacts` is not empty."""

    def receiver(contact: Contact) -> str:
        return f"gapwatch-{contact if contact in contacts else contacts[0]}"

    owners = [
        {
            "receiver": receiver(OWNERS_CONTACTS[owner]),
            "object_matchers": [["owner", "=", owner]],
            "routes": [
                {
                    "receiver": receiver(OWNERS_CONTACTS[owner]),
                    "object_matchers": [["severity", "=", "warning"]],
                    "mute_time_intervals": [NIGHTS],
                }
            ],
        }
        for owner in sorted({*OWNERS.values(), PLATFORM})
    ]
    notices = {
        "receiver": receiver(NOTICES),
        "object_matchers": [["severity", "=", "notice"]],
        "mute_time_intervals": [NIGHTS],
    }
    on_call = {
        "receiver": receiver(ON_CALL),
        "object_matchers": [["severity", "=", "critical"]],
        "continue": True,
        "group_wait": "10s",
        "repeat_interval": "4h",
    }
    return {
        "receiver": receiver(NOTICES),
        "object_matchers": [["source", "=", SOURCE]],
        "group_by": ["grafana_folder", "gap"],
        "group_wait": "30s",
        "group_interval": "5m",
        "repeat_interval": "12h",
        "routes": [notices, on_call, *owners],
    }


def mute_timings(time_zone: str) -> list[dict[str, Any]]:
    """Nights: warnings and notices wait for the morning, what is critical does not."""
    night = [{"start_time": "22:00", "end_time": "24:00"}, {"start_time": "00:00", "end_time": "08:00"}]
    return [{"orgId": 1, "name": NIGHTS, "time_intervals": [{"times": night, "location": time_zone}]}]
