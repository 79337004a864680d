"""The wheel in a bare environment: what it declares to need is enough, and little."""

import importlib.metadata
import resource
import subprocess
import sys
import venv

import delivered_samples
import pytest
from helpers import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from shapfair.made_to_order import delivery

MEGABYTES = 100


def closure(names):
    """Installed distributions that these names need, themselves included, without extras."""
    found = {}
    while names:
        name = canonicalize_name(names.pop())
        if name not in found:
            found[name] = importlib.metadata.distribution(name)
            needs = map(Requirement, found[name].requires or [])
            names += [r.name for r in needs if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found.values()


def parts(distribution):
    """Files and folders of a distribution at the top of site-packages."""
    tops = {file.parts[0] for file in distribution.files}
    return {distribution.locate_file(top) for top in tops if top not in ("..", "__pycache__")}


def size(path):
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    return sum(file.stat().st_size for file in files)


def build(folder):
    """The wheel of a copy of the sources, so that nothing is left in the checkout."""
    sources = folder / "sources"
    tracked = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT)
    for name in tracked.decode().split("\n"):
        if name.startswith("shapfair/") or name in ("pyproject.toml", "README.md", "LICENSE"):
            (sources / name).parent.mkdir(parents=True, exist_ok=True)
            (sources / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--disable-pip-version-check", "--wheel-dir", folder]
    subprocess.run([*command, sources], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """The folder of an environment with the wheel and what it declares to need."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = build(folder)
    environment = folder / "environment"
    venv.create(environment, with_pip=False)
    command = [sys.executable, "-m", "pip", f"--python={environment}", "install", "--quiet"]
    command += ["--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*command, wheel], check=True)
    (place,) = environment.glob("lib/*/site-packages")
    (metadata,) = importlib.metadata.distributions(name="shapfair", path=[str(place)])
    needed = [Requirement(line) for line in metadata.requires]
    needed = [r.name for r in needed if r.marker is None or r.marker.evaluate({"extra": ""})]
    for distribution in closure(needed):
        for part in parts(distribution):
            (place / part.name).symlink_to(part)
    return environment


def shapfair(bare, *arguments, **options):
    command = [bare / "bin" / "shapfair", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_it_is_small(bare):
    (place,) = bare.glob("lib/*/site-packages")
    assert sum(size(part.resolve()) for part in place.iterdir()) / 1e6 < MEGABYTES


def test_an_allocation_needs_nothing_else(bare, tmp_path):
    done = shapfair(bare, "allocate", ROOT / "book/examples/clinics.csv", "--budget=A=0.05")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Certificate" in done.stdout


def test_a_receipt_is_signed_and_verified_within_a_second(bare, tmp_path):
    clinics = ROOT / "book/examples/clinics.csv"
    options = ["--budget=A=0.05", "--budget=B=0.02", "--format=json", "--out=receipt.json"]
    assert shapfair(bare, "allocate", clinics, *options, cwd=tmp_path).returncode == 0
    for party in ("A", "B", "C"):
        for command in (
            f"ssh-keygen -q -t ed25519 -N '' -f {party}",
            f"ssh-keygen -q -Y sign -n shapfair -f {party} receipt.json",
            f"mv receipt.json.sig receipt.json.{party}.sig",
            f'(printf "{party} " && cat {party}.pub) >> signers',
        ):
            subprocess.run(command, shell=True, check=True, capture_output=True, cwd=tmp_path)
    arguments = ["verify", "receipt.json", clinics, "--signers=signers"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = shapfair(bare, *arguments, cwd=tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line[:9] for line in done.stdout.splitlines()[-3:]] == [f"signed: {p}" for p in "ABC"]
    # Of processors, ssh-keygen's included: other processes may keep the cores busy.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1


def test_the_checker_needs_nothing_but_python(bare, tmp_path):
    clinics = ROOT / "book/examples/clinics.csv"
    shapfair(bare, "allocate", clinics, "--format=json", "--out=receipt.json", cwd=tmp_path)
    (checker,) = bare.glob("lib/*/site-packages/shapfair/verifier.py")
    assert checker.with_name("receipt.schema.json").is_file()
    (tmp_path / "verifier.py").write_bytes(checker.read_bytes())
    command = [sys.executable, "-I", "-S", "verifier.py", "receipt.json", clinics]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_values_of_ones_own_need_nothing_else(bare, tmp_path):
    code = (
        "import shapfair\n"
        "values = shapfair.evaluate(lambda names, seed: len(names), ['a', 'b'], name='count')\n"
        "print(shapfair.allocate(values.game).mean('payoffs').tolist())\n"
    )
    done = subprocess.run([bare / "bin/python", "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[0.0, 0.0]\n", "")


@pytest.mark.parametrize(
    ("arguments", "package", "extra"),
    [
        (["reproduce", "mnist", "--data=embedded"], "jax", "train"),
        (["allocate", ROOT / "results/mnist.json", "--figure=f.svg"], "matplotlib", "plots"),
    ],
)
def test_a_missing_extra_is_named(bare, tmp_path, arguments, package, extra):
    done = shapfair(bare, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        f"shapfair: error: {package} is not installed: pip install 'shapfair[{extra}]' brings it\n"
    )


@pytest.mark.parametrize(
    "module", ["shapfair.theory.schemes", "shapfair.noise", "shapfair.training"]
)
def test_a_wing_that_is_not_installed_is_an_import_error(bare, module):
    code = f"try:\n import {module}\nexcept ImportError as error:\n print(error)"
    done = subprocess.run([bare / "bin/python", "-c", code], capture_output=True, text=True)
    assert "is not installed: pip install 'shapfair[" in done.stdout


@pytest.fixture
def with_safetensors(tmp_path):
    """Variables of an environment that finds this one more package."""
    for part in parts(importlib.metadata.distribution("safetensors")):
        (tmp_path / "more" / part.name).parent.mkdir(exist_ok=True)
        (tmp_path / "more" / part.name).symlink_to(part)
    return {"PYTHONPATH": str(tmp_path / "more")}


@pytest.mark.parametrize("kind", ["pictures", "reviews"])
def test_a_party_uses_its_model_without_jax(bare, tmp_path, with_safetensors, kind):
    experiment = getattr(delivered_samples, kind)()
    path = delivery.save(delivered_samples.model_of("b", experiment), tmp_path, experiment)
    if kind == "pictures":
        (tmp_path / "inputs.csv").write_text("9,8,7,255,0,1\n1,2,3,4,5,6\n")
    else:
        (tmp_path / "inputs.txt").write_text("a good film\nbad, bad\n")
    (inputs,) = tmp_path.glob("inputs.*")
    done = shapfair(bare, "models", "predict", path, inputs, env=with_safetensors)
    assert (done.returncode, done.stderr) == (0, "")
    header, *rows = done.stdout.splitlines()
    assert len(rows) == 2
    assert header == f"input,label,{','.join(f'probability of {x}' for x in experiment.labels)}"
    assert all(row.split(",")[1] in experiment.labels for row in rows)


def test_a_party_is_told_what_its_model_needs(bare, tmp_path):
    experiment = delivered_samples.pictures()
    path = delivery.save(delivered_samples.model_of("b", experiment), tmp_path, experiment)
    (tmp_path / "inputs.csv").write_text("9,8,7,255,0,1\n")
    done = shapfair(
        bare, "models", "predict", path, tmp_path / "inputs.csv", env={"PYTHONPATH": ""}
    )
    assert done.returncode == 2
    assert done.stderr == (
        "shapfair: error: safetensors is not installed: pip install 'shapfair[models]' brings it\n"
    )
