"""Hostile inputs for everything that reads what others have written.

Usage: python tools/fuzz.py [--inputs N] [--target NAME] [--seed S]

Every target of `targets` makes inputs, right ones and spoilt ones (tools/fuzz_inputs.py), and gives
them to a reader of the package. An input is accepted, or refused by an error that the reader's
docstring names. All else is a finding: any other error, an input that takes longer than SLOW
seconds, one that is accepted or refused although the second reader (tools/fuzz_readers.py), which
was written from the description of the format alone, says otherwise, and one of which the two read
different things. Inputs come from the seed: the same seed gives the same inputs.

Findings are printed, a few of each kind, and written to _build/fuzz; then the exit status is 1.
"""

import argparse
import atexit
import contextlib
import gzip
import hashlib
import io
import json
import os
import pickle
import random
import shutil
import sys
import tarfile
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import altered_deliveries
import fuzz_inputs as inputs
import fuzz_readers as readers
import numpy as np
import pickled_tables
import yaml
from fuzz_readers import Refused

from shapfair import Game, escapes, load_model, names, numerals, tables
from shapfair.cli.main import main as command
from shapfair.cli.main import parser
from shapfair.cli.options import named_amounts
from shapfair.cli.verify import findings
from shapfair.datasets import cache, cifar10, mnist
from shapfair.datasets.archive import read_files
from shapfair.datasets.dataset import DataError, Dataset, Recipe
from shapfair.delivered import document
from shapfair.extras import load
from shapfair.report.text_tables import TextTable
from shapfair.valuation.integrity import repair
from shapfair.valuation.inventory import holdings
from shapfair.valuation.record import Damaged, Record, checksum, compact
from shapfair.valuation.store import Store, StoreError

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "book" / "_ext"))
import ledger  # noqa: E402

SLOW = 5.0
"""Seconds that no input may take."""

MEMORY = Path("/dev/shm")
FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-", dir=MEMORY if MEMORY.is_dir() else None))
"""Where inputs are files, in memory if that can be."""

atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)

HARMLESS = str.maketrans("", "", "\u2068\u2069")
"""The marks around words that run from right to left."""


class Wrong(Exception):
    """A finding."""


class Target(NamedTuple):
    """A kind of input.

    Attributes:
        share: how many of its inputs there are, beside those of the others.
        make: an input.
        read: whether it is accepted; raises whatever is wrong.
    """

    share: int
    make: Callable[[random.Random], Any]
    read: Callable[[Any], bool]


NOTHING = object()
"""What a reader finds that refuses."""


def found(read: Callable[[], Any], *errors: type[Exception], begin: str = "") -> Any:
    """What a reader finds, or NOTHING if it refuses by one of these errors."""
    try:
        return read()
    except errors as error:
        if not str(error).startswith(begin) or not str(error):
            raise Wrong(f"refused by a message of somebody else: {str(error)[:200]!r}") from error
        return NOTHING


def agree(mine: Any, theirs: Any) -> bool:
    """Whether both accept; they have to find the same."""
    if mine is NOTHING and theirs is not NOTHING:
        raise Wrong("refused, although the format has it")
    if theirs is NOTHING and mine is not NOTHING:
        raise Wrong("accepted, although the format does not have it")
    if mine is not NOTHING and mine != theirs:
        raise Wrong(f"read differently: {mine!r:.200} and {theirs!r:.200}")
    return mine is not NOTHING


def written(content: bytes, name: str = "input") -> Path:
    """The path of a file with this content."""
    path = FOLDER / name
    path.write_bytes(content)
    return path


def accepts(read: Callable[[Any], Any], *errors: type[Exception]) -> Callable[[Any], bool]:
    """Whether a reader that has no second one accepts an input."""
    return lambda given: found(lambda: read(given), *errors) is not NOTHING


def spoilt(samples: list[bytes]) -> Callable[[random.Random], bytes]:
    """Makes inputs of good ones: a tenth as they are, the others spoilt."""
    return lambda rng: inputs.sometimes_spoilt(rng, rng.choice(samples), 0.9)


