"""The list of equivalent mutants: each names code that is there, and says why it is no defect."""

import tomllib
from pathlib import Path

import pytest
from mutants.targets import TARGETS

ROOT = Path(__file__).parents[2]
LIST = tomllib.loads(Path(__file__).with_name("equivalent.toml").read_text("utf-8"))["equivalent"]
SOURCES = {
    target.module: " ".join((ROOT / target.source).read_text("utf-8").split()) for target in TARGETS
}


@pytest.mark.parametrize("entry", LIST, ids=lambda entry: entry["module"])
def test_an_entry_is_of_code_that_is_there(entry: dict[str, str]) -> None:
    assert entry["before"] in SOURCES[entry["module"]]
    assert entry["after"] != entry["before"]
    assert len(entry["why"].split()) > 3


def test_no_entry_stands_twice() -> None:
    keys = [(e["module"], e["function"], e["before"], e["after"]) for e in LIST]
    assert len(keys) == len(set(keys))
