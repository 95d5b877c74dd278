"""The library, these drills and the pages of the manual are of the same scenarios."""

import re
from pathlib import Path

import pytest
from dtms_server.terminal.simulator import faults, library, moves
from dtms_server.terminal.simulator.scenario import read

HERE = Path(__file__).parent
MANUAL = HERE.parents[2] / "docs" / "faults"
FIRST_PAGE = (MANUAL / "README.md").read_text("utf-8")


def test_each_scenario_has_a_drill_and_a_page() -> None:
    drills = {path.stem.removeprefix("test_") for path in HERE.glob("test_*.py")} - {"the_library"}
    pages = {path.stem for path in MANUAL.glob("*.md")} - {"README"}
    assert set(library.names()) == {drill.replace("_", "-") for drill in drills} == pages


@pytest.mark.parametrize("name", library.names())
def test_a_drill_plays_its_scenario_and_holds_its_page_against_the_stream(name: str) -> None:
    drill = (HERE / f"test_{name.replace('-', '_')}.py").read_text("utf-8")
    assert f'drill(place, "{name}"' in drill
    assert "is_told_by_the_manual()" in drill


@pytest.mark.parametrize("name", library.names())
def test_a_page_is_titled_as_its_scenario_and_told_of_on_the_first(name: str) -> None:
    scenario = library.load(name)
    page = (MANUAL / f"{name}.md").read_text("utf-8")
    assert page.startswith(
        f"# {scenario.title}\n\n    dtms terminal --module simulator --faults {name}\n"
    )
    assert f"| [{name}]({name}.md) | {scenario.what} |" in FIRST_PAGE
    headings = re.findall("^## (.*)$", page, re.M)
    assert headings == ["In reality", "What the script does", "What DTMS does", "What to do"]


def test_the_example_can_be_played_and_every_move_is_explained() -> None:
    [example] = re.findall(r"^```toml\n(.*?)^```$", FIRST_PAGE, re.M | re.S)
    assert len(read(example, "the example").steps) == 4
    rows = dict(re.findall(r"^\| `([a-z]+)` \| ([^|]*)\|", FIRST_PAGE, re.M))
    assert set(rows) == set(moves.BY_NAME)
    for name, kind in moves.BY_NAME.items():
        assert set(re.findall("[a-z_]+", rows[name])) == set(kind.__struct_fields__)
    assert not set(moves.BY_NAME) & set(faults.BY_NAME)