# --- value tables --------------------------------------------------------------------------------


def read_table(form: str, second: Callable[[bytes], readers.Tables]) -> Callable[[bytes], bool]:
    """Read value tables as ``shapfair allocate`` does."""
    path = f"v.{form}"

    def first(content: bytes) -> readers.Tables:
        game = Game.read(path, content)
        rows = game.values.reshape(-1, 2**game.n).tolist()
        labels = game.seed_labels or [""] * len(rows)
        return game.parties, list(zip(labels, rows, strict=True)), game.provenance

    def read(content: bytes) -> bool:
        mine = found(lambda: first(content), ValueError, begin=f"{path}")
        return agree(mine, found(lambda: second(content), Refused))

    return read


# --- the command line ----------------------------------------------------------------------------


def read_numeral(given: tuple[str, str]) -> bool:
    """Numbers of all kinds."""
    kind, text = given
    mine = found(lambda: getattr(numerals, kind)(text), ValueError)
    return agree(mine, found(lambda: getattr(readers, kind)(text), Refused))


def read_names(given: list[str]) -> bool:
    """Names of parties and labels of seeds."""
    mine = found(lambda: tables.check_parties(given), ValueError, begin="parties: ")
    accepted = agree(mine, found(lambda: readers.check_names(given), Refused))
    for label in given:
        mine = found(lambda label=label: tables.check_seed_labels([label], 1), ValueError)
        agree(mine, found(lambda label=label: readers.check_label(label), Refused))
    return accepted


def read_amounts(pairs: list[str]) -> bool:
    """Pairs ``NAME=AMOUNT`` of the parties A, B, Zürich and a=b."""
    parties = ("A", "B", "Zürich", "a=b")

    def second() -> dict[str, float]:
        amounts: dict[str, float] = {}
        for pair in pairs:
            name, equals, text = pair.rpartition("=")
            name = {"Zu\u0308rich": "Zürich"}.get(name, name)
            readers.demand(equals == "=" and name in parties and name not in amounts, "name")
            amounts[name] = readers.amount(text)
        return amounts

    mine = found(
        lambda: named_amounts("--budget", pairs, parties), ValueError, begin="argument --b"
    )
    return agree(mine, found(second, Refused))


def read_command_line(given: tuple[list[str], str, bytes]) -> bool:
    """Whole command lines with a file; those of allocate, template and store are run."""
    words, name, content = given
    written(content, name)
    words = [word.replace("{}", str(FOLDER)) for word in words]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        if words[:1] in (["reproduce"], ["models"], ["data"]):
            with contextlib.suppress(SystemExit):
                return found(lambda: parser().parse_args(words), ValueError) is not NOTHING
        status = command(words)
    said = err.getvalue()
    shown = (out.getvalue() + said).translate(HARMLESS)
    if not shown.replace("\n", "").isprintable():
        raise Wrong("what it says may do something to a terminal")
    if status not in (0, 2) or (status == 2) != ("shapfair: error: " in said):
        raise Wrong(f"exit status {status}, said {said[:200]!r}")
    if any(not line.startswith("shapfair: ") for line in said.splitlines()):
        raise Wrong(f"more than lines of its own: {said[:200]!r}")
    if status == 2 and said.count("\n") != 1 and "warning" not in said:
        raise Wrong(f"more than one line: {said[:200]!r}")
    return status == 0


# --- what is shown -------------------------------------------------------------------------------


def show(text: str) -> bool:
    """Text of others on a terminal, on a page, in a table; accepted always."""
    drawn = str(TextTable((text,), [(text,)]))
    for seen in (escapes.line(text), escapes.terminal(text), *drawn.split("\n")):
        if not seen.translate(HARMLESS).isprintable():
            raise Wrong(f"does something to a terminal: {seen!r}")
    page = escapes.html(text)
    if any(c in page for c in "<>\"'") or not page.isprintable():
        raise Wrong(f"does something to a page: {page!r}")
    if names.flaw(text) == "" and (text[:1] in "=+-@\t\r" or not text.isprintable()):
        raise Wrong("is taken for a name")
    return True


