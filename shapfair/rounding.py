r"""Rounding noise: which differences of values count, and how right a result is.

Values are measured or computed, so they carry rounding errors: with three additive parties, the sum
``0.1 + 0.2 + 0.3`` need not be ``0.6``. Taken literally, such an error would be a gain, a cost or a
drop. So in every table, on its own scale,

- a difference of values up to :data:`NOISE` times the largest magnitude of a value is **noise**;
- a flow within the noise counts as 0, and a party whose gain is within the noise, or whose flows
  all count as 0, has nothing to gain: its scaling factor is 1, whatever it desires;
- a drop within the noise is no violation of monotonicity;
- where flows are negative, budgets that fall short by no more than the noise of all flows suffice.

Scaling factors are the exact ones for these flows, to :data:`TOLERANCE`; amounts are right to that
share of the table's largest magnitude. Where float64 cannot promise this, they are computed in
rational numbers from the same floats (:mod:`shapfair.rational`). Where the flows within the noise
*decide*, so that taking them as they stand gives other scaling factors, an allocation carries a
warning with both answers. A party's scaling factor means little where its gain
:math:`c_i = v(N) - v(i)` is near the noise; there the two answers count as equal up to the noise of
its flows, in units of value.
"""

import numpy as np
from jaxtyping import Float

NOISE = 64 * float(np.finfo(np.float64).eps)
"""Noise as a share of the largest magnitude of a table's values, 64 units in the last place."""

TOLERANCE = 1e-9
"""Largest error of a scaling factor, and of an amount as a share of the largest magnitude."""

_FINEST = float(np.ldexp(1.0, -1028))
"""Below this the noise is less than the smallest positive float64."""


def magnitude(values: Float[np.ndarray, "*seeds coalitions"]) -> Float[np.ndarray, "*seeds"]:
    """Largest magnitude of each table's values, in units of value; O(2^n) per table."""
    return np.asarray(np.maximum(values.max(axis=-1), -values.min(axis=-1)))


def exponent(largest: float) -> int:
    """Exponent of the power of two just above a magnitude; 0 for 0.

    Dividing by this power is exact, but for numbers so small beside the magnitude that they become
    subnormal.
    """
    return int(np.frexp(largest)[1])


def range_error(largest: float, n: int) -> str:
    """Why float64 cannot carry the results of a table of ``n`` parties; empty if it can.

    Payments add up to less than ``4 n`` times the largest magnitude of a value.
    """
    if largest > np.finfo(np.float64).max / (4 * n):
        power, finding = -exponent(4.0 * n), "payments between parties may exceed float64's range"
    elif 0 < largest < _FINEST:
        power, finding = 64, "float64 cannot tell differences so small from rounding"
    else:
        return ""
    return (
        f"the largest has magnitude {largest:.3g}, {finding}: "
        f"choose another unit, such as exchange_rate=2.0**{power}"
    )
