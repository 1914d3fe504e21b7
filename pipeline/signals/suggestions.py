"""What to do about each measure that got worse, for alerts, Grafana's annotations and the report.

They follow the literature on service gaps: Parasuraman, Zeithaml and Berry (1985) for the causes of each gap,
and its e-service form with the fulfillment gap by Zeithaml, Parasuraman and Malhotra (2000).
"""

from gapwatch.pipeline.signals.series import Measure
from gapwatch.pipeline.words.catalogue import Speaker, gettext_noop

_SUGGESTIONS: dict[Measure, tuple[str, ...]] = {
    "information": (
        gettext_noop("Ask front-line staff for the three unmet needs they hear most"),
        gettext_noop("Group these voices by need and compare with assortment, policies and coverage"),
        gettext_noop("Check with a short survey or interviews before deciding what to add"),
    ),
    "design": (
        gettext_noop("Walk each step as the customer did: search, order, payment, return"),
        gettext_noop("Compare with the latest releases; roll back what can be rolled back"),
        gettext_noop("Set a quality standard for the step and name one owner"),
    ),
    "communication": (
        gettext_noop("Compare pages, advertising and scripts with what is delivered; withdraw what promises too much"),
        gettext_noop("Agree on one message and tell customers who have ordered before they ask"),
        gettext_noop("Let marketing and operations agree on promises and capacity before campaigns, partners included"),
    ),
    "fulfillment": (
        gettext_noop("Check stock, warehouse and carrier; take off sale what shows in stock but cannot be sent"),
        gettext_noop("Tell customers of the delay before they ask, with a new time and a remedy"),
        gettext_noop("Answer every one of these voices, and record the root cause"),
        gettext_noop("If a peak is the cause, spread shipping or add hands"),
    ),
    "response": (
        gettext_noop("Look at queues and staffing; move people from idle teams"),
        gettext_noop("Answer those who have waited longest first, if only with how long and why"),
        gettext_noop("Turn questions that recur into self-service answers"),
    ),
    "promises": (
        gettext_noop("List promises due and overdue today and name who settles each"),
        gettext_noop("Where it cannot be kept tell the customer first and agree on a new time"),
        gettext_noop("Stop advertising the time that cannot be kept"),
    ),
}


def suggestions(measure: Measure, say: Speaker) -> list[str]:
    """A line each, the most urgent first."""
    return [say(suggestion) for suggestion in _SUGGESTIONS[measure]]
