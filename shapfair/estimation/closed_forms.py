r"""Flows of games so simple that a formula or an integral gives them, for any number of parties.

A party :math:`j` that joins after :math:`i` at a uniform time :math:`t` finds every other party
there with probability :math:`t`. So in a product game :math:`v(C) = \prod_{k\in C} f_k`

.. math:: \varphi_{j|i} = \int_0^1 f_i (f_j - 1) \prod_{k\ne i,j} (1 - t + t f_k)\,dt,

a polynomial of degree :math:`n - 2` in :math:`t`, which Gauss-Legendre quadrature with
:math:`\lfloor n/2\rfloor + 1` nodes integrates exactly.
"""

import numpy as np
from jaxtyping import Bool, Float


def additive_flows(shares: Float[np.ndarray, "*games n"]) -> Float[np.ndarray, "*games n n"]:
    r"""Flows of :math:`v(C) = \sum_{k\in C} c_k`: everybody pays :math:`c_j` to :math:`j`."""
    return shares[..., None, :] * (1 - np.eye(shares.shape[-1]))


def symmetric_flows(n: int, rise: float | int) -> Float[np.ndarray, "n n"]:
    """Flows where only the number of parties counts: all are :math:`(v(N) - v(1))/(n - 1)`.

    Args:
        n: number of parties.
        rise: of the value from a single party to all.
    """
    return rise / (n - 1) * (1 - np.eye(n))


def coverage_flows(
    factors: Float[np.ndarray, " n"], covered: Bool[np.ndarray, "games n"]
) -> Float[np.ndarray, "games n n"]:
    r"""Flows of product games :math:`v_D(C) = \prod_{k\in C\setminus D} g_k`.

    Args:
        factors: :math:`g_k > 0`, what a party that is not covered multiplies by.
        covered: for every game the parties :math:`D` that multiply by 1.

    Cost: O(m n^3) for m games, in matrix products.
    """
    n = len(factors)
    times, lengths = np.polynomial.legendre.leggauss(n // 2 + 1)
    time = (times[:, None] + 1) / 2
    expected = 1 - time + time * factors  # what a party multiplies by that may be there
    outside = (~covered).astype(np.float64)
    others = np.exp(outside @ np.log(expected).T) * lengths / 2  # all of them, i and j included
    # i is there, and j comes: both are taken out of the product again.
    there, comes = factors / expected, (factors - 1) / expected
    payers = np.where(covered[:, None, :], 1.0, there) * others[:, :, None]
    earners = np.where(covered[:, None, :], 0.0, comes)
    flows = payers.transpose(0, 2, 1) @ earners
    flows[:, np.arange(n), np.arange(n)] = 0.0
    return flows


def product_flows(factors: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n n"]:
    r"""Flows of a product game :math:`v(C) = \prod_{k\in C} f_k`, :math:`f_k > 0`."""
    return coverage_flows(factors, np.zeros((1, len(factors)), dtype=bool))[0]


def pairs_flows(members: Bool[np.ndarray, "games n"]) -> Float[np.ndarray, "games n n"]:
    r"""Flows of :math:`v_D(C) = \binom{|C\cap D|}2`, the number of pairs that both have.

    If :math:`j\in D` joins, of the others in :math:`D` half are there, and :math:`i` is if it is
    one.
    """
    inside = members.astype(np.float64)
    others = (inside.sum(axis=1)[:, None] - 1 + inside) / 2  # that j finds there if i pays
    flows = others[:, :, None] * inside[:, None, :]
    n = members.shape[1]
    flows[:, np.arange(n), np.arange(n)] = 0.0
    return flows


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
