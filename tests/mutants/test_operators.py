"""Our operators change what they say, and find something to change in the code they are for."""

import pytest
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Example
from mutants.operators import OURS, Rewriting, operators
from mutants.sessions import ROOT
from mutants.targets import TARGETS


@pytest.mark.parametrize(
    ("operator", "example"), [(each, example) for each in OURS for example in each.examples()]
)
def test_an_operator_makes_of_some_lines_what_it_shows(
    operator: type[Rewriting], example: Example
) -> None:
    made = mutate_code(example.pre_mutation_code, operator(), example.occurrence)
    assert made == example.post_mutation_code


@pytest.mark.parametrize("operator", operators().values())
def test_an_operator_leaves_what_it_does_not_know(operator: type[Rewriting]) -> None:
    assert mutate_code('"""Prose."""\nfrom x import y\n', operator(), 0) is None


@pytest.mark.parametrize("operator", OURS)
def test_an_operator_finds_something_to_change(operator: type[Rewriting]) -> None:
    sources = [(ROOT / target.source).read_text("utf-8") for target in TARGETS]
    assert any(mutate_code(source, operator(), 0) not in (None, source) for source in sources)
