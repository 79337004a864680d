r"""Flows and payoffs from a sample, by a surrogate and what it leaves unexplained.

The surrogate :math:`h` is a Gaussian process (:mod:`shapfair.estimation.surrogate`), whose flows are
known. Two estimates are made of it.

*Completed table*: known values, and expected ones for the rest. It is the better point estimate,
and biased as far as the surrogate is.

*Cross-fitted*: the drawn coalitions are dealt into folds; a surrogate that has not seen a fold
predicts it, and the residuals of the fold estimate the sum of all residuals that are not known. Given
everything outside of the fold, its coalitions are a simple random sample, so the estimate is unbiased
for every game and any surrogate. Its errors are those of stratified sampling of the residuals.

What is reported are the flows of the completed table with the errors of the cross-fitted one, which
are wider than it needs.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from shapfair.estimation.design import FOLDS
from shapfair.estimation.sample import Sample
from shapfair.estimation.surrogate import Posterior, Prior
from shapfair.estimation.weights import counts, flow_sum, flow_weights, payoff_terms, payoffs_of


@dataclass(frozen=True, eq=False)
class Estimated:
    """Flows and payoffs with standard errors, in units of value.

    Attributes:
        flows: what ``i`` pays ``j``, shape ``(n, n)``.
        payoffs: revenue minus cost of every party, shape ``(n,)``; they sum to 0.
        flow_errors: standard errors of the flows by the choice of coalitions.
        payoff_errors: likewise of the payoffs.
    """

    flows: Float[np.ndarray, "n n"]
    payoffs: Float[np.ndarray, " n"]
    flow_errors: Float[np.ndarray, "n n"]
    payoff_errors: Float[np.ndarray, " n"]


def completed(sample: Sample, posterior: Posterior, noise: float = 0.0) -> np.ndarray:
    r"""Flows of the table with known values and, for the rest, expected ones.

    Args:
        sample: what is known.
        posterior: given all of that.
        noise: variance of a value by training. So much of the surrogate's nugget is noise, and the
            known values count less for it: by :math:`\max(0, 1 - \sigma^2/\text{nugget})`.
    """
    share = max(0.0, 1 - noise / max(posterior.prior.nugget, 1e-300)) if noise else 1.0
    residuals = sample.values - posterior.mean(sample.members)
    weights = share / counts(sample.n)[sample.sizes]
    return posterior.flows() + flow_sum(sample.members, residuals * weights)


def cross_fitted(sample: Sample, prior: Prior) -> tuple[np.ndarray, np.ndarray]:
    """Unbiased flows, and the residual of every coalition from a surrogate without its fold.

    Residuals of coalitions that were not drawn are 0.
    """
    per_coalition = 1 / counts(sample.n)[sample.sizes]
    estimates, held_out = [], np.zeros(len(sample.values))
    for fold in range(FOLDS):
        inside = sample.folds == fold
        posterior = prior.posterior(sample.members[~inside], sample.values[~inside])
        residuals = sample.values - posterior.mean(sample.members)
        held_out[inside] = residuals[inside]
        drawn = np.bincount(sample.sizes[inside], minlength=sample.n + 1)
        unknown = sample.open - sample.taken + drawn
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.where(inside, (unknown / drawn)[sample.sizes], 1.0)
        estimates.append(
            posterior.flows() + flow_sum(sample.members, residuals * factor * per_coalition)
        )
    return np.mean(estimates, axis=0), held_out


def errors(
    sample: Sample, residuals: Float[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, " n"]]:
    r"""Standard errors of flows and payoffs by stratified sampling of residuals.

    .. math:: \mathrm{se}^2 = \sum_s (1 - m_s/N_s)\,\frac{S_s^2}{m_s}

    with :math:`S_s^2` the variance, within size :math:`s`, of what a coalition adds times
    :math:`N_s`. Where not all of a size are open to the draw, :math:`N_s` is the number of those.
    """
    n = sample.n
    flow_variance, payoff_variance = np.zeros((n, n)), np.zeros(n)
    both, payer = flow_weights(n)
    for size in range(2, n):
        chosen = sample.drawn & (sample.sizes == size)
        m, total = int(chosen.sum()), sample.open[size]
        if m < 2 or m >= total:
            continue
        scale = total / counts(n)[size]
        inside, e = sample.members[chosen].astype(np.float64), residuals[chosen] * scale
        rate = (1 - m / total) / (m * (m - 1))
        # The mean and the mean square of (both [i, j in C] - payer [i in C]) e over the sample.
        pairs, alone = inside.T @ (inside * e[:, None]), inside.T @ e
        pair_squares, alone_squares = inside.T @ (inside * e[:, None] ** 2), inside.T @ e**2
        total_sum = both[size] * pairs - payer[size] * alone[:, None]
        squares = both[size] * (both[size] - 2 * payer[size]) * pair_squares
        squares = squares + payer[size] ** 2 * alone_squares[:, None]
        flow_variance += rate * (squares - total_sum**2 / m)
        terms = payoff_terms(sample.members[chosen]) * e[:, None]
        payoff_variance += rate * ((terms - terms.mean(axis=0)) ** 2).sum(axis=0)
    np.fill_diagonal(flow_variance, 0.0)
    return np.sqrt(np.maximum(flow_variance, 0.0)), np.sqrt(payoff_variance)


def estimate_by_coverage(
    sample: Sample, rng: np.random.Generator, noise: float = 0.0
) -> Estimated:
    """The completed table's flows and payoffs, with the cross-fitted estimate's errors."""
    prior = Prior.fitted(sample.members, sample.values, sample.own_values, rng)
    flows = completed(sample, prior.posterior(sample.members, sample.values), noise)
    _, residuals = cross_fitted(sample, prior)
    return Estimated(flows, payoffs_of(flows), *errors(sample, residuals))
