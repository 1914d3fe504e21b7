"""What the codes of the store are called, by code: the same on the board, in Grafana, alerts and the report."""

from gapwatch.pipeline.words.catalogue import gettext_noop

GAPS: dict[str, str] = {
    "information": gettext_noop("Information gap"),
    "design": gettext_noop("Design gap"),
    "communication": gettext_noop("Communication gap"),
    "fulfillment": gettext_noop("Fulfillment gap"),
}
MEASURES: dict[str, str] = {
    **GAPS,
    "response": gettext_noop("Response time"),
    "promises": gettext_noop("Kept promises"),
}
CHANNELS: dict[str, str] = {
    "physical": gettext_noop("Store"),
    "phone": gettext_noop("Phone"),
    "site": gettext_noop("Website"),
    "app": gettext_noop("App"),
    "wechat": gettext_noop("WeChat"),
    "weibo": gettext_noop("Weibo"),
    "qq": gettext_noop("QQ"),
    "email": gettext_noop("E-mail"),
    "marketplace": gettext_noop("Marketplace"),
    "forum": gettext_noop("Forum"),
    "mystery_shopper": gettext_noop("Mystery shopper"),
    "monitoring": gettext_noop("Monitoring"),
}
DIMENSIONS: dict[str, str] = {
    "reliability": gettext_noop("Reliability"),
    "responsiveness": gettext_noop("Responsiveness"),
    "assurance": gettext_noop("Assurance"),
    "empathy": gettext_noop("Empathy"),
    "tangibles": gettext_noop("Tangibles"),
    "none": gettext_noop("None"),
}
STAGES: dict[str, str] = {
    "pre_sale": gettext_noop("Before the sale"),
    "in_sale": gettext_noop("During the sale"),
    "after_sale": gettext_noop("After the sale"),
}
SEVERITIES: dict[str, str] = {
    "notice": gettext_noop("Notice"),
    "warning": gettext_noop("Warning"),
    "critical": gettext_noop("Critical"),
}
STATES: dict[str, str] = {
    "opened": gettext_noop("Got worse"),
    "ongoing": gettext_noop("Ongoing"),
    "escalated": gettext_noop("Escalated"),
    "recovered": gettext_noop("Recovered"),
}
SENTIMENTS: dict[str, str] = {
    "positive": gettext_noop("Positive"),
    "neutral": gettext_noop("Neutral"),
    "negative": gettext_noop("Negative"),
}
ROLES: dict[str, str] = {
    "customer": gettext_noop("Customer"),
    "agent": gettext_noop("Agent"),
    "bot": gettext_noop("Bot"),
}
EVENT_TYPES: dict[str, str] = {
    "feedback": gettext_noop("Feedback"),
    "complaint": gettext_noop("Complaints"),
    "chat": gettext_noop("Conversations"),
}
PLACE_PARTS: dict[str, str] = {
    "product_id": gettext_noop("product “{name}”"),
    "channel": gettext_noop("channel “{name}”"),
    "region": gettext_noop("region “{name}”"),
}
"""What a place is made of, in the order in which it is said; `PLACE_SEPARATOR` stands between."""
PLACE_SEPARATOR = " · "
EVERYWHERE = gettext_noop("everywhere")
NO_DATA = gettext_noop("No data in this range")
INDEX_MEANING = gettext_noop(
    "Fulfillment gap index = 100 × sum of the severities of voices on fulfillment / all voices. "
    "0: nobody speaks of it; 100: everybody does, at the greatest severity."
)
