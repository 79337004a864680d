"""From parties to coalition values: what a value depends on, and where finished ones are kept."""
