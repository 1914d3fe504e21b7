"""All dashboards, and the files that Grafana provisions itself from."""

import json
from pathlib import Path
from typing import Any

from dashboards.conversations import conversations
from dashboards.drill_down import drill_down
from dashboards.operations import operations
from dashboards.overview import overview
from dashboards.words import Locale

FOLDER = Path(__file__).parent / "provisioning" / "dashboards"


def dashboards(locale: Locale) -> list[dict[str, Any]]:
    """Grafana's JSON of each dashboard, in the order of their menu."""
    return [overview(locale), drill_down(locale), conversations(locale), operations(locale)]


def files(locale: Locale) -> dict[str, str]:
    """File name and text of each dashboard; the same each time."""
    return {
        f"{dashboard['uid']}.json": json.dumps(dashboard, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
        for dashboard in dashboards(locale)
    }
