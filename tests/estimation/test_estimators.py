"""Estimators of flows: exact where they must be, unbiased by enumeration, as good as peers."""

from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest
import shapiq
from helpers import tables
from hypothesis import given, settings
from hypothesis import strategies as st

from shapfair import conditional_shapley_values
from shapfair.coalitions import bitmask, members
from shapfair.estimation import active, design
from shapfair.estimation.active import Active
from shapfair.estimation.adjusted import cross_fitted
from shapfair.estimation.baseline import Enumeration, Proportional, proportional_flows
from shapfair.estimation.completion import Better, Completion, complete
from shapfair.estimation.design import FOLDS
from shapfair.estimation.paired import PairedRegression
from shapfair.estimation.permutations import Permutations
from shapfair.estimation.process import CoverageProcess, FittedAnew
from shapfair.estimation.protocol import Ledger
from shapfair.estimation.reuse import (
    COVERAGE_UNBIASED,
    MAXIMUM_SAMPLE_REUSE,
    REGRESSION_ADJUSTED,
    SizeMeans,
)
from shapfair.estimation.sample import Sample
from shapfair.estimation.stratified import Stratified, hoeffding_bound
from shapfair.estimation.surrogate import Additive, Explained
from shapfair.estimation.weights import payoffs_of
from shapfair.lattice import membership

BY_DESIGN = [MAXIMUM_SAMPLE_REUSE, REGRESSION_ADJUSTED, COVERAGE_UNBIASED, Completion()]
OTHERS = [
    *(Permutations(), Permutations(antithetic=True), Permutations(tolerance=0.02)),
    *(Stratified(), Proportional(), PairedRegression(), Active()),
]
ESTIMATORS = pytest.mark.parametrize("estimator", BY_DESIGN + OTHERS, ids=lambda one: one.name)


def overlap(n, seed=0, items=20):
    """How many of some items, by weight, the parties have together: a table in bitmask order."""
    rng = np.random.default_rng(seed)
    has, weights = rng.random((n, items)) < 0.3, rng.random(items)
    return ((membership(n).astype(int) @ has.astype(int)) > 0) @ weights + 0.01 * np.sqrt(
        membership(n).sum(axis=1)
    )


def oracle(values):
    asked = []

    def look_up(coalitions):
        asked.extend(coalitions)
        return np.asarray(values, dtype=float)[list(coalitions)]

    return look_up, asked


@ESTIMATORS
@pytest.mark.parametrize("budget", [32, 50])
def test_no_more_is_asked_for_than_the_budget_and_nothing_twice(estimator, budget):
    values, asked = oracle(overlap(6))
    found = estimator.estimate(values, 6, budget, seed=1)
    assert found.evaluations == len(asked) == len(set(asked)) <= budget
    assert found.payoffs.sum() == pytest.approx(0, abs=1e-12)
    assert np.diagonal(found.flows).tolist() == [0] * 6
    again = estimator.estimate(values, 6, budget, seed=1)
    np.testing.assert_array_equal(found.flows, again.flows)


@pytest.mark.parametrize("estimator", [*BY_DESIGN, Enumeration(), Active(), PairedRegression()])
def test_all_coalitions_are_exact(estimator):
    values = overlap(5)
    found = estimator.estimate(oracle(values)[0], 5, 31, seed=0)
    np.testing.assert_allclose(found.flows, conditional_shapley_values(values), atol=1e-9)
    if not isinstance(estimator, PairedRegression):
        np.testing.assert_array_equal(found.flow_errors, np.zeros((5, 5)))
        np.testing.assert_array_equal(found.payoff_errors, np.zeros(5))


@ESTIMATORS
@given(shares=st.lists(st.integers(1, 20), min_size=5, max_size=5), seed=st.integers(0, 99))
@settings(max_examples=4, deadline=None)
def test_additive_games_are_exact(estimator, shares, seed):
    """Every estimator but the truncated one, and those for which size or shares stand in."""
    inexact = (MAXIMUM_SAMPLE_REUSE, COVERAGE_UNBIASED)
    if estimator in inexact or getattr(estimator, "tolerance", None):
        return
    values = membership(5) @ np.array(shares, float)
    found = estimator.estimate(oracle(values)[0], 5, 27, seed)
    np.testing.assert_allclose(
        found.flows, conditional_shapley_values(values), atol=1e-7 * sum(shares)
    )


