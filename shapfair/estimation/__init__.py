"""Flows, payoffs and their errors from far fewer coalitions than there are (Remark 3.9)."""
