r"""Noise of training, by the size of the coalition, from repeated seeds.

The values of a coalition under several seeds show how much a training adds by chance. Small
coalitions are noisier than large ones, so one number for all would not do. If a value of size
:math:`s` has variance :math:`\sigma_s^2`, then the whole table has

.. math:: \mathrm{var}\,\varphi_{j|i} = \sum_s\frac{\sigma_s^2}{(n-1)^2}
    \left(\binom{n-2}{s-2}^{-1} + \binom{n-2}{s-1}^{-1}\right), \qquad
    \mathrm{var}\,p_i = \sum_{s<n}\sigma_s^2
    \left(\binom{n-1}{s-1}^{-1} + \binom{n-1}{s}^{-1}\right),

and an estimate from some coalitions has it in addition to the error by the choice of these, whose
estimate includes the noise of those that were not chosen.
"""

from math import comb

import numpy as np
from jaxtyping import Float, Int


def variance_by_size(
    values: Float[np.ndarray, "seeds m"], sizes: Int[np.ndarray, " m"], n: int
) -> Float[np.ndarray, " sizes"]:
    """Variance of the mean over the seeds, for every size from 0 to ``n``.

    Args:
        values: at least two seeds' values of the same coalitions.
        sizes: of these coalitions; one that none has gets 0.
        n: number of parties.
    """
    spread = values.var(axis=0, ddof=1) / len(values)
    number = np.bincount(sizes, minlength=n + 1)
    return np.bincount(sizes, spread, minlength=n + 1) / np.maximum(number, 1)


def flow_variance(variances: Float[np.ndarray, " sizes"]) -> float:
    """Variance of every flow by noise of such variances by size."""
    n = len(variances) - 1
    gain = [1 / comb(n - 2, s - 2) if s >= 2 else 0.0 for s in range(n + 1)]
    loss = [1 / comb(n - 2, s - 1) if 1 <= s < n else 0.0 for s in range(n + 1)]
    return float(variances @ np.add(gain, loss)) / (n - 1) ** 2


def payoff_variance(variances: Float[np.ndarray, " sizes"]) -> float:
    """Variance of every payoff by noise of such variances by size."""
    n = len(variances) - 1
    weights = [0.0, *(1 / comb(n - 1, s - 1) + 1 / comb(n - 1, s) for s in range(1, n)), 0.0]
    return float(variances @ np.array(weights))
