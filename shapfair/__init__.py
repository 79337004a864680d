"""Payoffs, flows and model rewards of Shapley-fair collaborative machine learning.

The exact side needs NumPy alone and starts fast; names of the training side load JAX when they are
first used.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_ROOMS = {
    "Allocation": "allocation",
    "allocate": "allocation",
    "Claim": "report.checks",
    "check": "report.checks",
    "check_exactly": "report.checks",
    "check_that": "report.checks",
    "fractions_text": "report.checks",
    "Certificate": "clearing",
    "Clearing": "clearing",
    "NegativeFlowError": "clearing",
    "clearing_vector": "clearing",
    "linear_programme": "clearing",
    "Estimate": "estimation.result",
    "estimate": "estimation.campaign",
    "DeliveredModel": "delivered.model",
    "load_model": "delivered.model",
    "Evaluation": "valuation.evaluation",
    "Experiment": "training.experiment",
    "evaluate": "valuation.functions",
    "Game": "game",
    "Monotonicity": "game",
    "conditional_shapley_values": "shapley",
    "shapley_values": "shapley",
}
"""Public name -> the room that defines it."""

__all__ = sorted(["__version__", *_ROOMS])


def __getattr__(name: str) -> Any:
    """Load a public name from its room on first use (PEP 562), so that starting costs nothing."""
    if name in _ROOMS:
        value = getattr(import_module(f"shapfair.{_ROOMS[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'shapfair' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS])
