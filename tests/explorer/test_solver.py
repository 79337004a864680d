"""The explorer's solver in node, against Python, on games where ties and rounding could decide."""

import json
import math
import random
import shutil
import subprocess

import numpy as np
import pytest
from helpers import ROOT, monotone_hull

from shapfair import Game, allocate
from shapfair.coalitions import members
from shapfair.stability import leaving

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="the explorer is tested in node, not found")

RUN = """
const solver = require(process.argv[1]);
const amount = (x) => (x === null ? Infinity : x);
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(cases.map(({ values, budgets, desired, repair }) => {
  const prepared = values.map((v) => solver.prepare(repair === "hull" ? solver.hull(v) : v));
  const b = budgets.map(amount), d = desired.map(amount), edges = values.map(solver.monotonicity);
  try {
    const found = prepared.map((table) => solver.allocate(table, b, d));
    return { found, edges, tables: prepared, blocking: solver.blocking(prepared, found, b) };
  } catch (error) {
    return { error, edges };
  }
})));
"""

GAMES, TOLERANCE = 1000, 1e-9


def in_node(cases):
    """What the solver makes of the cases."""
    text = json.dumps(cases).replace("Infinity", "null")
    script = str(ROOT / "shapfair" / "explorer" / "solver.js")
    done = subprocess.run(
        [NODE, "-e", RUN, script], input=text, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def table(draw, n):
    """A table of one of many kinds, most of them with ties."""
    size, kind = 2**n, draw.randrange(10)
    if kind == 0:  # additive; a third of the parties add nothing
        adds = [draw.choice([0, 0.1, 0.2, 0.3, 1, 3]) for _ in range(n)]
        return [sum(adds[i] for i in members(c)) for c in range(size)]
    if kind == 1:  # the most of its members: who has less is of no use to who has more
        worth = [draw.choice([1, 1, 2, 5]) for _ in range(n)]
        return [max((worth[i] for i in members(c)), default=0) for c in range(size)]
    if kind == 2:  # unanimity of some
        need = draw.randrange(size)
        return [float(c & need == need and c > 0) for c in range(size)]
    if kind == 3:  # symmetric
        steps = [0, *sorted(draw.choice([0, 1, 1, 2, 7]) for _ in range(n))]
        return [steps[c.bit_count()] for c in range(size)]
    if kind == 4:  # nothing is worth anything, or whatever anybody has is worth the same
        return [0.0, *[draw.choice([0, 0.7])] * (size - 1)]
    top = draw.choice([1, 2, 10])
    values = [0, *(draw.randrange(top + 1) for _ in range(size - 1))]
    if kind == 5:  # small whole numbers, not monotone
        return values
    values = monotone_hull(values)
    scale = draw.choice([1e-6, 0.1, 1 / 3, 1e6])  # rounded numbers
    return [scale * x for x in values] if kind == 7 else values


def amounts(draw, n, unit):
    """All unlimited, all zero, or any mixture."""
    kind = draw.randrange(4)
    if kind < 2:
        return [(math.inf, 0.0)[kind]] * n
    some = [0, 0, math.inf, unit / 8, unit / 3, unit, 4 * unit]
    return [draw.choice(some) for _ in range(n)]


def cases():
    draw = random.Random(15)
    for k in range(GAMES):
        n = 1 + k % 6
        tables = [table(draw, n) for _ in range(draw.choice([1, 1, 1, 3]))]
        unit = max(max(map(abs, v)) for v in tables) or 1.0
        budgets, desired = amounts(draw, n, unit), amounts(draw, n, unit)
        if draw.random() < 0.6:
            desired = [math.inf] * n
        repair = draw.choice(["none", "hull"])
        yield {"values": tables, "budgets": budgets, "desired": desired, "repair": repair}


@pytest.mark.slow
def test_solver_gives_what_python_gives():
    games = list(cases())
    answers = {"allocated": 0, "refused": 0, "short": 0, "rounds": 0, "blocked": 0, "drops": 0}
    for case, found in zip(games, in_node(games), strict=True):
        game = Game(case["values"])
        reports = [Game(v).monotonicity() for v in case["values"]]
        assert [(e["edges"], e["violations"]) for e in found["edges"]] == [
            (r.edges, r.violations) for r in reports
        ]
        answers["drops"] += any(r.violations for r in reports)
        wanted, refusal = None, ""
        try:
            wanted = allocate(game, case["budgets"], case["desired"], repair=case["repair"])
        except ValueError as error:
            refusal = str(error)
        if wanted is None:
            named = found["error"]
            pays = f"party {named['payer'] + 1} pays party {named['earner'] + 1} a negative"
            assert pays in refusal, case
            answers["refused"] += 1
            continue
        assert "error" not in found, (case, found)
        compare(case, found, wanted)
        answers["allocated"] += 1
        answers["short"] += any(one.constrained.any() for one in wanted.clearings)
        answers["rounds"] += any(one.rounds > 1 for one in wanted.clearings)
        answers["blocked"] += bool(found["blocking"])
    # All of it was tried.
    assert min(answers.values()) >= 25, answers


def compare(case, found, wanted):
    values = wanted.game.values.reshape(-1, 2**wanted.game.n)
    unit = np.abs(values).max()
    names = {
        "scaling": ("scaling", 1),
        "payoffs": ("payoffs", unit),
        "models": ("model_values", unit),
        "paid": ("adjusted_flows", unit),
        "costs": ("costs", unit),
        "revenues": ("revenues", unit),
    }
    for name, (attribute, scale) in names.items():
        expected = getattr(wanted, attribute)
        given = np.reshape([one[name] for one in found["found"]], expected.shape)
        assert np.abs(given - expected).max() <= TOLERANCE * scale, (name, case)
    for name in ("flows", "shapley"):
        expected = getattr(wanted, name)
        given = np.reshape([one[name] for one in found["tables"]], expected.shape)
        assert np.abs(given - expected).max() <= TOLERANCE * unit, (name, case)
    for one, clearing in zip(found["found"], wanted.clearings, strict=True):
        proof, given = clearing.certificate, one["certificate"]
        for side in ("primal", "dual"):
            assert given[side] == pytest.approx(getattr(proof, side), TOLERANCE, TOLERANCE * unit)
        held = {int(i) for i in np.flatnonzero(clearing.constrained)}
        if unsure := held ^ set(one["constrained"]):
            # In exact arithmetic a party lacks a last digit: it spends all it has and pays in full.
            assert all(one["scaling"][i] > 1 - TOLERANCE for i in unsure), case
            continue
        assert np.allclose(one["prices"], proof.budget_prices, TOLERANCE, TOLERANCE), case
        assert np.allclose(one["caps"], proof.cap_prices, TOLERANCE, TOLERANCE * unit), case
        history = [each["scaling"] for each in one["rounds"]]
        assert np.shape(history) == clearing.history.shape, case
        assert np.abs(np.array(history) - clearing.history).max() <= TOLERANCE, case
    left = leaving(values, np.atleast_2d(wanted.model_values + wanted.payoffs), wanted.budgets)
    listed = [one["coalition"] for one in found["blocking"]]
    assert listed == left.blocking.tolist(), case
    for one in found["blocking"]:
        assert one["gain"] == pytest.approx(left.gains[one["coalition"]], abs=TOLERANCE * unit)
        assert one["tables"] == left.tables[one["coalition"]], case
        if left.seeds > 1:
            error = left.errors[one["coalition"]]
            assert one["error"] == pytest.approx(error, abs=TOLERANCE * unit)
            margin = left.margins()[one["coalition"]]
            assert one["margin"] == pytest.approx(margin, abs=1e-6 * unit, rel=1e-6)


def test_recorded_table_of_many_parties():
    record = Game.from_json(ROOT / "results" / "mnist-overlapping.json")
    budgets = [0.05 * (i % 3) for i in range(record.n)]
    values = record.values.tolist()
    case = {"values": values, "budgets": budgets, "desired": [None] * record.n, "repair": "hull"}
    found = in_node([case])[0]
    compare(case, found, allocate(record, budgets, repair="hull"))
