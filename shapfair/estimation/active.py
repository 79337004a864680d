r"""Active design: value next what is expected to tell most about the flows.

If a coalition is valued, the variance of all flows together falls by

.. math:: \frac{\lVert\mathrm{cov}(F, v(C))\rVert^2}{\mathrm{var}(v(C)) + \text{nugget}}

under the coverage process, whatever the value is. Coalitions are picked one after the other by
that, in batches after which the process is fitted anew. Where the process is right this needs a
half to two thirds of the coalitions of a random design. What is picked depends on values, so no
sampling theory applies: errors are reported as if the picked coalitions had been drawn, and are
not certain.

Compare the information gain of ShaplEIG, arXiv:2606.02247, 2026, for Shapley values.
"""

from collections.abc import Iterator

import numpy as np

from shapfair.estimation.completion import complete
from shapfair.estimation.design import always, least, random_design, spread_design
from shapfair.estimation.process import CoverageProcess
from shapfair.estimation.protocol import Estimated, Ledger, Values
from shapfair.estimation.sample import Sample
from shapfair.estimation.weights import counts, flow_terms
from shapfair.extras import load

CANDIDATES = 500
"""Most coalitions among which the next ones are looked for."""

_GROWTH = 5
"""A batch adds one coalition for so many that are known."""


def next_coalitions(sample: Sample, number: int, seed: int) -> list[int]:
    """Coalitions to value next, the most telling first.

    Cost: O(c^2) memory and O(c^3 + number c n^2) time for c candidates and known values.
    """
    n, known = sample.n, set(sample.coalitions)
    candidates = [c for c in spread_design(n, CANDIDATES + len(known), seed) if c not in known]
    everything = Sample(
        n,
        sample.coalitions + tuple(candidates),
        np.append(sample.values, np.zeros(len(candidates))),
        np.append(sample.drawn, np.zeros(len(candidates), dtype=bool)),
    )
    valued = np.arange(len(everything.values)) < len(known)
    process = CoverageProcess.of(everything, valued, np.random.default_rng([seed, len(known)]))
    covariance, flows = posterior(process, valued)
    chosen = _most_telling(covariance, flows, process.prior.nugget, min(number, len(candidates)))
    return [candidates[k] for k in chosen]


def _most_telling(
    covariance: np.ndarray, flows: np.ndarray, nugget: float, number: int
) -> list[int]:
    """Pick one after the other, each as if the values of those before were known.

    The covariances that are left need the columns of picked coalitions alone, as in a pivoted
    Cholesky factorisation.
    """
    chosen: list[int] = []
    columns = np.zeros((len(covariance), number))
    variance = np.diagonal(covariance).copy()
    for t in range(number):
        total = np.maximum(variance + nugget, 1e-300)
        gain = (flows**2).sum(axis=1) / total
        gain[chosen] = -1.0
        k = int(np.argmax(gain))
        chosen.append(k)
        column = covariance[:, k] - columns[:, :t] @ columns[k, :t]
        columns[:, t] = column / np.sqrt(total[k])
        variance = variance - columns[:, t] ** 2
        flows = flows - np.outer(columns[:, t], flows[k] / np.sqrt(total[k]))
    return chosen


def posterior(process: CoverageProcess, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Covariances of the other values, and of the flows with them, when some are known.

    Returns:
        shapes ``(c, c)`` and ``(c, n * n)``.
    """
    cross = process.covariance[np.ix_(known, ~known)]
    solved = load("scipy.linalg").cho_solve(process.factor(known), cross)
    covariance = process.covariance[np.ix_(~known, ~known)] - cross.T @ solved
    # What the process cannot explain of a value counts in the flows by itself.
    members, nugget = process.sample.members, process.prior.nugget
    own = (
        flow_terms(members)
        * (nugget / counts(process.sample.n)[process.sample.sizes])[:, None, None]
    )
    flows = (process.flows + own).reshape(len(known), -1)
    return covariance, flows[~known] - solved.T @ flows[known]


def batches(n: int, evaluations: int, seed: int, known: dict[int, float]) -> Iterator[list[int]]:
    """What to value, batch by batch; ``known`` is to have the values before the next is asked for.

    A smaller budget has the first coalitions of a larger one.
    """
    first = random_design(n, min(least(n), evaluations), seed)
    yield first
    order, most = list(first), min(evaluations, 2**n - 1)
    while len(order) < most:
        size = max(n, len(order) // _GROWTH)
        sample = picked(n, order, known)
        batch = next_coalitions(sample, size, seed)[: most - len(order)]
        order += batch
        yield batch


def picked(n: int, order: list[int], known: dict[int, float]) -> Sample:
    """The sample in which all but single parties and the grand coalition count as drawn."""
    fixed = set(always(n))
    drawn = np.array([coalition not in fixed for coalition in order])
    return Sample(n, tuple(order), np.array([known[coalition] for coalition in order]), drawn)


class Active:
    """The completed table, by an active design."""

    name = "coverage process, active design"

    def estimate(self, values: Values, n: int, evaluations: int, seed: int) -> Estimated:
        """Flows and payoffs; see :class:`~shapfair.estimation.protocol.Estimator`."""
        ledger, order = Ledger(values, evaluations), list[int]()
        for batch in batches(n, evaluations, seed, ledger.known):
            ledger(batch)
            order += batch
        found = complete(picked(n, order, ledger.known), seed)
        return Estimated(
            found.flows, found.unbiased.flow_errors, found.unbiased.payoff_errors, ledger.spent
        )