@pytest.mark.parametrize("estimator", [*BY_DESIGN, Permutations(), Active(), PairedRegression()])
@given(values=tables(4, 5, monotone=False))
@settings(max_examples=4, deadline=None)
def test_everybody_pays_what_it_gains(estimator, values):
    """Efficiency: a row sums to the grand coalition's value less the party's own."""
    n = len(values).bit_length() - 1
    found = estimator.estimate(oracle(values)[0], n, 2**n - 2, seed=0)
    own = np.array([values[1 << i] for i in range(n)], float)
    top = max(map(abs, values)) or 1
    np.testing.assert_allclose(found.flows.sum(axis=1), values[-1] - own, atol=1e-9 * top)


@pytest.mark.parametrize("surrogate", [SizeMeans, Additive, "process"])
def test_relabelled_and_rescaled_samples(surrogate):
    n, values = 6, overlap(6, 3)
    sample = sample_of(values, n, 45)
    order = np.random.default_rng(2).permutation(n)  # party k is called order[k]
    renamed = tuple(bitmask(order[list(members(c))].tolist()) for c in sample.coalitions)
    other = Sample(n, renamed, 8 * sample.values, sample.drawn)

    def flows(of):
        if surrogate == "process":
            return complete(of, seed=0).flows
        return cross_fitted(of, surrogate(of)).flows

    np.testing.assert_allclose(flows(other)[np.ix_(order, order)], 8 * flows(sample), atol=2e-3)


def sample_of(values, n, evaluations, seed=0):
    return Sample.by_random_design(oracle(values)[0], n, evaluations, seed)


# --- unbiased: over all samples that there can be --------------------------------------------


class Nothing:
    """A surrogate that explains nothing."""

    def __init__(self, sample):
        self.sample = sample

    def seeing(self, known):
        return Explained(np.zeros(len(known)), np.zeros((self.sample.n, self.sample.n)))


def every_sample(n, drawn_of_size, ordered):
    """All samples with so many coalitions of each size, and all of the other sizes."""
    choose = permutations if ordered else combinations
    ((size, count),) = drawn_of_size.items()
    here = [c for c in range(1, 2**n) if c.bit_count() == size]
    rest = [c for c in range(1, 2**n) if c.bit_count() != size]
    for chosen in choose(here, count):
        coalitions = (*rest, *chosen)
        yield coalitions, np.array([c in chosen for c in coalitions])


@pytest.mark.parametrize("surrogate", [SizeMeans, Additive])
def test_cross_fitted_flows_are_right_on_average_over_all_samples(surrogate):
    values = np.array([0, 3, 1, 9, 4, 4, 7, 8, 2, 6, 6, 1, 5, 9, 12, 13], float)
    flows = []
    for coalitions, drawn in every_sample(4, {2: 4}, ordered=True):
        sample = Sample(4, coalitions, values[list(coalitions)], drawn)
        flows.append(cross_fitted(sample, surrogate(sample)).flows)
    np.testing.assert_allclose(
        np.mean(flows, axis=0), conditional_shapley_values(values), atol=1e-12
    )
    assert np.std(flows, axis=0).max() > 0.1


@pytest.mark.parametrize("surrogate", [SizeMeans, Additive, FittedAnew, Better])
def test_what_a_surrogate_says_has_nothing_from_a_fold_that_it_has_not_seen(surrogate):
    """Neither by what it is fitted to nor by how it was chosen: this makes the flows unbiased."""
    sample = sample_of(overlap(7), 7, 60)
    arguments = () if surrogate in (SizeMeans, Additive) else (0,)
    for fold in range(FOLDS):
        unseen = sample.folds == fold
        assert unseen.sum() > 7
        other = replace(sample, values=np.where(unseen, -sample.values, sample.values))
        one, two = (surrogate(of, *arguments).seeing(~unseen) for of in (sample, other))
        np.testing.assert_array_equal(one.values, two.values)
        np.testing.assert_array_equal(one.flows, two.flows)


