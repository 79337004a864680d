"""Formulas and the punctuation around them stay on one line."""

import pytest
from docutils import nodes
from punctuation import keep


def line(*parts):
    paragraph = nodes.paragraph()
    for part in parts:
        is_formula = part.startswith("$")
        paragraph += nodes.math("", part.strip("$")) if is_formula else nodes.Text(part)
    for formula in list(paragraph.findall(nodes.math)):
        keep(formula)
    return paragraph


@pytest.mark.parametrize(
    ("parts", "spans"),
    [
        (("Let ", "$x$", ". Then"), ["x."]),
        (("Let (", "$x$", "), so"), ["(x),"]),
        (("both ", "$x$", " and ", "$y$", "; they"), ["y;"]),
        (("$x$", ", ", "$y$", ":"), ["x,", "y:"]),
        (("a ", "$k$", "-th party"), []),
        (("plain ", "$x$", " text"), []),
    ],
)
def test_punctuation_stays_with_its_formula(parts, spans):
    found = line(*parts)
    assert found.astext() == "".join(part.strip("$") for part in parts)  # nothing is lost
    kept = [span.astext() for span in found.findall(nodes.inline)]
    assert kept == spans
    assert len(list(found.findall(nodes.math))) == sum(part.startswith("$") for part in parts)


def test_two_formulas_with_one_bracket_between():
    found = line("$x$", "(", "$y$", ")")
    assert found.astext() == "x(y)"
