"""Models made to order: search, models against a plain loop, refusals, delivery, the records."""

import hashlib
import json
import threading
from dataclasses import fields, replace
from fractions import Fraction
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from helpers import RESULTS, fractions, monotone_hull
from hypothesis import given
from hypothesis import strategies as st

from shapfair import Game, allocate, load_model
from shapfair.cli.main import main
from shapfair.datasets import Dataset, Partition
from shapfair.game import TABLE, table_digest
from shapfair.made_to_order import delivery, ordering
from shapfair.made_to_order.making import accuracies, reward_models
from shapfair.made_to_order.stopping import PATIENCE, Search, halves
from shapfair.made_to_order.targets import TOLERANCE, Price, Target, repetition_tolerance
from shapfair.made_to_order.workbench import Workbench
from shapfair.paper import experiments
from shapfair.paper.carried import CarriedExperiment
from shapfair.paper.networks import MLP
from shapfair.theory import exact
from shapfair.training.engine import TrainingDiverged
from shapfair.training.experiment import Experiment
from shapfair.training.plan import PADDING, Training, job_batches, plan_jobs


def noisy_dataset(examples=600, tests=2001, pixels=12, classes=4):
    rng = np.random.default_rng(0)
    centres = rng.integers(60, 196, (classes, pixels))

    def draw(count):
        labels = np.arange(count) % classes
        noise = rng.integers(-100, 100, (count, pixels))
        return np.clip(centres[labels] + noise, 0, 255).astype(np.uint8), labels.astype(np.uint8)

    return Dataset("noisy", *draw(examples), *draw(tests), classes, source="made", size="full")


NOISY = noisy_dataset()
SHARES = Partition.by_label(NOISY.train_labels, {"a": [0], "b": [1, 2], "c": [2, 3]})
SMALL = Experiment("small", NOISY, SHARES, MLP((8,), 4), Training(32, epochs=4, learning_rate=0.01))
CARRIED = CarriedExperiment(*(getattr(SMALL, field.name) for field in fields(SMALL)))
GRAND = 0b111


def target(party, accuracy, own=0.0, best=1.0):
    return Target(party, accuracy, own, best)


ORDERS = (target("a", 0.55), target("b", 0.62), target("c", 0.75))


@cache
def made():
    return reward_models(SMALL, ORDERS, seed=3)


# --- the search ----------------------------------------------------------------------------------


def follow(path, target, longest=8):
    """Search along given accuracies, one per step; the answer and the lengths of the blocks."""
    search, lengths = Search(target, len(path) - 1, longest, path[0]), []
    while length := search.length:
        before = search.step
        stayed = search.score(path[before + length])
        assert search.step == before + length * stayed
        lengths.append(length)
        assert len(lengths) < 10 * len(path)
    return search, lengths


@given(st.lists(st.integers(0, 20), min_size=1, max_size=80), st.integers(0, 20))
def test_search_ends_beside_a_step_that_crosses_the_target(path, target):
    path = [float(x) for x in path]
    search, lengths = follow(path, target + 0.25)
    assert max(lengths, default=0) <= 8
    assert search.curve == {step: path[step] for step in search.curve}
    assert search.accuracy == path[search.step]
    crossings = [s for s in range(1, len(path)) if path[s - 1] < target + 0.25 <= path[s]]
    if path[0] >= target + 0.25:
        assert (search.reached, search.step, lengths) == (True, 0, [])
    elif search.reached:
        beside = [s for s in crossings if search.step in (s - 1, s)]
        assert any(
            abs(path[search.step] - target - 0.25)
            == min(abs(path[k] - target - 0.25) for k in (s - 1, s))
            for s in beside
        )
    else:
        assert search.step == len(path) - 1
        assert all(accuracy < target + 0.25 for accuracy in search.curve.values())


@given(st.sets(st.integers(1, 60), min_size=1), st.integers(0, 60))
def test_search_finds_the_nearest_step_of_a_rising_path(rises, target):
    path = [float(sum(step >= rise for rise in rises)) for step in range(61)]
    search, _ = follow(path, target + 0.25)
    if path[-1] >= target + 0.25:
        assert search.reached
        misses = [abs(accuracy - target - 0.25) for accuracy in path]
        assert misses[search.step] == min(misses)


def test_search_takes_long_strides_where_the_target_is_far():
    path = [0.001 * step for step in range(2001)]
    search, lengths = follow(path, 1.0, longest=100)
    assert search.step == 1000
    assert lengths[:8] == [1, 2, 4, 8, 16, 32, 64, 100]
    assert len(lengths) < 30


