"""Where personal data stand in a text, one module per kind of find."""
