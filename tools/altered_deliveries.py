"""Deliveries as they are have to hold, and altered ones must not.

Usage: python tools/altered_deliveries.py [--deliveries N] [--alterations K] [--seed S]

Folders with the models of 2 to 4 parties, as `shapfair models make` leaves them: documents,
weights, receipt and mean table. The weights are random; nothing is trained. Each folder is checked
as `shapfair models check` does and has to hold, and each of its models is loaded. Then a folder is
altered in one of the ways of ALTERATIONS, and `shapfair models check` must refuse it. So must
`shapfair.load_model` for one of the models at least, unless only the mean table was altered, which
it does not read, or a file is gone.

An alteration is a change of meaning: white space in a document is none, and neither is a delivery
to fewer parties. Alterations may renew the digest in a document, as a forger would, where the
receipt or the weights contradict it. Forged accuracies are not tried: only a signature of the
document shows them.
"""

import hashlib
import json
import pickle
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import jax
import numpy as np
from altered_receipts import command_line

from shapfair import Experiment, allocate, load_model
from shapfair.cli.models import delivery_findings
from shapfair.cli.verify import WRONG
from shapfair.delivered import document, papers
from shapfair.game import TABLE, Game, table_digest
from shapfair.made_to_order import delivery, ordering
from shapfair.made_to_order.targets import RewardModel
from shapfair.paper.networks import MLP
from shapfair.training.step import example_of
from shapfair.valuation.store import digest

Files = dict[str, bytes]
"""Name and content of every file of a folder."""

NAMES = ("A", "B b", "Ç", "d")
SEEDS = (3, 4)


# --- deliveries as they are ----------------------------------------------------------------------


@cache
def experiment(n: int) -> Experiment:
    """An experiment of ``n`` parties, whose examples are random."""
    rng = np.random.default_rng(n)
    examples = rng.integers(0, 256, (40, 6), np.uint8), np.arange(40) % 3
    parties = {
        name: range(10 * k, 10 * k + 10) for k, name in enumerate(("A", "B b", "Ç", "d")[:n])
    }
    parts = {"train": examples, "test": examples, "network": MLP((4,), 3)}
    return Experiment.of_arrays("small", parties=parties, batch_size=5, **parts)


@cache
def weights(n: int, seed: int) -> Any:
    """The weights with which training starts."""
    return jax.device_get(experiment(n).learner.init(seed, example_of(experiment(n).dataset)))