# --- validation and test -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 7, -1])
def test_halves_share_no_example_and_leave_none_out(seed):
    validation, test = halves(NOISY, seed)
    together = np.concatenate([validation.test_inputs, test.test_inputs])
    assert sorted(map(bytes, together)) == sorted(map(bytes, NOISY.test_inputs))
    counts = [np.bincount(half.test_labels, minlength=4) for half in (validation, test)]
    assert np.abs(counts[0] - counts[1]).max() <= 1
    assert abs(len(validation.test_labels) - len(test.test_labels)) <= 1
    again, _ = halves(NOISY, seed)
    np.testing.assert_array_equal(validation.test_inputs, again.test_inputs)
    np.testing.assert_array_equal(validation.train_inputs, NOISY.train_inputs)
    for half in (validation, test):  # an image keeps its label
        rows = {bytes(x): y for x, y in zip(NOISY.test_inputs, NOISY.test_labels, strict=True)}
        pairs = zip(half.test_inputs, half.test_labels, strict=True)
        assert all(rows[bytes(x)] == y for x, y in pairs)


def test_every_example_judges_in_one_of_two_seeds_and_stops_in_the_other():
    """What makes one half easier than the other cancels over the two, whatever the model."""
    sides = []
    for pair in range(3):
        one, other = halves(NOISY, 2 * pair), halves(NOISY, 2 * pair + 1)
        for side in (0, 1):
            np.testing.assert_array_equal(one[side].test_inputs, other[1 - side].test_inputs)
            np.testing.assert_array_equal(one[side].test_labels, other[1 - side].test_labels)
        sides.append(one[0].test_inputs)
    assert not np.array_equal(sides[0], sides[1])
    assert not np.array_equal(sides[1], sides[2])


# --- making models -------------------------------------------------------------------------------


def plain_path(party, steps, seed=3):
    """Oracle: the model of the party's own data, then one for each step on the data of all."""
    coalition = 1 << SHARES.parties.index(party)
    adam = optax.adam(SMALL.training.learning_rate, eps=1e-7)

    @jax.jit
    def gradient(parameters, inputs, labels):
        def loss(parameters):
            logits = SMALL.network.apply(parameters, inputs)
            return -jnp.mean(jax.nn.log_softmax(logits)[jnp.arange(len(labels)), labels])

        return jax.grad(loss)(parameters)

    def train(parameters, batches):
        moments = adam.init(parameters)
        for row in batches:
            rows = row[row != PADDING]
            slope = gradient(parameters, NOISY.train_inputs[rows], NOISY.train_labels[rows])
            update, moments = adam.update(slope, moments, parameters)
            parameters = optax.apply_updates(parameters, update)
            yield parameters

    def batches(coalition, times=1):
        training = replace(SMALL.training, epochs=times * SMALL.training.epochs)
        (job,) = plan_jobs(SHARES, [coalition], [seed], training)
        return job_batches(job, SHARES, training)

    start = SMALL.network.init(jax.random.key(seed), jnp.zeros((1, 12), jnp.uint8))
    *_, own = train(start, batches(coalition))
    return [own, *train(own, batches(GRAND, times=3)[:steps])]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order.party)
def test_models_are_those_of_a_plain_loop(order):
    model = next(model for model in made() if model.target == order)
    path = plain_path(order.party, steps=model.curve[-1][0] + 1)
    one_example = 1.01 / 1000
    for step, accuracy in model.curve:
        assert accuracy == pytest.approx(accuracies(SMALL, path[step], 3)[0], abs=one_example)
    assert model.start == pytest.approx(accuracies(SMALL, path[0], 3), abs=one_example)
    step, share = int(model.step), model.step % 1
    want = jax.tree.map(lambda a, b: a + share * (b - a), path[step], path[step + 1])
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=2e-4), model.parameters, want)
    assert (model.validation, model.test) == accuracies(SMALL, model.parameters, 3)


def test_targets_are_met_by_the_validation_half():
    for order, model in zip(ORDERS, made(), strict=True):
        assert model.target == order
        assert model.outcome == "met"
        assert abs(model.validation - order.accuracy) <= TOLERANCE
        assert model.start[0] < order.accuracy - 0.1
        assert 0 < abs(model.test - model.validation) < 0.06
        curve = dict(model.curve)
        assert list(curve) == sorted(curve)
        assert curve[0] == model.start[0]