def test_folds_are_dealt_by_chance_within_each_size():
    """Also where a table lists its coalitions in order: each is as often in every fold."""
    sample = sample_of(overlap(7), 7, 60)
    order = np.argsort(sample.coalitions)
    listed = tuple(sorted(sample.coalitions))
    sample = Sample(7, listed, sample.values[order], sample.drawn[order])
    folds = np.array([replace(sample, seed=seed).folds for seed in range(400)])[:, sample.drawn]
    of_size = sample.sizes[sample.drawn]
    for dealt in folds[:5]:
        for size in np.unique(of_size):
            number = np.bincount(dealt[of_size == size], minlength=FOLDS)
            assert np.ptp(number) <= 1
    # Uneven numbers go to the first folds, so a size is compared with itself.
    for size in np.unique(of_size):
        often = (folds[:, of_size == size, None] == range(FOLDS)).mean(axis=0)
        assert np.abs(often - often.mean(axis=0)).max() < 0.12  # 4.8 standard errors


def test_errors_are_those_of_all_samples():
    """Without a surrogate, the mean squared error reported is the variance over all samples."""
    values = np.array([0, 3, 1, 9, 4, 4, 7, 8, 2, 6, 6, 1, 5, 9, 12, 13], float)
    flows, squares, payoff_squares = [], [], []
    for coalitions, drawn in every_sample(4, {2: 4}, ordered=False):
        sample = Sample(4, coalitions, values[list(coalitions)], drawn)
        found = cross_fitted(sample, Nothing(sample))
        flows.append(found.flows)
        squares.append(found.flow_errors**2)
        payoff_squares.append(found.payoff_errors**2)
    np.testing.assert_allclose(np.mean(squares, axis=0), np.var(flows, axis=0), atol=1e-12)
    payoffs = payoffs_of(np.array(flows))
    np.testing.assert_allclose(np.mean(payoff_squares, axis=0), np.var(payoffs, axis=0), atol=1e-12)


def test_the_process_is_unbiased_and_knows_its_error():
    """Twenty games of seven parties: estimates miss by about their standard errors."""
    scores = []
    for seed in range(20):
        values = overlap(7, seed)
        found = COVERAGE_UNBIASED.estimate(oracle(values)[0], 7, 60, seed)
        scores.append(found.payoffs - payoffs_of(conditional_shapley_values(values)))
        scores[-1] /= found.payoff_errors
    assert abs(np.mean(scores)) < 0.3
    assert 0.6 < np.mean(np.square(scores)) < 1.8


def test_the_completed_table_beats_the_others_where_data_overlap():
    errors = {}
    for estimator in [*BY_DESIGN, *OTHERS]:
        of_runs = []
        for seed in range(2):
            values = overlap(7, seed)
            found = estimator.estimate(oracle(values)[0], 7, 60, seed)
            of_runs.append(np.linalg.norm(found.flows - conditional_shapley_values(values)))
        errors[estimator.name] = np.median(of_runs)
    ours = [Completion.name, Active.name]
    assert max(errors[name] for name in ours) < min(
        error / 2 for name, error in errors.items() if "coverage" not in name
    )


def test_the_surrogate_is_chosen_by_what_it_has_not_seen():
    additive = membership(7) @ np.arange(1.0, 8) + 0.01 * np.sin(np.arange(128) ** 2)
    additive[0] = 0
    assert isinstance(complete(sample_of(additive, 7, 40), 0).surrogate, Additive)
    assert isinstance(complete(sample_of(overlap(7), 7, 60), 0).surrogate, CoverageProcess)


# --- each estimator by itself ----------------------------------------------------------------


@pytest.mark.parametrize("antithetic", [False, True])
def test_permutations_of_all_orders_are_exact(antithetic, monkeypatch):
    """With every order of the others behind every first party, nothing is left to chance."""
    values, n = [0, 2, 1, 5, 3, 3, 6, 9], 3

    def all_turns(self, parties, seed):
        for first in range(n):
            for others in permutations([i for i in range(n) if i != first]):
                orders = [[first, *others]]
                yield first, orders + ([[first, *others[::-1]]] if self.antithetic else [])

    monkeypatch.setattr(Permutations, "_turns", all_turns)
    found = Permutations(antithetic).estimate(oracle(values)[0], n, 7, 0)
    np.testing.assert_allclose(found.flows, conditional_shapley_values(values), atol=1e-14)


