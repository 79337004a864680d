"""Names that users type have an example that runs, as it stands in the reference."""

import doctest
import inspect
from importlib import import_module

import pytest

import shapfair

TYPED = (
    *("Game", "allocate", "shapley_values", "conditional_shapley_values", "clearing_vector"),
    *("linear_programme", "check", "check_exactly", "check_that", "fractions_text", "evaluate"),
    *("estimate", "Experiment"),
)
"""What is called by users; the other public names are what they get."""


@pytest.mark.parametrize("name", TYPED)
def test_the_example_runs(name):
    thing = getattr(shapfair, name)
    module = import_module(thing.__module__)
    tests = doctest.DocTestFinder().find(thing, name, module=module)
    examples = [test for test in tests if test.examples]
    assert examples, f"{name} has no example"
    runner = doctest.DebugRunner(verbose=False)
    for test in examples:
        runner.run(test)


def test_other_public_names_are_results():
    others = {*shapfair.__all__} - {*TYPED, "load_model", "__version__"}
    assert all(inspect.isclass(getattr(shapfair, name)) for name in others)
