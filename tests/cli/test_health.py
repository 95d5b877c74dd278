"""`dtms health` asks once, and its exit status is its answer."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli.town import Town
from dtms_client import DEFAULT_TARGET
from dtms_server.cli.application import run
from dtms_server.config import Settings
from processes import free_address


@pytest.mark.parametrize("service", ["readiness", "liveness", "", "dtms.v1.DtmsService"])
def test_a_service_that_is_ready_is_serving(town: Town, service: str) -> None:
    assert town.call("health", "--service", service) == "SERVING\n"


def test_readiness_is_what_it_asks_for_where_nothing_is_said(town: Town) -> None:
    told = json.loads(town.call("health", "--json"))
    assert told == {"service": "readiness", "status": "SERVING", "error": ""}


def test_a_name_that_the_service_does_not_know_is_told_with_those_that_it_does(town: Town) -> None:
    told = town.call("health", "--service", "readyness", status=1)
    assert told.startswith(f"SERVICE_UNKNOWN {town.target}: ")
    assert "readiness, liveness" in told


def test_where_nobody_listens_it_says_so_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = free_address()
    assert run(["health", "--target", nowhere, "--timeout", "3600"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"UNREACHABLE {nowhere}: ")
    assert "is dtms serve running" in printed.err
    assert run(["health", "--target", nowhere, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["status"] == "UNREACHABLE"


def test_it_asks_where_a_service_listens_by_default() -> None:
    assert Settings.model_fields["listen"].default == DEFAULT_TARGET


def test_a_probe_loads_no_more_than_it_needs(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['dtms', 'health', '--target', '127.0.0.1:1']\n"
        "from dtms_server.cli import main\n"
        "try: main()\n"
        "finally: print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done: Any = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert "grpc" in done.stdout
    for heavy in ("numpy", "talib", "sqlalchemy", "rich", "structlog", "pydantic_settings"):
        assert repr(heavy) not in done.stdout
