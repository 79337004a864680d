"""Optional packages: which extra of the installation brings each."""

from importlib import import_module
from types import ModuleType

EXTRAS = {
    "matplotlib": "plots",
    "jax": "train",
    "flax": "train",
    "optax": "train",
    "PIL": "train",
    "flint": "theory",
    "scipy": "theory",
    "distributed": "cluster",
    "safetensors": "models",
}
"""Package as it is imported -> the extra that brings it."""


class MissingExtra(ImportError):
    """A package is not installed; the message names the extra that brings it."""


def load(name: str) -> ModuleType:
    """Import a module of an optional package.

    Args:
        name: the module, of a package in :data:`EXTRAS`.

    Raises:
        MissingExtra: (an ``ImportError``) if the package is not installed.
    """
    package = name.partition(".")[0]
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise MissingExtra(
            f"{package} is not installed: pip install 'shapfair[{EXTRAS[package]}]' brings it",
            name=package,
        ) from None