def test_permutations_are_right_on_average_and_know_their_errors():
    values, flows, variances = overlap(5, 4), [], []
    for seed in range(150):
        found = Permutations().estimate(oracle(values)[0], 5, 26, seed)
        flows.append(found.flows)
        variances.append(found.flow_errors**2)
    assert 0.3 < np.nanmean(variances) / np.var(flows, axis=0).mean() < 3
    wanted = conditional_shapley_values(values)
    error = np.std(flows, axis=0) / np.sqrt(150)
    assert np.abs(np.mean(flows, axis=0) - wanted).max() < 5 * error.max()


def test_truncation_breaks_off_where_all_is_gained():
    values = overlap(6)
    values[values > 0.8 * values[-1]] = values[-1]
    plain, asked_plain = oracle(values)
    short, asked_short = oracle(values)
    a = Permutations().estimate(plain, 6, 63, 0)
    b = Permutations(tolerance=0.5).estimate(short, 6, 63, 0)
    assert len(asked_short) < len(asked_plain)
    assert (b.flows.sum(axis=1) <= a.flows.sum(axis=1) + 1e-12).all()


def test_rows_without_an_order_are_those_of_the_others():
    values = membership(6) @ np.arange(1.0, 7)
    found = Permutations().estimate(oracle(values)[0], 6, 12, 0)
    np.testing.assert_allclose(found.flows, conditional_shapley_values(values))
    with pytest.raises(ValueError, match="evaluations: 10, need at least 11 for one order"):
        Permutations().estimate(oracle(values)[0], 6, 10, 0)


def test_strata_fill_up_to_the_exact_flows():
    """With so many turns that all strata have all their coalitions, means of means are exact."""
    values = overlap(4, 1)
    flows = [Stratified().estimate(oracle(values)[0], 4, 15, seed).flows for seed in range(100)]
    np.testing.assert_allclose(
        np.mean(flows, axis=0), conditional_shapley_values(values), atol=0.04 * values[-1]
    )


def test_hoeffding_bounds_the_error_of_strata():
    rng = np.random.default_rng(0)
    ranges, samples = np.array([1.0, 0.5, 0.2]), 30
    means = [rng.uniform(0, r, (20_000, samples)).mean(axis=1) for r in ranges]
    errors = np.abs(np.mean(means, axis=0) - ranges.mean() / 2)
    bound = hoeffding_bound(ranges, samples, pairs=1)
    assert np.mean(errors > bound) < 0.05
    # The printed case: ten parties, ten samples of each, range 1.
    assert hoeffding_bound(np.ones(9), 10, pairs=90) == pytest.approx(0.213, abs=0.01)


def test_proportional_flows():
    flows = proportional_flows(np.array([1.0, 2, 3]), 10.0)
    np.testing.assert_allclose(flows, [[0, 3.6, 5.4], [2, 0, 6], [7 / 3, 14 / 3, 0]])
    np.testing.assert_allclose(proportional_flows(np.zeros(3), 4.0), 2 * (1 - np.eye(3)))


def test_a_ledger_keeps_to_its_budget():
    values, asked = oracle([0, 1, 2, 3])
    ledger = Ledger(values, 2)
    assert ledger([1, 1, 2]).tolist() == [1, 1, 2]
    assert ledger([0, 1]).tolist() == [0, 1]
    assert asked == [1, 2]
    assert not ledger.allows([3])
    with pytest.raises(ValueError, match="evaluations: 2, need at least 3"):
        ledger([3])


# --- designs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 5, 10, 30, 64])
def test_larger_designs_begin_with_smaller_ones(n):
    low = design.least(n)
    small, large = (design.random_design(n, min(m, 2**n - 1), 7) for m in (low, low + 40))
    assert set(small) <= set(large)
    assert len(set(large)) == min(low + 40, 2**n - 1)
    assert set(design.always(n)) <= set(small)
    with pytest.raises(ValueError, match=f"need at least {low} for {n} parties"):
        design.random_design(n, low - 1, 7)


def test_coalitions_of_a_size_are_equally_likely():
    counts = np.zeros(64)
    for seed in range(600):
        for coalition in design.random_design(6, 34, seed):
            counts[coalition] += 1
    for size in range(2, 6):
        of_size = counts[[c.bit_count() == size for c in range(64)]]
        mean = of_size.mean()
        chance = mean / 600
        assert np.abs(of_size - mean).max() < 4.5 * np.sqrt(600 * chance * (1 - chance)) + 1e-9