def test_last_step_is_shortened_only_where_a_whole_one_jumps_over_the_target():
    fast = replace(SMALL, training=replace(SMALL.training, learning_rate=0.03))
    shortened = 0
    for accuracy in np.linspace(0.5, 0.7, 6):
        (model,) = reward_models(fast, [target("b", float(accuracy))], seed=3)
        curve, floor = dict(model.curve), int(model.step)
        assert model.outcome == "met"
        if model.step == floor:
            assert curve[floor] == model.validation
        else:
            shortened += 1
            assert curve[floor] < accuracy - TOLERANCE
            assert curve[floor + 1] > accuracy + TOLERANCE
    assert 0 < shortened < 6


def test_number_of_lanes_does_not_matter():
    for one, several in zip(made(), reward_models(SMALL, ORDERS, 3, lanes=3), strict=True):
        assert several.step == pytest.approx(one.step, abs=0.01)
        assert several.validation == pytest.approx(one.validation, abs=0.0021)
        jax.tree.map(
            lambda x, y: np.testing.assert_allclose(x, y, atol=1e-3),
            one.parameters,
            several.parameters,
        )


def test_seed_decides():
    other = reward_models(SMALL, ORDERS, seed=4)
    assert [m.curve for m in other] != [m.curve for m in made()]
    assert [m.seed for m in other] == [4] * 3


def test_target_that_is_not_reached_gives_the_most_accurate_model():
    stuck = replace(SMALL, training=replace(SMALL.training, learning_rate=0.02))
    (model,) = reward_models(stuck, [target("a", 0.99)], seed=3)
    assert model.outcome == "not reached"
    best = max(accuracy for _, accuracy in model.curve)
    assert dict(model.curve)[model.step] == best == model.validation < 0.99
    assert model.step < model.curve[-1][0] == PATIENCE * 19 * 4  # batches times epochs
    assert (model.validation, model.test) == accuracies(stuck, model.parameters, 3)


def test_start_beyond_the_target_stays_as_it_is():
    start = made()[2].start[0]
    for miss, outcome in ((0.004, "met"), (0.02, "own is better")):
        (model,) = reward_models(SMALL, [target("c", start - miss)], seed=3)
        assert (model.step, model.validation, model.outcome) == (0, start, outcome)


def test_every_score_is_reported():
    seen = []
    (model,) = reward_models(
        SMALL, [ORDERS[0]], 3, scored=lambda *where: seen.append((threading.get_ident(), *where))
    )
    assert {(step, accuracy) for _, _, step, accuracy in seen} == set(model.curve[1:])
    assert {party for _, party, _, _ in seen} == {"a"}


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accuracy", "message"),
    [
        (0.91, r"party a shall get accuracy 0\.91, but the best model has 0\.9"),
        (0.29, r"party a shall get accuracy 0\.29, but the model of its own data has 0\.3"),
        (float("nan"), "nan"),
    ],
)
def test_target_beyond_the_own_and_the_best_model_is_refused(accuracy, message):
    with pytest.raises(ValueError, match=message):
        Target("a", accuracy, own=0.3, best=0.9)
    Target("a", 0.3, own=0.3, best=0.9)
    Target("a", 0.9 + 1e-12, own=0.3, best=0.9)


@pytest.mark.parametrize(
    ("experiment", "orders", "message"),
    [
        (SMALL, [target("d", 0.5)], "no party 'd', known: a, b, c"),
        (SMALL, [ORDERS[0], ORDERS[0]], "party 'a' is named twice"),
        (CARRIED, ORDERS, "small: its optimiser is carried"),
        (
            replace(SMALL, dataset=noisy_dataset(tests=398)),
            ORDERS,
            r"with 199 examples, .* 0\.005 apart, too far .* need 400 test examples",
        ),
        (
            replace(SMALL, training=replace(SMALL.training, batch_size=256)),
            ORDERS[:1],
            r"coalition \{a\} has 150 examples, fewer than one batch of 256",
        ),
    ],
)
def test_bad_orders_are_refused(experiment, orders, message):
    with pytest.raises(ValueError, match=message):
        reward_models(experiment, orders, seed=0)


@pytest.mark.parametrize(
    ("epochs", "batch_size", "where"),
    [
        (4, 32, r"coalition \{a\}, seed 3: the loss of the model for party a .* at step 2 of 20 "),
        (
            1,
            150,
            r"coalition \{a, b, c\}, seed 3: the loss of the model for party a .* at step 1 of 12 ",
        ),
    ],
)
def test_diverged_training_is_named(epochs, batch_size, where):
    wild = replace(SMALL, training=Training(batch_size, epochs, learning_rate=1e30))
    with pytest.raises(TrainingDiverged, match=where + r"with learning rate 1e\+30"):
        reward_models(wild, [target("a", 0.9)], seed=3)


