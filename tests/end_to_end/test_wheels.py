"""The two wheels, installed far from the checkout, work, and neither needs the other's files."""

import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest
from processes import QUICK_TERMINAL, shop

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
CHECKOUT = Path(__file__).parents[2]
CLIENT, SERVER = "dtms-client", "dtms-server"


class Environment:
    """A virtual environment with both wheels and what they require, as the lock pins it."""

    def __init__(self, folder: Path, wheels: list[Path]) -> None:
        venv.create(folder, with_pip=True)
        bin_ = folder / ("Scripts" if sys.platform == "win32" else "bin")
        self.python = bin_ / ("python.exe" if sys.platform == "win32" else "python")
        self.folder = folder
        pins = folder / "constraints.txt"
        pins.write_text(_pins((CHECKOUT / "requirements.lock").read_text()))
        self.pip("install", "--constraint", pins, *wheels)

    def pip(self, *arguments: str | Path) -> None:
        self.run("-m", "pip", "--disable-pip-version-check", "--quiet", *arguments)

    def run(self, *arguments: str | Path) -> str:
        command: list[str | Path] = [self.python, *arguments]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def is_whole(self, distribution: str) -> bool:
        """Is every file of a distribution there, as its record has it?"""
        return self.run("-c", WHOLE, distribution).strip() == "True"


WHOLE = """
import base64, hashlib, importlib.metadata, sys

def same(file):
    digest = hashlib.sha256(file.locate().read_bytes()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == file.hash.value

files = importlib.metadata.files(sys.argv[1])
print(all(file.locate().exists() and (file.hash is None or same(file)) for file in files))
"""


def _pins(lock: str) -> str:
    """Return the lock as constraints: pip demands hashes of everything where it sees one."""
    return "\n".join(re.findall(r"^(\S+==[^\\\n]+?)\s*\\?$", lock, re.MULTILINE))


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("dist")
    for source in (CHECKOUT / "clients" / "python", CHECKOUT):
        build: list[str | Path] = [
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--outdir",
            folder,
            source,
        ]
        done = subprocess.run(build, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return sorted(folder.glob("*.whl"))


@pytest.fixture
def environment(tmp_path: Path, wheels: list[Path]) -> Environment:
    return Environment(tmp_path / "venv", wheels)


def test_the_wheels_share_no_file(wheels: list[Path]) -> None:
    client, server = (set(zipfile.ZipFile(wheel).namelist()) for wheel in wheels)
    assert not client & server
    tops = {name.split("/")[0] for name in client | server}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "dtms",
        "dtms_client",
        "dtms_server",
    }
    assert "dtms/v1/service_pb2.pyi" in client
    assert "dtms_client/py.typed" in client
    assert any(name.startswith("dtms_server/migrations/versions/") for name in server)
    assert "dtms_server/terminal/simulator/scenarios/vps-reboot.toml" in server


def test_installed_in_an_empty_environment_they_migrate_and_serve(
    tmp_path: Path, environment: Environment
) -> None:
    with shop(tmp_path, environment.python) as town:
        migrated = town.run("migrate", "--database", "fresh.db")
        assert migrated.returncode == 0, migrated.stderr
        _, terminal = town.terminal(*QUICK_TERMINAL)
        server, target = town.serve(terminal, "--database", "fresh.db", "--no-migrate")
        server.expect("guarding")
        opened = town.run("sim", "open", "EURUSD", "buy", "0.1", "--terminal", terminal)
        claim = ("--symbol", "EURUSD", "--direction", "buy", "--target", target)
        registered = town.run("register", opened.stdout.strip(), *claim)
        assert registered.returncode == 0, registered.stderr
        assert server.terminate() == 0
    where = environment.run("-c", "import dtms_server; print(dtms_server.__file__)")
    assert str(environment.folder) in where


@pytest.mark.parametrize(("gone", "left"), [(CLIENT, SERVER), (SERVER, CLIENT)])
def test_uninstalling_one_leaves_the_other_whole(
    environment: Environment, gone: str, left: str
) -> None:
    assert environment.is_whole(left)
    environment.pip("uninstall", "--yes", gone)
    assert environment.is_whole(left)
    if left == CLIENT:
        environment.run("-c", "import dtms_client; from dtms.v1 import service_pb2_grpc")
