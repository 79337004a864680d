"""Rows of a claims ledger, one for every kind, for the tests of the ledger and of its pages."""

HOLDS = {
    "id": "good",
    "place": "Lemma 3.1",
    "covers": ["Lemma 3.1", "(1)"],
    "statement": "There is exactly one.",
    "verdict": "holds",
    "notebook": "notebooks/11_mnist",
    "label": "mnist-zero",
    "test": "tests/paper/test_experiments.py::test_fourth_observation_on_mnist[zero]",
}
FALSE = {
    **HOLDS,
    "verdict": "false",
    "correction": "There is at least one.",
    "counterexample": "The game [0, 0, 0, 0, 0, 1, 2, 2].",
    "refuted": {
        "by": "tests/project/test_ledger.py::test_counterexample_is_found_by_its_numbers",
        "with": "[0, 0, 0, 0, 0, 1, 2, 2]",
    },
}
TYPO = {
    "id": "slip",
    "place": "Eq. (49), App. G.3",
    "covers": ["(49)"],
    "verdict": "typo",
    "printed": "(49)",
    "correction": "nothing",
}
PENDING = {k: v for k, v in HOLDS.items() if k != "test"} | {
    "verdict": "observation",
    "pending": True,
}
