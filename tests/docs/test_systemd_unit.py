"""The unit for systemd is one that systemd understands, strict enough, and patient enough."""

import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest
from dtms_server import config
from outside import missing
from stopping import stop_seconds

SYSTEMD = Path(__file__).parents[2] / "docs" / "deployment" / "systemd"
EXPOSURE = 15
"""Of 100, by `systemd-analyze security`: 12 as the unit is, 92 for one without any of it."""


@pytest.fixture
def analyse(tmp_path: Path) -> Path:
    """The files where they can be analysed: systemd wants the program to be there."""
    if shutil.which("systemd-analyze") is None:
        missing("systemd-analyze, of Debian's package systemd, is not installed")
    shutil.copytree(SYSTEMD, tmp_path, dirs_exist_ok=True)
    unit = tmp_path / "dtms.service"
    unit.write_text(unit.read_text().replace("/opt/dtms/bin/dtms", "/bin/true"))
    return unit


def analysed(unit: Path, *how: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *how, str(unit)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def verified(unit: Path) -> str:
    """What systemd has to say against it."""
    done = analysed(unit, "verify", "--man=no", "--recursive-errors=no")
    return done.stderr or ("" if done.returncode == 0 else f"status {done.returncode}")


def test_systemd_has_nothing_against_it(analyse: Path) -> None:
    assert verified(analyse) == ""


@pytest.mark.parametrize(
    ("file", "sound"),
    [
        ("dtms.service", "ProtectSystem=strict"),
        ("dtms.service", "WatchdogSec=60"),
        ("dtms.service.d/tls.conf", "LoadCredential=key"),
    ],
)
def test_a_misspelt_word_is_noticed(analyse: Path, file: str, sound: str) -> None:
    path = analyse.parent / file
    path.write_text(path.read_text().replace(sound, f"x{sound}"))
    assert f"x{sound.partition('=')[0]}" in verified(analyse)


def test_little_is_left_that_it_may_do(analyse: Path) -> None:
    done = analysed(analyse, "security", "--offline=true", f"--threshold={EXPOSURE}")
    assert done.returncode == 0, done.stdout
    assert "Overall exposure level" in done.stdout


def test_it_waits_for_the_longest_drain_and_is_started_again_whatever_it_ended_with() -> None:
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign] # systemd's words have capitals
    unit.read(SYSTEMD / "dtms.service")
    service = unit["Service"]
    assert service["Type"] == "notify"
    assert float(service["TimeoutStopSec"]) >= stop_seconds(config.load(terminal="simulator"))
    assert service["Restart"] == "always"
    assert "RestartPreventExitStatus" not in service
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"


def test_callers_on_other_computers_need_a_certificate() -> None:
    lines = [
        line.partition("=")[2]
        for line in (SYSTEMD / "dtms.service.d" / "tls.conf").read_text().splitlines()
        if line.startswith(("Environment", "LoadCredential"))
    ]
    loaded = {f"%d/{line.partition(':')[0]}" for line in lines if ":/" in line}
    named = dict(word.split("=") for line in lines if ":/" not in line for word in line.split())
    listen = named.pop("DTMS_LISTEN")
    assert listen == "0.0.0.0:50051"
    assert named.keys() == {"DTMS_TLS_CERT", "DTMS_TLS_KEY", "DTMS_TLS_CLIENT_CA"}
    assert set(named.values()) == loaded
    page = (SYSTEMD.parent / "README.md").read_text("utf-8")
    [installed] = re.findall(r"install -m 600 (tls.*) /etc/dtms/", page)
    paths = {line.partition(":")[2] for line in lines if ":/" in line}
    assert {f"/etc/dtms/{file}" for file in installed.split()} == paths
