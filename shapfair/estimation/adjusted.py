r"""Flows from a sample, by a surrogate and what it leaves unexplained.

Two estimates are made of a surrogate (:mod:`shapfair.estimation.surrogate`).

*Completed table*: known values, and expected ones for the rest. It is the better point estimate,
and biased as far as the surrogate is.

*Cross-fitted*: the drawn coalitions are dealt into folds; a surrogate that has not seen a fold
predicts it, and the residuals of the fold estimate the sum of all residuals that are not known.
Given everything outside of the fold, its coalitions are a simple random sample, so the estimate is
unbiased for every game and any surrogate that has not seen the fold: neither in what it is fitted
to, nor in how it was chosen. Its errors are those of stratified sampling of the residuals.

With an additive surrogate the second is the regression-adjusted estimate by maximum sample reuse of
R. T. Witter, Y. Liu and C. Musco, Regression-adjusted Monte Carlo estimators for Shapley values and
probabilistic values, arXiv:2506.11849, 2025.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from shapfair.estimation.design import FOLDS
from shapfair.estimation.sample import Sample
from shapfair.estimation.surrogate import Surrogate, WeightedSurrogate
from shapfair.estimation.weights import counts, flow_sum, flow_terms, payoff_terms


def completed(sample: Sample, surrogate: Surrogate, share: float = 1.0) -> np.ndarray:
    """Flows of the table with known values and, for the rest, expected ones.

    Args:
        sample: what is known.
        surrogate: fitted to it.
        share: how far known values count where the surrogate expects others, 1 without noise.
    """
    explained = surrogate.seeing(np.ones(len(sample.values), dtype=bool))
    residuals = (sample.values - explained.values) * share
    return explained.flows + flow_sum(sample.members, residuals / counts(sample.n)[sample.sizes])


def completed_weights(
    sample: Sample, surrogate: WeightedSurrogate, share: float = 1.0
) -> Float[np.ndarray, "n m"]:
    """Weights of the known values in the payoffs of :func:`completed`, as if nothing was chosen."""
    terms = payoff_terms(sample.members) / counts(sample.n)[sample.sizes][:, None]
    return surrogate.payoff_weights(share * terms.T)


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """Unbiased flows and their errors by the choice of coalitions.

    Attributes:
        flows: what ``i`` pays ``j``, shape ``(n, n)``.
        residuals: of every coalition from a surrogate that has not seen its fold, 0 for those that
            were not drawn, shape ``(m,)``.
        flow_errors: standard errors of the flows.
        payoff_errors: likewise of the payoffs.
    """

    flows: Float[np.ndarray, "n n"]
    residuals: Float[np.ndarray, " m"]
    flow_errors: Float[np.ndarray, "n n"]
    payoff_errors: Float[np.ndarray, " n"]


def unexplained(sample: Sample, surrogate: Surrogate, known: Bool[np.ndarray, " m"]) -> float:
    """Squared error of all flows together, by the residuals of known values on unseen folds.

    Of two surrogates the better has less.
    """
    held_out = np.zeros(len(sample.values))
    drawn = known & sample.drawn
    for fold in range(FOLDS):
        inside = drawn & (sample.folds == fold)
        if inside.any():
            expected = surrogate.seeing(known & ~inside).values
            held_out[inside] = (sample.values - expected)[inside]
    flow_errors, _ = Deviations.of(sample, held_out, drawn).errors()
    return float(np.sum(flow_errors**2))


def cross_fitted(sample: Sample, surrogate: Surrogate) -> CrossFitted:
    """Flows by a surrogate and the residuals of coalitions that it has not seen.

    Cost: a fit of the surrogate per fold.
    """
    per_coalition = 1 / counts(sample.n)[sample.sizes]
    estimates, held_out = [], np.zeros(len(sample.values))
    for fold in range(FOLDS):
        inside = sample.folds == fold
        explained = surrogate.seeing(~inside)
        residuals = sample.values - explained.values
        held_out[inside] = residuals[inside]
        drawn = np.bincount(sample.sizes[inside], minlength=sample.n + 1)
        unknown = sample.open - sample.taken + drawn
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.where(inside, (unknown / drawn)[sample.sizes], 1.0)
        estimates.append(
            explained.flows + flow_sum(sample.members, residuals * factor * per_coalition)
        )
    deviations = Deviations.of(sample, held_out, sample.drawn)
    return CrossFitted(np.mean(estimates, axis=0), held_out, *deviations.errors())


@dataclass(frozen=True, eq=False)
class Deviations:
    r"""By how much an estimate may be off by the choice of coalitions.

    Of every size :math:`s` the squared error is that of stratified sampling,

    .. math:: \mathrm{se}^2 = \sum_s (1 - m_s/N_s)\,\frac{S_s^2}{m_s}

    with :math:`S_s^2` the variance, within the size, of what a coalition adds times :math:`N_s`.
    Where not all of a size are open to the draw, :math:`N_s` is the number of those. Written as a
    sum over coalitions, the :math:`k`-th of which adds a random sign or any other number of
    variance 1 times the same deviation, it has the same covariances.

    Attributes:
        members: coalitions that stand for those not known, shape ``(m, n)``.
        amounts: of each, its deviation from the mean of its size, as a factor of the flows that one
            unit of its value adds, shape ``(m,)``.
        groups: size of every coalition, within which the means are taken off.
    """

    members: np.ndarray
    amounts: Float[np.ndarray, " m"]
    groups: np.ndarray

    @classmethod
    def of(
        cls, sample: Sample, residuals: Float[np.ndarray, " m"], drawn: Bool[np.ndarray, " m"]
    ) -> "Deviations":
        """Of residuals of drawn coalitions, where sizes with one of them show none."""
        sizes, total = sample.sizes, sample.open[sample.sizes]
        taken = np.bincount(sizes[drawn], minlength=sample.n + 1)[sizes]
        chosen = drawn & (taken >= 2) & (taken < total)
        m = np.maximum(taken, 2)
        rates = np.sqrt(np.maximum(1 - m / np.maximum(total, 1), 0) / (m * (m - 1)))
        amounts = residuals * rates * total / counts(sample.n)[sizes]
        return cls(sample.members[chosen], amounts[chosen], sizes[chosen])

    def flows(self) -> Float[np.ndarray, "m n n"]:
        """What every coalition deviates by in the flows, shape ``(m, n, n)``."""
        return self._centred(flow_terms(self.members) * self.amounts[:, None, None])

    def payoffs(self) -> Float[np.ndarray, "m n"]:
        """Likewise in the payoffs, shape ``(m, n)``."""
        return self._centred(payoff_terms(self.members) * self.amounts[:, None])

    def _centred(self, terms: np.ndarray) -> np.ndarray:
        for size in np.unique(self.groups):
            terms[self.groups == size] -= terms[self.groups == size].mean(axis=0)
        return terms

    def errors(self) -> tuple[np.ndarray, np.ndarray]:
        """Standard errors of flows and payoffs."""
        flows, payoffs = self.flows(), self.payoffs()
        return np.sqrt((flows**2).sum(axis=0)), np.sqrt((payoffs**2).sum(axis=0))

    def spreads(self) -> tuple[np.ndarray, np.ndarray]:
        r"""How uncertain the squared errors of flows and payoffs are themselves.

        A sum :math:`V = \sum_s V_s` over sizes has :math:`2V^2/\mathrm{var}(V)` degrees of freedom
        (Satterthwaite); returned is :math:`\mathrm{var}(V)/2`. Were deviations normal, a size with
        :math:`m_s` coalitions would add :math:`V_s^2/(m_s - 1)`. They are not: a flow has nothing
        from coalitions without its payer, and few coalitions make most of the rest. So the variance
        of their squares counts where it is larger.
        """
        return self._spread(self.flows()), self._spread(self.payoffs())

    def _spread(self, terms: np.ndarray) -> np.ndarray:
        total = np.zeros(terms.shape[1:])
        for size, number in zip(*np.unique(self.groups, return_counts=True), strict=True):
            squares = terms[self.groups == size] ** 2
            normal = squares.sum(axis=0) ** 2 / (number - 1)
            total += np.maximum(normal, squares.var(axis=0, ddof=1) * number / 2)
        return total