# --- targets of an allocation --------------------------------------------------------------------


@cache
def small_game():
    return SMALL.run(seeds=[3, 5]).game


def with_values(values):
    """The small game with other values, of which its provenance says that they were recorded."""
    origin = small_game().provenance
    return Game(
        values, SHARES.parties, {**origin, TABLE: table_digest(values, SHARES.parties, origin)}
    )


def targets_of(allocation, seed):
    return ordering.targets_of(allocation, small_game(), SMALL, seed)


def test_targets_are_own_accuracy_plus_what_is_paid_for():
    mean = small_game().values.mean(axis=0)
    for rate in (1.0, 4.0):
        allocation = allocate(small_game().averaged(), 0, exchange_rate=rate, repair="hull")
        for row, seed in enumerate((3, 5)):
            targets = targets_of(allocation, seed)
            assert [t.party for t in targets] == ["a", "b", "c"]
            for i, order in enumerate(targets):
                own, cost = mean[1 << i], allocation.costs[i]
                assert order.accuracy == pytest.approx(own + cost / rate, abs=1e-12)
                assert order.own == pytest.approx(own)
                assert order.alone == small_game().own_values[row, i]
                assert order.best == pytest.approx(mean.max())
                assert order.price == Price(allocation.payoffs[i], allocation.scaling[i], rate)
            assert len({order.accuracy for order in targets}) == 3


def test_targets_are_the_same_under_every_seed():
    """The tables are averaged first: the mean of their hulls is another one."""
    values = np.array(small_game().values)
    values[:, GRAND] = values[:, :GRAND].max(axis=1) + np.array([-0.1, 0.2])
    game = with_values(values)
    allocation = allocate(game.averaged(), 0, repair="hull")
    one, other = (ordering.targets_of(allocation, game, SMALL, seed) for seed in (3, 5))
    assert [t.accuracy for t in one] == [t.accuracy for t in other]
    assert one[0].best == values[:, GRAND].mean() < game.hull().grand_value.mean() - 0.01
    assert [t.alone for t in one] != [t.alone for t in other]


def test_only_the_allocation_of_the_mean_table_makes_targets():
    game, each = small_game(), Game(small_game().values[0], SHARES.parties)
    for allocation in (allocate(game), allocate(each), allocate(game.scaled(2).averaged())):
        with pytest.raises(ValueError, match="allocation: not that of the mean table"):
            targets_of(allocation, 3)


def test_values_of_another_experiment_are_refused():
    other = replace(SMALL, training=replace(SMALL.training, epochs=5))
    values, origin = small_game().values, small_game().provenance
    for game, experiment, seed, message in [
        (small_game(), other, 3, r"of another experiment \(small, full data, digest"),
        (small_game(), SMALL, 4, "no table of seed 4, there are those of 3, 5"),
        (Game(values, SHARES.parties), SMALL, 3, "no provenance"),
        (Game(values, SHARES.parties, {"digest": "ab"}), SMALL, 3, "no provenance"),
        (Game(values, "bac", origin), SMALL, 3, "of parties b, a, c, but .* are a, b, c, in this"),
    ]:
        with pytest.raises(ValueError, match=message):
            ordering.targets_of(allocate(game.averaged()), game, experiment, seed)


@pytest.mark.parametrize("coalition", [0b001, GRAND])
def test_a_record_that_was_edited_is_refused(command, tmp_path, coalition):
    document = json.loads((tmp_path / "values.json").read_text())
    document["values"][1][coalition] += 1e-4
    (tmp_path / "values.json").write_text(json.dumps(document))
    code, out, err = command("--seed=3")
    assert (code, out) == (2, "")
    assert err == (
        "shapfair: error: argument --values: the table was changed since it was recorded: make it "
        "again with `shapfair reproduce`\n"
    )
    assert not (tmp_path / "models").exists()


def test_a_table_made_of_a_record_is_refused():
    game = small_game().hull()
    with pytest.raises(ValueError, match="changed since it was recorded"):
        ordering.targets_of(allocate(game.averaged()), game, SMALL, 3)


def claiming(shift):
    """The orders, with what the table says of the own models under seed 3."""
    alone = small_game().own_values[0].tolist()
    return [replace(order, alone=one + shift) for order, one in zip(ORDERS, alone, strict=True)]


