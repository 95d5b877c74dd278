"""TLS: whom the server lets in, and whom it does not."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from dtms_client import DtmsClient, Tls
from dtms_client.errors import Unavailable
from outside import missing
from processes import QUICK_TERMINAL, Shop


@dataclass(frozen=True)
class Papers:
    """A certificate and its key; it is its own CA."""

    cert: Path
    key: Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        missing("openssl, which makes the certificates, is not installed")
    return tmp_path_factory.mktemp("tls")


def self_signed(folder: Path, name: str) -> Papers:
    papers = Papers(folder / f"{name}.pem", folder / f"{name}.key")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subject = ("-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    files = ("-keyout", papers.key, "-out", papers.cert)
    subprocess.run([*command.split(), *subject, *files], check=True, capture_output=True)
    return papers


@pytest.fixture(scope="module")
def server(folder: Path) -> Papers:
    return self_signed(folder, "server")


@pytest.fixture(scope="module")
def bot(folder: Path) -> Papers:
    return self_signed(folder, "bot")


@pytest.fixture(scope="module")
def stranger(folder: Path) -> Papers:
    return self_signed(folder, "stranger")


def serve(town: Shop, papers: Papers, *flags: str) -> str:
    """Start a server with these papers, and return its address once it is ready."""
    _, terminal = town.terminal(*QUICK_TERMINAL)
    tls = ("--tls-cert", str(papers.cert), "--tls-key", str(papers.key), *flags)
    process, target = town.serve(terminal, *tls)
    process.expect("guarding")
    return target


def gets_in(target: str, tls: Tls | None) -> bool:
    """Is a call answered, rather than the connection refused?"""
    with DtmsClient(target, tls=tls, options={"grpc.enable_retries": 0}) as client:
        try:
            return client.status().ready
        except Unavailable as error:
            if error.reason:  # it is the service that answers
                raise
            return False


def test_with_tls_who_knows_the_certificate_gets_in_and_plaintext_does_not(
    town: Shop, server: Papers, stranger: Papers
) -> None:
    target = serve(town, server)
    assert gets_in(target, Tls.from_files(server.cert))
    assert not gets_in(target, Tls.from_files(stranger.cert)), "a server that is not known"
    assert not gets_in(target, None)
    status = town.run("status", "--target", target, "--tls-ca", str(server.cert))
    assert status.returncode == 0, status.stderr
    assert "READY" in status.stdout


def test_with_mutual_tls_only_those_whose_certificate_is_trusted_get_in(
    town: Shop, server: Papers, bot: Papers, stranger: Papers
) -> None:
    target = serve(town, server, "--tls-client-ca", str(bot.cert))
    assert gets_in(target, Tls.from_files(server.cert, bot.key, bot.cert))
    assert not gets_in(target, Tls.from_files(server.cert, stranger.key, stranger.cert))
    assert not gets_in(target, Tls.from_files(server.cert)), "no certificate at all"
    assert not gets_in(target, None)