def test_allocation_is_that_of_neyman():
    given_ = design.allocation(30, 5000)
    shares = {s: 1 / np.sqrt(s * (s - 1) * (30 - s)) for s in given_}
    total = sum(shares[s] for s in range(3, 29))
    left = 5000 - 31 - given_[2] - given_[29]
    for s in range(3, 29):
        assert given_[s] == pytest.approx(left * shares[s] / total, abs=1.5)


def test_pairs_are_complements():
    chosen = design.paired_design(8, 41, 0)
    assert len(chosen) == len(set(chosen)) == 41
    assert all(255 ^ c in chosen for c in chosen[:40] if c != 255)
    with pytest.raises(ValueError, match="evaluations: 8, need at least 9"):
        design.paired_design(8, 8, 0)


def test_a_smaller_active_budget_has_the_first_of_a_larger_one():
    _, small = (values := oracle(overlap(6)))
    Active().estimate(values[0], 6, 35, 3)
    _, large = (values := oracle(overlap(6)))
    Active().estimate(values[0], 6, 50, 3)
    assert large[:35] == small


@pytest.mark.parametrize("seed", range(6))
def test_what_is_picked_next_tells_most(seed):
    """Against conditioning on every candidate in turn, whole covariances and all."""
    root = np.random.default_rng(seed).standard_normal((15, 6))
    joint = root @ root.T  # of twelve values, then three flows
    left, wanted, nugget = joint.copy(), [], 0.3
    for _ in range(8):
        gains = []
        for k in range(12):
            after = left - np.outer(left[:, k], left[k]) / (left[k, k] + nugget)
            gains.append(-1 if k in wanted else np.trace((left - after)[12:, 12:]))
        k = int(np.argmax(gains))
        wanted.append(k)
        left = left - np.outer(left[:, k], left[k]) / (left[k, k] + nugget)
    assert active._most_telling(joint[:12, :12], joint[:12, 12:], nugget, 8) == wanted


def test_what_no_game_explains_counts_in_the_flows_by_itself():
    """The covariances of flows and values against those of whole tables, nugget included."""
    n, values = 4, overlap(4)
    sample = Sample(n, tuple(range(1, 16)), values[1:], np.zeros(15, dtype=bool))
    process = CoverageProcess.of(sample, np.ones(15, bool), np.random.default_rng(0))
    process = CoverageProcess(sample, replace(process.prior, nugget=0.02))
    known = np.isin(np.arange(1, 16), [1, 2, 4, 8, 15, 3, 6])
    joint = process.covariance + 0.02 * np.eye(15)
    left = joint - joint[:, known] @ np.linalg.solve(joint[np.ix_(known, known)], joint[known])
    units = conditional_shapley_values(np.eye(16)[1:]).reshape(15, -1)
    covariance, flows = active.posterior(process, known)
    np.testing.assert_allclose(flows, (left @ units)[~known], atol=1e-8)
    np.testing.assert_allclose(
        covariance + 0.02 * np.eye(8), left[np.ix_(~known, ~known)], atol=1e-8
    )


def test_a_sample_needs_single_parties_and_all():
    with pytest.raises(ValueError, match="2 of the 2 single parties and the grand"):
        Sample(2, (1,), np.ones(1), np.zeros(1, bool))


# --- a peer ----------------------------------------------------------------------------------


def test_permutations_are_as_good_as_those_of_shapiq():
    """Same method, same number of orders: mean squared errors within a third of each other."""
    n, values = 6, overlap(6, 1)
    truth = (payoffs_of(conditional_shapley_values(values)) + values[-1]) / n
    ours, theirs = [], []

    def game(rows):
        return values[np.atleast_2d(rows).astype(int) @ 2 ** np.arange(n)]

    for seed in range(60):
        found = Permutations().estimate(oracle(values)[0], n, 30, seed)
        ours.append((found.payoffs + values[-1]) / n - truth)
        peer = shapiq.PermutationSamplingSV(n, random_state=seed).approximate(40, game)
        theirs.append(peer.get_n_order_values(1) - truth)
    ratio = np.mean(np.square(ours)) / np.mean(np.square(theirs))
    assert ratio < 1.5