def test_own_models_that_are_not_as_the_table_says_stop_everything(tmp_path):
    """Nothing is delivered to anybody, also not to those whose values are right."""
    for party, shift in (("a", 0.03), ("c", -0.03), ("b", float("nan"))):
        orders = [o if o.party != party else replace(o, alone=o.alone + shift) for o in claiming(0)]
        said = rf"values: the table says \S+ for party {party} under seed 3, .* has 0\.\d{{4}}, and"
        with pytest.raises(ValueError, match=said):
            delivery.deliver(SMALL, orders, 3, tmp_path)
        assert not list(tmp_path.iterdir())
    just = repetition_tolerance(2001) - 0.001
    for shift in (just, -just):
        assert reward_models(SMALL, claiming(shift)[:1], 3)[0].outcome == "met"


def test_own_models_are_compared_over_the_whole_test_set():
    (bench, example) = (Workbench(SMALL, 3, jax.devices()[0], threading.Event()), 1 / 2001)
    for own, order, model in zip(bench.own_models(ORDERS), claiming(0), made(), strict=True):
        assert own.accuracy == pytest.approx(order.alone, abs=1.01 * example)
        right = own.accuracy / example
        assert right == pytest.approx(round(right), abs=1e-6)
        assert own.start == pytest.approx(model.start, abs=0.0021)
        assert own.accuracy == pytest.approx(np.mean(own.start), abs=example)


# --- delivery ------------------------------------------------------------------------------------


def test_saved_models_are_loaded_to_the_bit(tmp_path):
    for k, model in enumerate(made(), start=1):
        path = delivery.save(model, tmp_path / "new", SMALL)
        assert path == tmp_path / "new" / f"party-{k}.json"
        loaded = delivery.load(path)
        same = jax.tree.map(np.array_equal, loaded.parameters, model.parameters)
        assert jax.tree.all(same)
        for field in fields(model):
            if field.name != "parameters":
                assert getattr(loaded, field.name) == getattr(model, field.name)
        assert accuracies(SMALL, loaded.parameters, 3) == (model.validation, model.test)
        assert json.loads(path.read_text())["result"]["outcome"] == "met"


def folder_of(path):
    """Content of every file."""
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_what_was_delivered_before_a_stop_is_not_made_again(tmp_path):
    def stop(model):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        delivery.deliver(SMALL, ORDERS, 3, tmp_path, finished=stop)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert 2 <= len(kept) < 6
    new, lines = [], []
    models = delivery.deliver(SMALL, ORDERS, 3, tmp_path, finished=new.append, notice=lines.append)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(new) == 3 - len(kept) // 2
    assert lines == []
    assert [model.target for model in models] == list(ORDERS)
    for model, wanted in zip(models, made(), strict=True):
        assert model.curve == wanted.curve
    assert len(list(tmp_path.iterdir())) == 6


OTHER = replace(SMALL, training=replace(SMALL.training, epochs=5))


@pytest.mark.parametrize(
    ("experiment", "order", "seed"),
    [
        (SMALL, target("a", 0.5), 3),
        (SMALL, target("a", 0.55 + 2e-9), 3),
        (SMALL, ORDERS[0], 4),
        (OTHER, ORDERS[0], 3),
    ],
)
def test_a_model_of_another_order_makes_place(tmp_path, experiment, order, seed):
    for model in made()[:2]:
        delivery.save(model, tmp_path, SMALL)
    before, lines = folder_of(tmp_path), []
    (model,) = delivery.deliver(experiment, [order], seed, tmp_path, notice=lines.append)
    loaded = delivery.load(tmp_path / "party-1.json")
    assert (loaded.target, loaded.seed, model.seed) == (order, seed, seed)
    (line,) = lines
    assert line.startswith(f"{tmp_path / 'party-1.json'}: party a's model with target 0.5500, seed")
    assert f"makes place for one with target {order.accuracy:.4f}, seed {seed}" in line
    after = folder_of(tmp_path)
    assert len(after) == 4
    assert all(after[name] == before[name] for name in before if "party-2" in name)


def test_the_old_model_stays_until_the_new_one_is_made(tmp_path):
    delivery.save(made()[0], tmp_path, SMALL)
    before = folder_of(tmp_path)

    def stop(*where):
        assert folder_of(tmp_path) == before
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        delivery.deliver(SMALL, [target("a", 0.5)], 3, tmp_path, scored=stop)
    assert folder_of(tmp_path) == before


