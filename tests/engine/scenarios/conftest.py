"""A folder for a drill: an empty database that is migrated already."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def place(tmp_path: Path, migrated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DTMS_STATE_DIR", str(tmp_path / "state"))
    shutil.copy(migrated, tmp_path)
    return tmp_path