def random_delivery(rng: Random, folder: Path) -> Files:
    """The files of a delivery of models that nobody has trained."""
    n, seed = rng.choice([2, 3, 4]), rng.choice(SEEDS)
    made, rate = experiment(n), rng.choice([1.0, 100.0])
    values = [[0.0, *sorted(rng.uniform(0.1, 1) for _ in range(2**n - 1))] for _ in SEEDS]
    origin = {"digest": digest(made.description()), "seeds": list(SEEDS)}
    origin[TABLE] = table_digest(np.array(values), made.parties, origin)
    game = Game(values, made.parties, origin)
    budgets = [rng.choice([0.0, rate * rng.uniform(0, 0.2), np.inf]) for _ in range(n)]
    allocation = allocate(game.averaged(), budgets, exchange_rate=rate, repair="hull")
    beside = ordering.papers_of(allocation, game)
    for target in ordering.targets_of(allocation, game, made, seed, papers=beside):
        accuracy = target.accuracy + rng.uniform(-0.004, 0.004)
        model = RewardModel(
            target=target,
            seed=seed,
            start=(target.own, target.own),
            alone=target.alone or 0.0,
            validation=accuracy,
            test=accuracy + rng.uniform(-0.01, 0.01),
            step=rng.choice([7, 7.5]),
            reached=True,
            curve=((0, target.own), (8, accuracy)),
            parameters=weights(n, rng.randrange(20)),
        )
        delivery.save(model, folder, made)
    papers.save(beside, folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- what is found -------------------------------------------------------------------------------


def lay(files: Files, folder: Path) -> None:
    """Put the files into the folder, and nothing else."""
    for path in folder.iterdir():
        path.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def is_refused(folder: Path) -> bool:
    """Whether `shapfair models check` refuses a folder, in lines and without a traceback."""
    try:
        return any(line.startswith(WRONG) for line in delivery_findings(folder))
    except (ValueError, OSError):
        return True


def some_model_is_refused(folder: Path, parties: int) -> bool:
    """Whether one of the models cannot be loaded."""
    for k in range(parties):
        try:
            load_model(folder / document.file_name(k + 1, "json"))
        except (ValueError, OSError):
            return True
    return False


# --- alterations ---------------------------------------------------------------------------------
# Each takes files and gives altered ones, or None where there is nothing to alter that way.


def documents(files: Files) -> list[str]:
    """Names of the documents."""
    return sorted(name for name in files if name.startswith("party-") and name.endswith(".json"))


def places(part: Any, where: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Keys and indices that lead to every part of a document."""
    inner = dict(enumerate(part)) if isinstance(part, list) else part
    pairs = inner.items() if isinstance(inner, dict) else ()
    return [where, *(place for key, x in pairs for place in places(x, (*where, key)))]


def at(part: Any, where: tuple[Any, ...]) -> Any:
    """The part at a place."""
    for key in where:
        part = part[key]
    return part


def other(rng: Random, x: Any) -> Any:
    """Something else in its place."""
    near = {
        bool: lambda: not x,
        int: lambda: x + rng.choice([-1, 1, 10**6]),
        float: lambda: rng.choice([x + 1e-9, 2 * x + 0.1, -x - 1.0, np.nextafter(x, np.inf)]),
        str: lambda: rng.choice([x + "0", x[:-1] + ("0" if x[-1:] != "0" else "1"), x.swapcase()]),
    }
    if type(x) in near and rng.random() < 0.8:
        return near[type(x)]()
    return rng.choice([y for y in (None, [], {}, "x", 0, 0.5, True, [x]) if type(y) is not type(x)])


def a_byte(rng: Random, files: Files) -> Files:
    """A bit is another, or a byte is missing or too many."""
    name = rng.choice(sorted(files))
    content, k = bytearray(files[name]), rng.randrange(len(files[name]))
    match rng.randrange(3):
        case 0:
            content[k] ^= 1 << rng.randrange(8)
        case 1:
            del content[k]
        case _:
            content.insert(k, rng.randrange(256))
    return {**files, name: bytes(content)}


def a_part(rng: Random, files: Files) -> Files:
    """A file is cut, goes on, is empty, or is something else."""
    name = rng.choice(sorted(files))
    content = files[name]
    new = [
        content[: rng.randrange(len(content))],
        content + rng.choice([b"\0", content, b"{}"]),
        b"",
        pickle.dumps(print),
        b"[" * 100_000,
        b"{}",
    ]
    return {**files, name: rng.choice(new)}


def a_value(rng: Random, files: Files) -> Files:
    """Anything in a document is something else."""
    name = rng.choice(documents(files))
    about = json.loads(files[name])
    where = rng.choice([place for place in places(about) if place])
    at(about, where[:-1])[where[-1]] = other(rng, at(about, where))
    return {**files, name: json.dumps(about).encode()}


def a_forged_value(rng: Random, files: Files) -> Files:
    """What the receipt, the place or the weights contradict is another, and the digest fits."""
    name = rng.choice(documents(files))
    about = json.loads(files[name])
    stated = [("target", key) for key in ("accuracy", "own", "best")]
    stated += [("price", key) for key in about["price"]] + [("price",), ("format",)]
    stated += [("party", key) for key in about["party"]]
    stated += [p for p in places(about) if p[:1] == ("weights",)]
    where = rng.choice(stated)
    at(about, where[:-1])[where[-1]] = other(rng, at(about, where))
    return {**files, name: document.to_bytes(about)}


def a_key(rng: Random, files: Files) -> Files:
    """A key of a document is dropped, renamed, added or there twice; the digest fits or not."""
    name = rng.choice(documents(files))
    about = json.loads(files[name])
    free = [("experiment",), ("inputs",), ("network", "fields"), ("versions",)]  # any form
    inside = [p for p in places(about) if isinstance(at(about, p), dict) and p not in free]
    part = at(about, rng.choice(inside))
    key = rng.choice(sorted(part))
    match rng.randrange(4):
        case 0:
            del part[key]
        case 1:
            part[f"{key}_"] = part.pop(key)
        case 2:
            part["note"] = "agreed"
        case _:
            text = files[name].decode()
            return {**files, name: text.replace("{", f'{{"{key}": 1, "{key}": 1,', 1).encode()}
    forged = rng.random() < 0.5
    return {**files, name: document.to_bytes(about) if forged else json.dumps(about).encode()}


def two_files(rng: Random, files: Files) -> Files:
    """Two files change places."""
    one, two = rng.sample(sorted(files), 2)
    return {**files, one: files[two], two: files[one]}


def two_models(rng: Random, files: Files) -> Files:
    """Two parties change documents and weights."""
    one, two = (Path(name).stem for name in rng.sample(documents(files), 2))
    swap = {f"{a}.{e}": f"{b}.{e}" for a, b in ((one, two), (two, one)) for e in ENDINGS}
    return {swap.get(name, name): content for name, content in files.items()}


def a_renamed_party(rng: Random, files: Files) -> Files:
    """A party's files go to another, and the document says that they are its own."""
    one, two = rng.sample(documents(files), 2)
    about, theirs = json.loads(files[one]), json.loads(files[two])
    weights = f"{Path(one).stem}.safetensors", f"{Path(two).stem}.safetensors"
    about["party"], about["weights"]["file"] = theirs["party"], weights[1]
    return {**files, two: document.to_bytes(about), weights[1]: files[weights[0]]}


def a_file_less(rng: Random, files: Files) -> Files:
    """A file is missing."""
    name = rng.choice(sorted(files))
    return {other: content for other, content in files.items() if other != name}


def another_array(rng: Random, files: Files) -> Files:
    """A well-formed file of other weights."""
    name = rng.choice([n for n in sorted(files) if n.endswith(".safetensors")])
    content = bytearray(files[name])
    content[-4:] = np.float32(rng.choice([np.nan, np.inf, rng.random()])).tobytes()
    return {**files, name: bytes(content)}


def other_weights_vouched_for(rng: Random, files: Files) -> Files:
    """Weights that are none of the network, or not finite, and a document that names them."""
    name = rng.choice(documents(files))
    path, about = f"{Path(name).stem}.safetensors", json.loads(files[name])
    content = bytearray(files[path])
    if rng.random() < 0.5:
        content[-4:] = np.float32(rng.choice([np.nan, np.inf])).tobytes()
    else:
        content = content.replace(b"Dense_0", b"Dense_7")
    about["weights"]["sha256"] = hashlib.sha256(content).hexdigest()
    return {**files, path: bytes(content), name: document.to_bytes(about)}


ENDINGS = ("json", "safetensors")
ALTERATIONS: tuple[Callable[[Random, Files], Files], ...] = (
    *(a_byte, a_byte, a_part, a_value, a_value, a_forged_value, a_key, two_files, two_models),
    *(a_renamed_party, a_file_less, another_array, other_weights_vouched_for),
)


def from_another(rng: Random, files: Files, theirs: Files) -> Files | None:
    """Files of another delivery in the place of the same; none if that is a right delivery."""
    names = sorted(files.keys() & theirs.keys())
    chosen = rng.sample(names, rng.randint(1, len(names)))
    mixed = {**files, **{name: theirs[name] for name in chosen}}
    return None if same(mixed, files) or same(mixed, theirs) else mixed


def same(one: Files, other: Files) -> bool:
    """Whether every file of one means the same in the other."""
    return all(meaning(name, one[name]) == meaning(name, other.get(name, b"")) for name in one)


def meaning(name: str, content: bytes) -> Any:
    """What a document says; of other files, and where a key comes twice, every byte counts."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key comes twice")
        return dict(pairs)

    if name.startswith("party-") and name.endswith(".json"):
        try:
            found = json.loads(content, object_pairs_hook=unique, parse_int=float)
            return json.dumps(found, sort_keys=True)
        except (ValueError, RecursionError):
            pass
    return content


def is_seen_on_loading(altered: Files, *deliveries: Files) -> bool:
    """Whether what is there belongs to none of the deliveries, even without the mean table."""
    read = {name: content for name, content in altered.items() if name != papers.VALUES}
    return papers.RECEIPT in read and not any(same(read, one) for one in deliveries)


# --- campaign ------------------------------------------------------------------------------------


def campaign(deliveries: int, alterations: int, seed: int) -> Counter[tuple[str, str]]:
    """Count what became of deliveries as they are and of altered ones; print what should not be."""
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder, cases = Path(name), list[Files]()
        for k in range(deliveries):
            lay({}, folder)
            cases.append(random_delivery(Random(f"{seed}/{k}"), folder))
            wrong = is_refused(folder) or some_model_is_refused(folder, len(documents(cases[-1])))
            counts["as they are", "refused" if wrong else "hold"] += 1
        number = done = 0
        while done < alterations:
            number += 1
            rng = Random(f"{seed}/altered/{number}")
            files, theirs = rng.choice(cases), rng.choice(cases)
            alter = rng.choice([*ALTERATIONS, None])
            altered = alter(rng, files) if alter else from_another(rng, files, theirs)
            if altered is None or (same(altered, files) and same(files, altered)):
                continue
            done += 1
            what = alter.__name__ if alter else "from_another"
            lay(altered, folder)
            refused = is_refused(folder)
            if is_seen_on_loading(altered, files, theirs):
                refused &= some_model_is_refused(folder, len(documents(files)))
            counts[what, "refused" if refused else "hold"] += 1
            if not refused:
                print(f"holds though altered: {what}, number {number} of seed {seed}")
    return counts


if __name__ == "__main__":
    sys.exit(command_line(__doc__ or "", "deliveries", 30, campaign))
