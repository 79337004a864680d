"""Integers, fractions and matrices of FLINT, or a word on how to get it."""

from shapfair.extras import load

load("flint")

from flint import arb, ctx, fmpq, fmpq_mat, fmpz_mat, fmpz_poly  # noqa: E402

__all__ = ["arb", "ctx", "fmpq", "fmpq_mat", "fmpz_mat", "fmpz_poly"]