# --- data sets -----------------------------------------------------------------------------------

TINY = Dataset(
    name="tiny",
    train_inputs=np.arange(6, dtype=np.uint8).reshape(3, 2),
    train_labels=np.array([0, 1, 2], np.uint8),
    test_inputs=np.arange(4, dtype=np.uint8).reshape(2, 2),
    test_labels=np.array([1, 0], np.uint8),
    classes=3,
    source="here",
    size="full",
)
RECIPE = Recipe(
    name="tiny",
    title="",
    citation="",
    classes=3,
    shapes={"full": ((3, 2), (3,), (2, 2), (2,))},
    digests={"full": TINY.digest},
    tfds_builder="",
    npm_package="",
    read_package=lambda archive: TINY,
)
FILES = {"package/data/one": b"1" * 600, "package/" + "long/" * 25 + "name": b"2", "other": b""}
LABELS = np.array([3, 5], np.uint8)
IDX = bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9])


def read_cache(content: bytes) -> bool:
    """A cached data set: it is the right one or none."""
    with mock.patch.dict(os.environ, SHAPFAIR_CACHE=str(FOLDER)):
        file = cache.cache_file("tiny")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        mine = found(lambda: cache.read(RECIPE).to_bytes(), DataError, begin=str(file))
    return agree(mine, content if content == TINY.to_bytes() else NOTHING)


def read_cache_folder(text: str) -> bool:
    """Values of ``SHAPFAIR_CACHE``."""
    with mock.patch.dict(os.environ, SHAPFAIR_CACHE=text):
        mine = found(cache.cache_folder, DataError, begin="SHAPFAIR_CACHE: ")
    if mine is not NOTHING and not str(mine).startswith(os.sep):
        raise Wrong(f"a folder whose place depends on where one stands: {mine}")
    return mine is not NOTHING


def read_archive(given: tuple[bytes, bool]) -> bool:
    """Archives: what is found is what the tar module finds in a regular file of that name."""
    packed, fair = given
    path, wanted = written(packed, "a.tgz"), {name: name for name in FILES if name}
    mine = found(lambda: read_files(path, wanted), DataError, begin="a.tgz: ")
    if mine is NOTHING and fair:
        raise Wrong("refused, although the tar module made it of regular files")
    if mine is not NOTHING and mine != regular_files(gzip.decompress(packed), wanted):
        raise Wrong("not what is in it")
    return mine is not NOTHING


def regular_files(tape: bytes, wanted: dict[str, str]) -> dict[str, bytes]:
    """The second reader of archives; fields of headers are read by the tar module."""
    contents, k = {}, 0
    while any(header := tape[k : k + 512]):
        size = tarfile.nti(header[124:136])
        if tarfile.nti(header[148:156]) not in tarfile.calc_chksums(header):
            raise Wrong("accepted, although the checksum of a header is wrong")
        name = tarfile.nts(header[:100], "utf-8", "replace")
        if header[257:262] == b"ustar" and (folder := header[345:500].partition(b"\0")[0]):
            name = f"{folder.decode(errors='replace')}/{name}"
        if header[156:157] in (b"0", b"\0") and name in wanted:
            contents[name] = tape[k + 512 : k + 512 + size]
        k += 512 + (size + 511) // 512 * 512
    return contents


def read_idx(content: bytes) -> bool:
    """Raw files of MNIST: the right one or none."""
    md5 = hashlib.md5(IDX, usedforsecurity=False).hexdigest()
    mine = found(lambda: mnist.read_idx(content, "idx", md5).tolist(), DataError, begin="idx: ")
    return agree(mine, [7, 8, 9] if content == IDX else NOTHING)