def test_a_model_that_fits_is_kept_and_says_its_new_price(tmp_path):
    delivery.save(made()[0], tmp_path, SMALL)
    before = folder_of(tmp_path)
    price = Price(-0.25, 0.5, 2.0, "ab" * 32)
    order = Target("a", 0.55 + 1e-10, 0.1, 0.9, None, price)
    (model,) = delivery.deliver(SMALL, [order], 3, tmp_path, scored=pytest.fail, notice=pytest.fail)
    loaded = delivery.load(tmp_path / "party-1.json")
    assert loaded.target == model.target == order
    assert loaded.curve == made()[0].curve
    after = folder_of(tmp_path)
    assert after["party-1.safetensors"] == before["party-1.safetensors"]
    said, was = (json.loads(content["party-1.json"]) for content in (after, before))
    changed = {key for key in said if said[key] != was[key]}
    assert changed == {"target", "price", "digest"}


def test_kept_models_are_compared_with_the_table_too(tmp_path):
    delivery.save(made()[0], tmp_path, SMALL)
    before = folder_of(tmp_path)
    lie = replace(ORDERS[0], alone=made()[0].alone + 0.03)
    with pytest.raises(ValueError, match=r"the table says \S+ for party a under seed 3"):
        delivery.deliver(SMALL, [lie, ORDERS[1]], 3, tmp_path, scored=pytest.fail)
    assert folder_of(tmp_path) == before


def lose(folder):
    (folder / "party-1.safetensors").unlink()


def half_a_swap(folder):
    """The power failed after the weights were in place."""
    (folder / "party-1.safetensors").write_bytes((folder / "party-2.safetensors").read_bytes())


def edit(folder):
    text = (folder / "party-1.json").read_text()
    (folder / "party-1.json").write_text(text.replace('"seed": 3', '"seed": 5'))


@pytest.mark.parametrize("damage", [lose, half_a_swap, edit])
def test_a_damaged_model_is_made_anew(tmp_path, damage):
    for model in made()[:2]:
        delivery.save(model, tmp_path, SMALL)
    before, lines = folder_of(tmp_path), []
    damage(tmp_path)
    delivery.deliver(SMALL, ORDERS[:1], 3, tmp_path, notice=lines.append)
    (line,) = lines
    assert line.endswith(": party a's model is made anew")
    assert folder_of(tmp_path).keys() == before.keys()
    assert delivery.load(tmp_path / "party-1.json").curve == made()[0].curve


@pytest.mark.parametrize("content", [b"{}", b"[1]", b"my notes", b'{"format": 3}', b"\xff"])
def test_a_file_that_is_no_model_is_left_alone(tmp_path, content):
    (tmp_path / "party-1.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"party-1\.json: not a .* move it away, or choose"):
        delivery.deliver(SMALL, ORDERS[:1], 3, tmp_path, scored=pytest.fail)
    assert folder_of(tmp_path) == {"party-1.json": content}


class Odd(nn.Module):
    """A network whose variables are not all plain arrays."""

    @nn.compact
    def __call__(self, x):
        self.variable("kept", "pair", lambda: (jnp.zeros(1), jnp.zeros(1)))
        return nn.Dense(4)(x.astype(jnp.float32))


def test_variables_that_no_file_can_hold_are_found_before_anything_is_trained(tmp_path):
    odd = replace(SMALL, network=Odd())
    with pytest.raises(ValueError, match="network: kept/pair is of tuple, a model that is deliver"):
        delivery.deliver(odd, ORDERS[:1], 3, tmp_path, scored=pytest.fail)


def test_an_experiment_whose_name_cannot_be_printed_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"name: 'a\\nb' cannot be printed"):
        delivery.deliver(replace(SMALL, name="a\nb"), ORDERS[:1], 3, tmp_path, scored=pytest.fail)


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """``shapfair models make`` on the small experiment, and the table of its values."""
    monkeypatch.setitem(experiments.EXPERIMENTS, "mnist", lambda data: SMALL)
    monkeypatch.chdir(tmp_path)
    small_game().to_json("values.json")

    def run(*options):
        code = main(["models", "make", "mnist", "--values=values.json", "--out=models", *options])
        return code, *capsys.readouterr()

    return run


def ordered(budgets, seed):
    """What is ordered with a receipt."""
    allocation = allocate(small_game().averaged(), budgets, repair="hull")
    papers = ordering.papers_of(allocation, small_game())
    return ordering.targets_of(allocation, small_game(), SMALL, seed, papers=papers)


def test_command_delivers_what_the_budgets_allow(command, tmp_path):
    code, out, err = command("--seed=5", "--budget=a=0.01", "--default-budget=0")
    assert code == 0, err
    budgets = {"a": 0.01, "b": 0.0, "c": 0.0}
    for i, order in enumerate(ordered(budgets, seed=5)):
        model = delivery.load(tmp_path / "models" / f"party-{i + 1}.json")
        assert (model.target, model.seed) == (order, 5)
        assert f"{order.accuracy:.4f}" in out
        assert f"{model.test:.4f}" in out
    assert "models and their receipt in models" in out


