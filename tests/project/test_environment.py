"""The lock, its conda twin and the excluded JAX versions."""

import jax
import jax.numpy as jnp
import lock
import numpy as np
import pytest
import yaml
from helpers import ROOT


def test_environment_yml_is_the_twin_of_the_lock():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = (entry["pip"] for entry in dependencies if isinstance(entry, dict))
    entries = [e.split("=", 1) for e in dependencies if isinstance(e, str) and "=" in e]
    entries += [e.split("==") for e in pip if "==" in e]
    pypi_names = {conda: name for name, conda in lock.CONDA_NAMES.items()}
    twin = {pypi_names.get(name, name): version for name, version in entries}
    assert twin.pop("python") == lock.CONDA_PYTHON
    locked = lock.locked_versions(lock.CONDA_PYTHON)
    assert twin == {name: locked[name] for name in twin}
    assert set(twin) == {
        lock.canonicalize_name(r.name)
        for r in lock.direct_requirements()
        if r.marker is None or r.marker.evaluate({"sys_platform": "linux"})
    }


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_lock_satisfies_every_direct_requirement(python):
    versions = lock.locked_versions(python)
    for requirement in lock.direct_requirements():
        if requirement.marker is None or requirement.marker.evaluate({"sys_platform": "linux"}):
            version = versions[lock.canonicalize_name(requirement.name)]
            assert requirement.specifier.contains(version), requirement


def test_lock_is_hashed_and_names_no_index():
    text = lock.LOCK.read_text()
    assert "://" not in text
    assert "index" not in text
    requirements = text.count("==")
    assert requirements > 100
    assert text.count(" \\\n    --hash=sha256:") >= requirements


def test_jax_does_not_have_the_wrong_matrix_vector_product():
    """jax 0.10.2 got this wrong by 0.8 % on a CPU (jax#39103)."""
    rng = np.random.default_rng(0)
    matrices = rng.normal(size=(8, 64, 64)).astype(np.float32)
    vectors = rng.normal(size=(8, 64)).astype(np.float32)

    def f(matrix, vector):
        return jnp.sum(jnp.square(matrix @ vector))

    got = jax.jit(jax.vmap(f))(matrices, vectors)
    want = np.square(np.einsum("bij,bj->bi", matrices.astype(float), vectors.astype(float)))
    np.testing.assert_allclose(got, want.sum(1), rtol=1e-4)
