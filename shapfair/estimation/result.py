"""An estimate: flows and payoffs with intervals, what it cost, and what to buy next."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from jaxtyping import Float

from shapfair.estimation import remarks
from shapfair.estimation.adjusted import Deviations, completed, completed_weights
from shapfair.estimation.baseline import proportional_flows
from shapfair.estimation.completion import check_memory, complete
from shapfair.estimation.design import always
from shapfair.estimation.known import PartialTable
from shapfair.estimation.remarks import Design, sizes_too_short
from shapfair.estimation.sample import Sample
from shapfair.estimation.surrogate import Additive
from shapfair.estimation.training_noise import flow_variance, payoff_variance, variance_by_size
from shapfair.estimation.weights import counts, payoff_terms, payoffs_of
from shapfair.extras import load
from shapfair.shapley import conditional_shapley_values

Quantity = Literal["flows", "payoffs", "shapley_values"]
"""What has intervals."""


@dataclass(frozen=True, eq=False)
class Estimate:
    r"""Flows and payoffs of a game from the values of some coalitions, in units of value.

    The point estimate is the table completed by a surrogate, the errors are those of the unbiased
    estimate with the same surrogate (:mod:`shapfair.estimation.adjusted`), and intervals reach from
    both. Under several seeds errors include the noise of training, and what is estimated is the
    mean over all seeds; under one seed it is the table of that seed.

    Attributes:
        table: the values that are known.
        flows: what ``i`` pays ``j``, shape ``(n, n)``; row ``i`` sums to :math:`v(N) - v(i)`.
        unbiased: the flows of the unbiased estimate; where there is none, those above.
        design: how the coalitions were chosen.
        method: how the flows were found.
        weights: of the known values in the payoffs, shape ``(n, m)``.
        sampling: how far they may be off by the choice of coalitions; None if that is not known.
        noise: variance of a value by training, by size of the coalition and after the mean over
            the seeds, shape ``(n + 1,)``; None under a single seed.
        looks: at how many budgets a run may have stopped; simultaneous intervals hold at all.
        seconds: that the values took to find together; None if nobody knows.
    """

    table: PartialTable
    flows: Float[np.ndarray, "n n"]
    unbiased: Float[np.ndarray, "n n"]
    design: Design
    method: str
    weights: Float[np.ndarray, "n m"]
    sampling: Deviations | None
    noise: Float[np.ndarray, " sizes"] | None
    looks: int = 1
    seconds: float | None = None

    @classmethod
    def from_table(
        cls,
        table: PartialTable,
        *,
        design: Design = "given",
        seed: int = 0,
        looks: int = 1,
        seconds: float | None = None,
    ) -> "Estimate":
        """An estimate from the values that are known; exact if that is all.

        Args:
            table: the values.
            design: how its coalitions were chosen.
            seed: of what the fit leaves to chance.
            looks: see :class:`Estimate`.
            seconds: likewise.

        Raises:
            ValueError: if there is not the memory for it.
            MissingExtra: (an ``ImportError``) without SciPy, unless the table is complete.

        Cost: O(m^3 + m n^3) for m values, 1 s for m = 1,000 and n = 50.
        """
        noise = None
        sizes = table.members.sum(axis=1)
        if len(table.values) > 1:
            noise = variance_by_size(table.values, sizes, table.n)
        found = _exact(table) if table.is_complete else _from_sample(table, design, seed, noise)
        return cls(
            table,
            design=design,
            noise=noise,
            looks=looks,
            seconds=seconds,
            **found._asdict(),
        )

    @property
    def parties(self) -> tuple[str, ...]:
        """Names of the parties."""
        return self.table.parties

    @property
    def payoffs(self) -> Float[np.ndarray, " n"]:
        """Revenue minus cost of every party; they sum to 0."""
        return self._of_flows("payoffs", self.flows)

    @property
    def shapley_values(self) -> Float[np.ndarray, " n"]:
        r"""Shapley values :math:`(p_i + v(N))/n`, by Equation (1)."""
        return self._of_flows("shapley_values", self.flows)

    @cached_property
    def baseline(self) -> Float[np.ndarray, "n n"]:
        """The trivial flows, in proportion to own values; what an estimate has to beat."""
        return proportional_flows(self.table.own_values, self.table.grand_value)

    @property
    def evaluations(self) -> int:
        """Number of coalitions that were valued, under every seed."""
        return len(self.table.coalitions)

    @property
    def share(self) -> float:
        """Of all coalitions the part that was valued."""
        return self.evaluations / (2**self.table.n - 1)

    @property
    def is_exact(self) -> bool:
        """Whether all coalitions were valued."""
        return self.table.is_complete

    @cached_property
    def _sampling_errors(self) -> tuple[np.ndarray, np.ndarray]:
        n = self.table.n
        if self.sampling is None:
            unknown = np.full((n, n), np.nan)
            np.fill_diagonal(unknown, 0.0)
            return unknown, np.full(n, np.nan)
        return self.sampling.errors()

    @cached_property
    def errors(self) -> Mapping[str, dict[str, Any]]:
        """Standard errors of flows, payoffs and Shapley values by their source.

        The sources are ``sampling``, the choice of coalitions, and ``training``, 0 under one seed.
        """
        n, (flows, payoffs) = self.table.n, self._sampling_errors
        noise = np.zeros(n + 1) if self.noise is None else self.noise
        off_diagonal = 1 - np.eye(n)
        training = np.sqrt(payoff_variance(noise))
        return {
            "flows": {
                "sampling": flows,
                "training": np.sqrt(flow_variance(noise)) * off_diagonal,
            },
            "payoffs": {"sampling": payoffs, "training": np.full(n, training)},
            "shapley_values": {
                "sampling": payoffs / n,
                "training": np.full(n, np.sqrt(training**2 + noise[n]) / n),
            },
        }

    def test_errors(self, examples: int) -> Float[np.ndarray, " n"]:
        """Largest standard errors of the payoffs by the choice of test examples.

        All models are tested on the same examples, so no number of coalitions or seeds shows this
        error; see :func:`shapfair.noise.largest_test_error`.

        Args:
            examples: number of test examples.

        Raises:
            ValueError: if the values are no accuracies.
        """
        from shapfair.noise import largest_test_error

        return largest_test_error(self.weights, self.table.mean, examples)

    def standard_error(self, quantity: Quantity) -> np.ndarray:
        """Standard errors, nan where they are not known; shape as the quantity."""
        split = self.errors[_checked(quantity)]
        return np.asarray(np.hypot(split["sampling"], split["training"]))

    def intervals(
        self, quantity: Quantity, level: float | int = 0.95, *, simultaneous: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends of confidence intervals, nan where errors are not known.

        They reach by the margin from the point estimate and from the unbiased one, so that they
        hold, too, where the surrogate misleads the former. On complete tables of ten parties
        (`benchmarks/estimation.py`), from 20 evaluations a party, 95 % intervals of single flows
        and payoffs covered in 97 to 99 % of runs, those of all payoffs together in 97 to 100 %, and
        those of all 90 flows together in 94 to 100 %.

        Args:
            quantity: of what.
            level: confidence level.
            simultaneous: whether all of the quantity hold together, and at every budget at which
                the run may have stopped (Bonferroni); else each by itself.

        Raises:
            ValueError: if there is no such quantity, or the level is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise ValueError(f"level: {level}, need a number between 0 and 1")
        n = self.table.n
        number = (n * (n - 1) if quantity == "flows" else n) * self.looks if simultaneous else 1
        quantiles = self._quantiles(quantity, (1 - level) / (2 * number))
        margin = quantiles * self.standard_error(quantity)
        ends = np.stack([getattr(self, quantity), self._of_flows(quantity, self.unbiased)])
        return ends.min(axis=0) - margin, ends.max(axis=0) + margin

    def _of_flows(self, quantity: Quantity, flows: np.ndarray) -> np.ndarray:
        payoffs = payoffs_of(flows)
        shapley_values = (payoffs + self.table.grand_value) / self.table.n
        return {"flows": flows, "payoffs": payoffs, "shapley_values": shapley_values}[quantity]

    def _quantiles(self, quantity: Quantity, tail: float) -> np.ndarray:
        """By how many standard errors an estimate is off with such a chance, to one side.

        Student's, as the errors are themselves estimated, the less well the more a few coalitions
        make of them; normal where no coalition was left to chance.
        """
        variance = self.standard_error(quantity) ** 2
        if self.sampling is None or not len(self.sampling.groups):
            return np.full(variance.shape, NormalDist().inv_cdf(1 - tail))
        flows, payoffs = self.sampling.spreads()
        n = self.table.n
        spread = {"flows": flows, "payoffs": payoffs, "shapley_values": payoffs / n**4}[quantity]
        degrees = np.full(variance.shape, 1e9)
        np.divide(variance**2, spread, out=degrees, where=spread > 0)
        return np.asarray(load("scipy.special").stdtrit(np.minimum(degrees, 1e9), 1 - tail))

    @property
    def margin(self) -> float:
        """Largest half width of the simultaneous 95 % intervals of the payoffs."""
        low, high = self.intervals("payoffs")
        return float(np.max(high - low) / 2)

    @cached_property
    def promise(self) -> str:
        """What the intervals promise, and whether there is a certificate, in one line."""
        has_errors = self.sampling is not None
        return remarks.promise(self.table, self.design, self.looks, has_errors)

    @cached_property
    def next_purchase(self) -> str:
        """What would lower the errors of the payoffs most for its price, in one line."""
        errors = self.errors["payoffs"]
        variances = [float(np.mean(errors[by] ** 2)) for by in ("sampling", "training")]
        return remarks.next_purchase(self.table, *variances)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the numbers should know."""
        return tuple(remarks.warnings(self.table, self.design, self.sampling is not None))


