r"""Flows of games so simple that a formula or an integral gives them, for any number of parties.

A party :math:`j` that joins after :math:`i` at a uniform time :math:`t` finds every other party
there with probability :math:`t`. So in a product game :math:`v(C) = \prod_{k\in C} f_k`

.. math:: \varphi_{j|i} = \int_0^1 f_i (f_j - 1) \prod_{k\ne i,j} (1 - t + t f_k)\,dt,

a polynomial of degree :math:`n - 2` in :math:`t`, which Gauss-Legendre quadrature with
:math:`\lfloor n/2\rfloor + 1` nodes integrates exactly.
"""

import numpy as np
from jaxtyping import Bool, Float


def additive_flows(shares: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n n"]:
    r"""Flows of :math:`v(C) = \sum_{k\in C} c_k`: everybody pays :math:`c_j` to :math:`j`."""
    flows = np.tile(shares, (len(shares), 1))
    np.fill_diagonal(flows, 0.0)
    return flows


def pair_flows(n: int) -> Float[np.ndarray, "n n"]:
    r"""Flows of :math:`v(C) = \binom{|C|}2`, the number of pairs: all are :math:`n/2`."""
    return n / 2 * (1 - np.eye(n))


def coverage_flows(
    factors: Float[np.ndarray, " n"],
    covered: Bool[np.ndarray, "games n"],
    weights: Float[np.ndarray, " games"],
) -> Float[np.ndarray, "n n"]:
    r"""Flows of a weighted sum of product games :math:`v_D(C) = \prod_{k\in C\setminus D} g_k`.

    Args:
        factors: :math:`g_k > 0`, what a party that is not covered multiplies by.
        covered: for every game the parties :math:`D` that multiply by 1.
        weights: of the games.

    Returns:
        What ``i`` pays ``j``, shape ``(n, n)``.

    Cost: O(m n^3) for m games, in matrix products.
    """
    n = len(factors)
    times, lengths = np.polynomial.legendre.leggauss(n // 2 + 1)
    inside, outside = covered.astype(np.float64), (~covered).astype(np.float64)
    flows = np.zeros((n, n))
    for time, length in zip((times + 1) / 2, lengths / 2, strict=True):
        expected = 1 - time + time * factors
        # What the others, all of them, multiply by; i and j are taken out again.
        share = weights * np.exp(outside @ np.log(expected))
        free = outside * share[:, None]
        payers = inside.T @ free + (factors / expected)[:, None] * (outside.T @ free)
        flows += length * payers * ((factors - 1) / expected)
    np.fill_diagonal(flows, 0.0)
    return flows


def product_flows(factors: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n n"]:
    r"""Flows of a product game :math:`v(C) = \prod_{k\in C} f_k`, :math:`f_k > 0`."""
    nobody = np.zeros((1, len(factors)), dtype=bool)
    return coverage_flows(factors, nobody, np.ones(1))


def unanimity_flows(n: int, coalition: int) -> Float[np.ndarray, "n n"]:
    r"""Flows where coalitions with all of :math:`S` are worth 1: :math:`[j\in S]/|S\setminus i|`.

    Args:
        n: number of parties.
        coalition: bitmask of :math:`S`, not empty.
    """
    needed = np.array([bool(coalition >> k & 1) for k in range(n)])
    others = needed.sum() - needed
    with np.errstate(divide="ignore", invalid="ignore"):
        flows = np.where(needed, 1 / others[:, None], 0.0)
    np.fill_diagonal(flows, 0.0)
    return flows
