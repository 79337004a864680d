r"""What a single coalition contributes to flows and payoffs, by its size, for up to 64 parties.

Flows and payoffs are linear in the values. A coalition :math:`C` of :math:`s` parties adds
:math:`G(C)\,v(C)` to the flows, with

.. math:: G_{ij}(C) = [i,j\in C]\,\bigl(w_+(s) + w_-(s)\bigr) - [i\in C]\,w_-(s), \qquad
    w_+(s) = \frac{1}{(n-1)\binom{n-2}{s-2}}, \quad w_-(s) = \frac{1}{(n-1)\binom{n-2}{s-1}}

(Equation (5) of the paper, sorted by coalition), and :math:`a_i(C)\,v(C)` to the payoffs, with
:math:`a_i(C) = \binom{n-1}{s-1}^{-1}` for members and :math:`-\binom{n-1}{s}^{-1}` for others
(Equation (1)). There are :math:`N_s = \binom ns` coalitions of a size; weights here are given times
:math:`N_s`, as means over a size need them, since the weights alone are as small as
:math:`10^{-18}`.
"""

from functools import cache
from math import comb

import numpy as np
from jaxtyping import Bool, Float

MAX_PARTIES = 64
"""Most parties of an estimate; a coalition is a bitmask of 64 bits."""

Members = Bool[np.ndarray, "coalitions parties"]


def members_of(coalitions: list[int], n: int) -> Members:
    """Who belongs to which coalition (bitmask), shape ``(m, n)``."""
    masks = np.array(coalitions, dtype=np.uint64)
    return (masks[:, None] >> np.arange(n, dtype=np.uint64) & np.uint64(1)).astype(bool)


@cache
def counts(n: int) -> Float[np.ndarray, " sizes"]:
    r"""Number of coalitions :math:`N_s` of every size from 0 to ``n``."""
    return np.array([float(comb(n, s)) for s in range(n + 1)])


@cache
def flow_weights(n: int) -> tuple[Float[np.ndarray, " sizes"], Float[np.ndarray, " sizes"]]:
    r"""Weights :math:`N_s(w_+ + w_-)` and :math:`N_s w_-` of every size from 0 to ``n``.

    Raises:
        ValueError: if there are fewer than 2 parties or more than :data:`MAX_PARTIES`.
    """
    if not 2 <= n <= MAX_PARTIES:
        raise ValueError(f"parties: {n}, need 2 to {MAX_PARTIES}")
    # N_s / C(n-2, s-2) = n (n-1) / (s (s-1)); N_s / C(n-2, s-1) = n (n-1) / (s (n-s)).
    gain = [0.0, 0.0, *(n / (s * (s - 1)) for s in range(2, n + 1))]
    loss = [0.0, *(n / (s * (n - s)) for s in range(1, n)), 0.0]
    return np.add(gain, loss), np.array(loss)


@cache
def payoff_weights(n: int) -> tuple[Float[np.ndarray, " sizes"], Float[np.ndarray, " sizes"]]:
    r"""Weights :math:`N_s\binom{n-1}{s-1}^{-1}` of members, :math:`N_s\binom{n-1}s^{-1}` of others.

    Both are 0 for the grand coalition, whose value cancels.
    """
    inside = [0.0, *(n / s for s in range(1, n)), 0.0]
    outside = [0.0, *(n / (n - s) for s in range(1, n)), 0.0]
    return np.array(inside), np.array(outside)


def flow_sum(
    members: Members, values: Float[np.ndarray, " coalitions"]
) -> Float[np.ndarray, "parties parties"]:
    r"""Sum of :math:`N_s G(C)\,y(C)` over some coalitions, with zero diagonal.

    Cost: O(m n^2).
    """
    n, size = members.shape[1], members.sum(axis=1)
    both, payer = flow_weights(n)
    inside = members.astype(np.float64)
    pairs = inside.T @ (inside * (values * both[size])[:, None])
    flows = pairs - (inside.T @ (values * payer[size]))[:, None]
    np.fill_diagonal(flows, 0.0)
    return flows


def flow_terms(members: Members) -> Float[np.ndarray, "coalitions parties parties"]:
    r"""What every coalition adds to the flows per unit of its value, :math:`N_s G(C)`."""
    both, payer = flow_weights(members.shape[1])
    size, inside = members.sum(axis=1), members.astype(np.float64)
    terms = inside[:, :, None] * (
        both[size, None, None] * inside[:, None, :] - payer[size, None, None]
    )
    diagonal = np.arange(members.shape[1])
    terms[:, diagonal, diagonal] = 0.0
    return terms


def payoffs_of(flows: Float[np.ndarray, "*batch n n"]) -> Float[np.ndarray, "*batch n"]:
    """Revenue minus cost of every party."""
    return flows.sum(axis=-2) - flows.sum(axis=-1)


def payoff_terms(members: Members) -> Float[np.ndarray, "coalitions parties"]:
    r"""What every coalition adds to the payoffs per unit of its value, :math:`N_s a_i(C)`."""
    inside, outside = payoff_weights(members.shape[1])
    size = members.sum(axis=1)
    return np.where(members, inside[size, None], -outside[size, None])