def _checked(quantity: str) -> str:
    if quantity not in get_args(Quantity):
        raise ValueError(f"quantity: {quantity!r}, need one of {', '.join(get_args(Quantity))}")
    return quantity


class _Found(NamedTuple):
    flows: np.ndarray
    unbiased: np.ndarray
    method: str
    weights: np.ndarray
    sampling: Deviations | None


def _exact(table: PartialTable) -> _Found:
    values = np.zeros(2**table.n)
    values[list(table.coalitions)] = table.mean
    nothing = Deviations(table.members[:0], np.zeros(0), np.zeros(0, dtype=np.int64))
    weights = (payoff_terms(table.members) / counts(table.n)[table.members.sum(axis=1), None]).T
    flows = conditional_shapley_values(values)
    return _Found(flows, flows, "all coalitions", weights, nothing)


def _from_sample(
    table: PartialTable, design: Design, seed: int, noise: np.ndarray | None
) -> _Found:
    """Flows, what they were found by, and how far they may be off."""
    check_memory(table.n, len(table.coalitions), "values")
    sample = sample_of(table, seed)
    if design == "paired":
        additive = Additive(sample)
        weights = completed_weights(sample, additive)
        flows = completed(sample, additive)
        return _Found(flows, flows, "paired regression", weights, None)
    if (short := sizes_too_short(table)) and design == "given":
        sample = Sample(sample.n, sample.coalitions, sample.values, np.zeros_like(sample.drawn))
    variance = 0.0 if noise is None else float(noise[sample.sizes].mean())
    found = complete(sample, seed, variance)
    method = "additive game" if isinstance(found.surrogate, Additive) else "coverage process"
    if short:
        return _Found(found.flows, found.flows, method, found.weights, None)
    sampling = Deviations.of(sample, found.unbiased.residuals, sample.drawn)
    return _Found(found.flows, found.unbiased.flows, method, found.weights, sampling)


def sample_of(table: PartialTable, seed: int) -> Sample:
    """The sample in which all but single parties and the grand coalition count as drawn."""
    fixed = set(always(table.n))
    drawn = np.array([coalition not in fixed for coalition in table.coalitions])
    return Sample(table.n, table.coalitions, table.mean, drawn, seed)
