"""Colours that mean the same wherever they are drawn."""

GAP_COLORS = {"information": "#2f6feb", "design": "#8e5bd0", "communication": "#c99700", "fulfillment": "#d43b3b"}
"""The fulfillment gap is the one to see first."""
NOW_COLOR, USUAL_COLOR = "#d43b3b", "#98a2b3"
GOOD_COLOR, BAD_COLOR = "#2e9e5b", "#d43b3b"

GAPS_IN_ORDER = ("fulfillment", "communication", "design", "information")
"""What the customer feels first, then what it comes from."""
