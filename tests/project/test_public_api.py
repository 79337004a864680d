import inspect
import re
import subprocess
import sys

import pytest
from helpers import ROOT

import shapfair


def test_names_are_sorted_and_once():
    assert shapfair.__all__ == sorted(set(shapfair.__all__))


@pytest.mark.parametrize("name", shapfair.__all__)
def test_every_name_resolves_and_is_documented(name):
    thing = getattr(shapfair, name)
    assert name in dir(shapfair)
    if not name.startswith("__"):
        assert inspect.getdoc(thing)
        assert thing.__module__.startswith("shapfair.")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'shapfair' has no attribute 'alocate'"):
        _ = shapfair.alocate


def test_importing_the_package_imports_no_room():
    code = "import sys, shapfair; sys.exit(any(m in sys.modules for m in ('numpy', 'jax')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_module_is_in_the_reference():
    pages = "".join(page.read_text() for page in sorted((ROOT / "book" / "api").glob("*.md")))
    described = re.findall(r"^\.\. automodule:: shapfair\.([\w.]+)$", pages, re.MULTILINE)
    paths = (ROOT / "shapfair").rglob("*.py")
    names = (path.relative_to(ROOT / "shapfair").with_suffix("").parts for path in paths)
    modules = {".".join(parts) for parts in names if not parts[-1].startswith("_")}
    packages = {"datasets", "delivered", "theory.axioms"}  # that have names of their own
    assert sorted(described) == sorted(modules | packages)