def cifar_picture() -> bytes:
    """A picture of two images."""
    pixels = np.arange(2 * 3072, dtype=np.uint32).reshape(2, 1024, 3) // 500
    file = io.BytesIO()
    load("PIL.Image").fromarray(pixels.astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def read_picture(picture: bytes) -> bool:
    """Pictures of CIFAR-10: the right one, however packed, or none."""
    pixels = np.arange(2 * 3072, dtype=np.uint32).reshape(2, 1024, 3) // 500
    planes = pixels.astype(np.uint8).reshape(2, 1024, 3).transpose(0, 2, 1).reshape(2, 3072)
    raw = np.column_stack([LABELS, planes]).tobytes()
    md5 = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    with mock.patch.dict(cifar10.BATCHES, tiny=md5):
        mine = found(lambda: cifar10._batch("tiny", picture, LABELS), DataError, begin="tiny")
    if mine is not NOTHING and mine[0].tobytes() != pixels.astype(np.uint8).tobytes():
        raise Wrong("other pixels")
    return mine is not NOTHING


# --- stores --------------------------------------------------------------------------------------

DESCRIPTION = {"experiment": "fuzz"}
VALUES = {(seed, coalition): seed + coalition / 7 for seed in (0, 1) for coalition in (1, 2, 3)}
RECORD = Record("0" * 64, 7, 3, 0.25, 1.5, "2024-01-01T00:00:00+00:00", "")
TYPES = {"digest": str, "seed": int, "coalition": int, "finished": str, "origin": str}


def store_file() -> bytes:
    """A store of six values."""
    path = FOLDER / "new.db"
    path.unlink(missing_ok=True)
    with Store(path, DESCRIPTION) as store:
        origin = store.sign_in({"host": "here"})
        for (seed, coalition), value in VALUES.items():
            store.put(seed, coalition, value, 0.1, origin)
    return path.read_bytes()


def read_store(content: bytes) -> bool:
    """Stores: all values as they were put, or an error; what a repair saves was put."""
    path = written(content, "store.db")
    for stray in FOLDER.glob("store.db?*"):
        stray.unlink()

    def values() -> dict[tuple[int, int], float]:
        holdings(path)
        with Store(path, DESCRIPTION, timeout=0.1) as store:
            return {(r.seed, r.coalition): r.value for r in store.records((0, 1))}

    mine = found(values, StoreError, begin="store ")
    if mine is not NOTHING and content and mine != VALUES:
        raise Wrong(f"other values: {mine}")
    if mine is NOTHING and content[:1] == b"S":
        if found(lambda: repair(path), StoreError, begin="store ") is not NOTHING:
            saved = values()
            if not saved.items() <= VALUES.items():
                raise Wrong(f"values that nobody put: {saved}")
    return mine is not NOTHING


def read_record(document: dict[str, Any]) -> bool:
    """Lines of a store whose checksum is right, whatever they say."""
    text = compact(document)
    mine = found(lambda: Record.from_text(f"{text} {checksum(text)}"), Damaged)

    def is_number(x: Any) -> bool:
        return type(x) is float and abs(x) <= readers.GREATEST

    right = (
        document.keys() == {*TYPES, "value", "seconds"}
        and all(type(document[key]) is kind for key, kind in TYPES.items())
        and is_number(document["value"])
        and (document["seconds"] is None or is_number(document["seconds"]))
    )
    return agree(mine, Record(**document) if right else NOTHING)


# --- receipts ------------------------------------------------------------------------------------

TABLE = b"A,B,value\n0,0,0\n1,0,1\n0,1,2\n1,1,4\n"


def receipt_of(table: bytes) -> tuple[bytes, Callable[[bytes], Any]]:
    """The receipt of a table, and what checks a receipt: one that does not hold is a ValueError."""
    path = Path("v.csv")
    with contextlib.redirect_stdout(io.StringIO()) as out:
        command(
            ["allocate", str(written(table, path.name)), "--budget", "A=0.5", "--format", "json"]
        )

    def verify(content: bytes) -> None:
        lines = findings(content, path, table)
        if wrong := [line for line in lines if line.startswith("fault: ")]:
            raise ValueError(wrong[0])

    return out.getvalue().encode(), verify


# --- delivered models ----------------------------------------------------------------------------

MODEL, WEIGHTS = "party-1.json", "party-1.safetensors"
Files = dict[str, bytes]


def a_delivery() -> Files:
    """What lies in the folder of a delivery: a few models, their receipt, the mean table."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        return altered_deliveries.random_delivery(random.Random(0), Path(folder))


def spoilt_delivery(files: Files) -> Callable[[random.Random], Files]:
    """Makes deliveries of a good one; a forger's document vouches for spoilt weights."""

    def make(rng: random.Random) -> Files:
        if rng.random() < 0.5:
            return rng.choice(altered_deliveries.ALTERATIONS)(rng, files)
        name = rng.choice([MODEL, WEIGHTS, "receipt.json"])
        changed = {**files, name: inputs.sometimes_spoilt(rng, files[name], 0.9)}
        if name == WEIGHTS:
            about = json.loads(files[MODEL])
            about["weights"]["sha256"] = hashlib.sha256(changed[WEIGHTS]).hexdigest()
            changed[MODEL] = document.to_bytes(about)
        return changed

    return make


def load_delivered(files: Files) -> Any:
    """Load a model as a party does, and use it."""
    for name in files.keys() ^ {path.name for path in FOLDER.glob("party-*")}:
        (FOLDER / name).unlink(missing_ok=True)
    for name, content in files.items():
        written(content, name)
    return load_model(FOLDER / MODEL).predict(np.zeros((2, 6), np.uint8))


# --- the claims ledger ---------------------------------------------------------------------------


def pickled_samples() -> list[bytes]:
    """A value table as both protocols of NumPy have it."""
    table = {"party_labels": [[0], [1, 2]], "test_acc": np.array([0, 0.25, 0.5, 1])}
    return [pickle.dumps(table, protocol) for protocol in (4, 5)]


def load_pickled(content: bytes) -> Any:
    """Read it as tools/authors_tables.py does."""
    return pickled_tables.read_table(written(content))


def read_claims(text: str) -> bool:
    """Rows of the ledger; a few rules of its schema are checked once more."""
    written(encoded := inputs.encoded(text), "0.yml")
    if found(lambda: encoded.decode(), UnicodeDecodeError) is NOTHING:
        return False
    mine = found(lambda: ledger.load(FOLDER), ValueError, begin="the claims ledger:\n")
    for row in [] if mine is NOTHING else mine:
        right = (
            all(type(row[key]) is str for key in ("id", "place", "verdict"))
            and row["verdict"] in ledger.VERDICTS
            and all(item.partition(",")[0].rstrip("abcdefghi") or item for item in row["covers"])
            and ("statement" in row) == (row["verdict"] != "typo")
            and ("printed" in row) == (row["verdict"] == "typo")
            and (row["verdict"] != "false" or {"counterexample", "refuted"} <= row.keys())
            and ("test" in row or "pending" in row or row["verdict"] == "typo")
        )
        if not right:
            raise Wrong(f"accepted, although the schema does not have it: {row}")
    return mine is not NOTHING


# --- targets: add what else reads files of others here -------------------------------------------


def targets() -> dict[str, Target]:
    """Kinds of inputs, by name. A reader that has no second one goes through ``accepts``."""
    rows = yaml.safe_load((ROOT / "book/claims/02-section-3-1.yml").read_text(encoding="utf-8"))
    receipt, verify = receipt_of(TABLE)
    picture, fuzzed_store = cifar_picture(), spoilt([store_file()])
    return {
        "values csv": Target(250, inputs.csv_table, read_table("csv", readers.csv_table)),
        "values json": Target(250, inputs.json_table, read_table("json", readers.json_table)),
        "numbers": Target(200, inputs.numeral, read_numeral),
        "names": Target(400, lambda rng: inputs.parties(rng, 0.3), read_names),
        "amounts": Target(200, inputs.amounts, read_amounts),
        "command lines": Target(10, inputs.command_line, read_command_line),
        "shown texts": Target(200, inputs.shown, show),
        "cache": Target(50, spoilt([TINY.to_bytes()]), read_cache),
        "cache folder": Target(50, inputs.folder_name, read_cache_folder),
        "archives": Target(40, lambda rng: inputs.archive(rng, FILES), read_archive),
        "idx": Target(50, spoilt([IDX]), read_idx),
        "pictures": Target(20, lambda rng: inputs.png(rng, picture), read_picture),
        "store lines": Target(200, lambda rng: inputs.record_line(rng, vars(RECORD)), read_record),
        "deliveries": Target(
            20, spoilt_delivery(a_delivery()), accepts(load_delivered, ValueError, OSError)
        ),
        "receipts": Target(10, spoilt([receipt]), accepts(verify, ValueError)),
        "stores": Target(5, fuzzed_store, read_store),
        "pickled tables": Target(40, spoilt(pickled_samples()), accepts(load_pickled, ValueError)),
        "claims": Target(3, lambda rng: inputs.claims(rng, rows, yaml.safe_dump), read_claims),
    }


# --- the campaign --------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """What became of an input: accepted, refused, or what is wrong."""

    word: str
    finding: str = ""


def outcome(target: Target, given: Any) -> Outcome:
    """Give an input to its reader."""
    start = time.process_time()
    try:
        word = "accepted" if target.read(given) else "refused"
    except (Exception, SystemExit) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        return Outcome("finding", f"{type(error).__name__} at {where}: {str(error)[:300]}")
    if time.process_time() - start > SLOW:
        return Outcome("finding", f"Slow: {time.process_time() - start:.1f} s")
    return Outcome(word)


def campaign(target: Target, seed: str, number: int) -> Iterator[tuple[Any, Outcome]]:
    """Inputs of a target and what becomes of them."""
    rng = random.Random(seed)
    for _ in range(number):
        given = target.make(rng)
        yield given, outcome(target, given)


def keep(name: str, k: int, given: Any, finding: str) -> None:
    """Print a finding and write its input to a file."""
    folder = ROOT / "_build" / "fuzz"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name.replace(' ', '-')}-{k}.txt").write_text(f"{finding}\n{given!r}\n")
    print(f"  {name} {k}: {finding}\n    {given!r:.400}", flush=True)


