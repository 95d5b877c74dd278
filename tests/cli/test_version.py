"""One version in all places that name it."""

import tomllib
from pathlib import Path

from dtms_server import __version__

ROOT = Path(__file__).parents[2]


def test_client_and_server_are_of_one_version() -> None:
    server = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    client = tomllib.loads((ROOT / "clients/python/pyproject.toml").read_text("utf-8"))["project"]
    assert client["version"] == __version__
    assert f"dtms-client=={__version__}" in server["dependencies"]