def test_command_takes_the_options_of_an_allocation(command, tmp_path):
    options = ["--default-budget=0.02", "--desired=c=2", "--exchange-rate=4", "--repair=none"]
    game = with_values(small_game().hull().values)
    game.to_json("values.json")
    code, _, err = command("--seed=3", *options)
    assert code == 0, err
    allocation = allocate(game.averaged(), 0.02, {"c": 2}, exchange_rate=4.0)
    papers = ordering.papers_of(allocation, game)
    targets = ordering.targets_of(allocation, game, SMALL, seed=3, papers=papers)
    for others in ({"desired": {}}, {"exchange_rate": 1.0}):  # every option makes a difference
        given = {"budgets": 0.02, "desired": {"c": 2}, "exchange_rate": 4.0} | others
        unlike = allocate(game.averaged(), **given).model_values / given["exchange_rate"]
        assert np.abs(unlike - [order.accuracy for order in targets]).max() > 1e-4
    for i, order in enumerate(targets):
        assert delivery.load(tmp_path / "models" / f"party-{i + 1}.json").target == order


def test_command_lays_the_receipt_beside_the_models(command, tmp_path, capsys):
    """It is the one that `shapfair allocate` gives for the mean table, and it can be verified."""
    assert command("--seed=3", "--budget=a=0.01", "--desired=b=0.6")[::2] == (0, "")
    receipt = (tmp_path / "models/receipt.json").read_bytes()
    for k in (1, 2, 3):
        about = json.loads((tmp_path / f"models/party-{k}.json").read_text())
        assert about["price"]["receipt"] == hashlib.sha256(receipt).hexdigest()
        assert load_model(tmp_path / f"models/party-{k}.json").party == "abc"[k - 1]
    assert main(["verify", "models/receipt.json", "models/values.json"]) == 0
    options = ["--budget=a=0.01", "--desired=b=0.6", "--repair=hull", "--format=json"]
    capsys.readouterr()
    assert main(["allocate", "models/values.json", *options]) == 0
    assert capsys.readouterr().out.encode() == receipt
    mean = Game.read(tmp_path / "models/values.json")
    np.testing.assert_array_equal(mean.values, small_game().averaged().values)
    assert mean.provenance["derived"] == ["mean of the tables of seeds 3, 5"]


def test_the_receipt_comes_when_all_models_are_there(command, tmp_path):
    """A folder in which a new order was begun has models of two receipts until it is done."""
    folder = tmp_path / "models"
    assert command("--seed=3", "--default-budget=0")[0] == 0
    first = folder_of(folder)

    def stop(model):
        raise KeyboardInterrupt

    orders = ordered({"a": 0.002, "b": 0.0, "c": 0.0}, seed=3)
    with pytest.raises(KeyboardInterrupt):
        delivery.deliver(SMALL, orders, 3, folder, finished=stop)
    second = folder_of(folder)
    assert second != first
    assert all(second[name] == first[name] for name in ("receipt.json", "values.json"))
    for k, party in enumerate("abc", start=1):
        path = folder / f"party-{k}.json"
        if second[path.name] == first[path.name]:
            assert load_model(path).party == party
        else:
            with pytest.raises(ValueError, match=rf"not the receipt of party {party}'s model"):
                load_model(path)
    assert command("--seed=3", "--default-budget=0", "--budget=a=0.002")[0] == 0
    assert main(["models", "check", "models"]) == 0


@pytest.mark.parametrize("name", ["receipt.json", "values.json"])
def test_command_does_not_write_over_files_of_others(command, tmp_path, name):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / name).write_text("my notes")
    code, out, err = command("--seed=3")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"models/{name}: not " in err
    assert "move it away, or choose another folder" in err
    assert folder_of(tmp_path / "models") == {name: b"my notes"}


