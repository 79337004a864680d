"""Flows, payoffs and their errors from far fewer coalitions than there are (Remark 3.9)."""

from shapfair.estimation.campaign import estimate
from shapfair.estimation.result import Estimate

__all__ = ["Estimate", "estimate"]