def main() -> int:
    """Run the campaign; 1 if there are findings."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    asked.add_argument("--inputs", type=int, default=2_000_000, metavar="N", help="of all targets")
    asked.add_argument("--target", metavar="NAME", help="one target alone")
    asked.add_argument("--seed", default="0", metavar="S")
    options = asked.parse_args()
    warnings.simplefilter("error")
    chosen = targets()
    if options.target:
        chosen = {options.target: chosen[options.target]}
    shares = sum(target.share for target in chosen.values())
    sums: Counter[str] = Counter()
    print(f"{'':14}{'inputs':>10}{'accepted':>10}{'refused':>10}{'findings':>10}{'seconds':>9}")
    for name, target in chosen.items():
        number, start = -(-options.inputs * target.share // shares), time.perf_counter()
        counts: Counter[str] = Counter()
        kinds: Counter[str] = Counter()
        for k, (given, found) in enumerate(campaign(target, f"{options.seed} {name}", number)):
            counts[found.word] += 1
            kind = found.finding.partition(": ")[0]
            kinds[kind] += 1
            if found.finding and kinds[kind] <= 3 and counts["finding"] <= 10:
                keep(name, k, given, found.finding)
        sums += counts
        numbers = "".join(f"{counts[word]:>10,}" for word in ("accepted", "refused", "finding"))
        seconds = time.perf_counter() - start
        print(f"{name:14}{number:>10,}{numbers}{seconds:>9.0f}", flush=True)
    total = "".join(f"{sums[word]:>10,}" for word in ("accepted", "refused", "finding"))
    print(f"{'all':14}{sums.total():>10,}{total}")
    return 1 if sums["finding"] else 0


if __name__ == "__main__":
    sys.exit(main())