def test_command_keeps_what_fits_after_a_change_of_budgets(command, tmp_path):
    folder = tmp_path / "models"
    assert command("--seed=3", "--default-budget=0")[::2] == (0, "")
    first = folder_of(folder)
    assert command("--seed=3", "--default-budget=0")[::2] == (0, "")
    assert folder_of(folder) == first
    code, _, err = command("--seed=3", "--default-budget=0", "--budget=a=0.01")
    assert code == 0, err
    for name, line in zip("ac", err.splitlines(), strict=True):
        path = f"models/party-{SHARES.parties.index(name) + 1}.json"
        assert line.startswith(f"shapfair: {path}: party {name}'s model with target 0.")
        assert " makes place for one with target 0." in line
    second = folder_of(folder)
    changed = {name for name in first if first[name] != second[name]}
    assert changed >= {"party-1.json", "party-1.safetensors", "party-2.json", "party-3.json"}
    assert "party-2.safetensors" not in changed  # it was paid for by another, and is as good
    budgets = {"a": 0.01, "b": 0.0, "c": 0.0}
    for k, order in enumerate(ordered(budgets, seed=3), start=1):
        assert delivery.load(folder / f"party-{k}.json").target == order
    changed = {name for name in first if first[name] != second[name]}
    assert "receipt.json" in changed
    assert "values.json" not in changed
    assert main(["models", "check", "models"]) == 0


def test_command_says_when_the_hull_changed_the_table(command):
    bent = small_game().values.copy()
    bent[:, 0b011] = bent[:, 0b001] - 0.05
    with_values(bent).to_json("values.json")
    code, _, err = command("--seed=3", "--default-budget=0")
    assert code == 0, err
    assert "shapfair: warning: not monotone: " in err
    assert "; replaced by the monotone hull\n" in err
    code, out, err = command("--seed=3", "--default-budget=0", "--repair=none")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "repair the value table (--repair hull)" in err


@pytest.mark.parametrize("given", [None, "full", "embedded"])
def test_command_trains_on_the_data_of_the_table(command, monkeypatch, given):
    asked = []

    def experiment(data):
        asked.append(data)
        return SMALL

    monkeypatch.setitem(experiments.EXPERIMENTS, "mnist", experiment)
    assert command("--seed=3", *([f"--data={given}"] if given else []))[0] == 0
    assert asked == [given or small_game().provenance["data_size"]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seed=1"], "error: argument --values: no table of seed 1, there are those of 3, 5"),
        (["--budget=z=1"], "no party 'z', known: a, b, c"),
        (["--values=nowhere.json"], "nowhere.json: No such file"),
    ],
)
def test_command_says_what_is_wrong_in_one_line(command, options, message):
    code, out, err = command(*options)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err


# --- the records ---------------------------------------------------------------------------------


@cache
def record(name):
    return json.loads((RESULTS / f"models-{name}.json").read_text(encoding="utf-8"))


@cache
def exact_targets(name):
    """Party -> target, from the mean of the recorded value tables in rational numbers."""
    document = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    columns = zip(*fractions(document, 10_000), strict=True)
    mean = [sum(column, Fraction(0)) / len(column) for column in columns]
    allocation = exact.allocate(monotone_hull(mean), [0] * len(document["parties"]))
    return dict(zip(document["parties"], allocation.model_values, strict=True))


@pytest.mark.parametrize(("name", "at_least"), [("mnist", 10), ("cifar10", 3)])
def test_record_is_of_every_party_in_every_seed(name, at_least):
    origin = record(name)["provenance"]
    values = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    assert origin["digest"] == values["provenance"]["digest"]
    assert (origin["data_size"], origin["test_examples"]) == ("full", 10_000)
    assert origin["commit"]
    assert "dirty" not in origin["commit"]
    models = record(name)["models"]
    seeds = origin["seeds"]
    assert sorted((m["seed"], m["party"]) for m in models) == sorted(
        (seed, party) for seed in seeds for party in values["parties"]
    )
    assert len(set(seeds)) == len(seeds) >= at_least
    for m in models:
        assert m["target"] == pytest.approx(float(exact_targets(name)[m["party"]]))
        own = values["values"][values["provenance"]["seeds"].index(m["seed"])][
            1 << values["parties"].index(m["party"])
        ]
        again = (m["start_validation"] + m["start_test"]) / 2
        assert again == pytest.approx(own, abs=repetition_tolerance(10_000))


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_recorded_models_meet_their_targets(name):
    for m in record(name)["models"]:
        curve, floor = dict(m["curve"]), int(m["step"])
        assert abs(m["validation"] - m["target"]) <= TOLERANCE
        assert m["outcome"] == "met"
        assert curve[0] == m["start_validation"] < m["target"]
        if m["step"] == floor:
            assert curve[floor] == m["validation"]
        else:  # the steps beside it both miss
            assert curve[floor] < m["target"] - TOLERANCE
            assert curve[floor + 1] > m["target"] + TOLERANCE
        noise = np.sqrt(2 * m["target"] * (1 - m["target"]) / 5000)
        assert abs(m["test"] - m["target"]) < 3 * noise
