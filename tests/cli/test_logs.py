"""What `dtms serve` writes on standard error, as text and as JSON."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dtms_client import DtmsClient, correlated
from dtms_server.domain.trade import Direction
from processes import QUICK_TERMINAL, Shop, shop

TLS = Path(__file__).parents[1] / "rpc" / "tls"
SIMULATOR = ("serve", "--terminal", "simulator", "--listen", "127.0.0.1:0", "--sim-listen", "0")
ODDITIES = """
import logging, threading, warnings
import structlog
from dtms_server.cli import logs

logs.configure("json")
log = structlog.get_logger("dtms.odd")
log.info("two\\nlines", nothing=float("nan"), much=float("inf"),
    deep={"of": [(float("-inf"), 1.5)], float("nan"): 2}, path=object(), label="\\u00e9\\ud800")
logging.getLogger("sqlalchemy").error("foreign %s", 7, stack_info=True)
warnings.warn("odd")

def fails(password):
    raise ValueError("in vain")

try:
    fails("swordfish")
except ValueError:
    log.exception("caught")
    logging.getLogger("grpc").exception("foreign too")
thread = threading.Thread(target=fails, args=("swordfish",))
thread.start()
thread.join()
fails("swordfish")
"""


def objects(text: str) -> list[dict[str, Any]]:
    """The lines, each of which must be one JSON object with what every line has."""
    parsed = [json.loads(line, parse_constant=_refuse) for line in text.splitlines()]
    for line in parsed:
        assert line["timestamp"].endswith("Z")
        assert {"level", "event", "logger"} <= line.keys()
    return parsed


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def ended(town: Shop, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command that is to fail."""
    done = town.run(*arguments)
    assert done.returncode, done.stdout
    return done


@pytest.fixture
def town(tmp_path: Path) -> Any:
    with shop(tmp_path) as opened:
        yield opened


def test_whatever_is_told_is_a_line_of_json(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ODDITIES]
    plain = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, env=plain, check=False)
    told = objects(done.stderr.decode("ascii"))
    assert done.returncode == 1
    assert [line["event"].partition("\n")[0][-20:] for line in told][:2] == ["two", "foreign 7"]
    assert (told[0]["nothing"], told[0]["much"]) == ("nan", "inf")
    assert told[0]["deep"] == {"of": [["-inf", 1.5]], "nan": 2}
    assert "UserWarning: odd" in told[2]["event"]
    assert [line["event"] for line in told[3:]] == ["caught", "foreign too", "uncaught", "uncaught"]
    for line in told[3:]:
        [fault] = line["exception"]
        assert (fault["exc_type"], fault["exc_value"]) == ("ValueError", "in vain")
        assert fault["frames"][-1]["name"] == "fails"
    assert b"swordfish" not in done.stderr


def test_a_service_writes_nothing_but_json(town: Shop) -> None:
    process = town.spawn(
        sys.executable, "-u", "-m", "dtms_server", *SIMULATOR, "--log-format", "json",
        "--tls-cert", str(TLS / "server.pem"), "--tls-key", str(TLS / "server.key"),
    )  # fmt: skip
    target = process.expect(r"^listening (\S+)$")[1]
    process.expect('"event": "guarding"')
    done = town.run("health", "--target", target)  # plaintext: gRPC's core has much to say of it
    assert done.returncode == 1
    process.terminate()
    [announced, *lines] = process.output.splitlines()
    assert announced == f"listening {target}"
    assert [line["event"] for line in objects("\n".join(lines))] == ["guarding", "draining"]


def test_a_call_is_found_in_the_log_by_its_name(town: Shop) -> None:
    town.environment["DTMS_LOG_FORMAT"] = "json"
    _, terminal = town.terminal(*QUICK_TERMINAL)
    process, target = town.serve(terminal)
    process.expect('"event": "guarding"')
    with town.control(terminal) as hand, DtmsClient(target) as client, correlated("order 17"):
        client.register_trade(hand.open("EURUSD", Direction.BUY, 0.1).ticket, "EURUSD", "BUY")
    line = process.expect('"event": "trade registered"').string
    assert objects(line)[0]["correlation_id"] == "order 17"


@pytest.mark.parametrize(
    "flags", [("--log-format", "json", "--cycle", "often"), ("--log-format=json", "--bogus")]
)
def test_what_is_wrong_with_the_flags_is_json_too(town: Shop, flags: tuple[str, ...]) -> None:
    [line] = objects(ended(town, *SIMULATOR, *flags).stderr)
    assert (line["level"], line["exit_status"]) == ("error", 2)


def test_a_file_may_ask_for_json(town: Shop) -> None:
    (town.folder / "dtms.toml").write_text('log_format = "json"\nwrong = 1\n')
    [line] = objects(ended(town, *SIMULATOR).stderr)
    assert "wrong in dtms.toml is not a setting" in line["event"]
    text = ended(town, *SIMULATOR, "--log-format", "text").stderr
    assert text.startswith("error: ")


@pytest.mark.parametrize("flags", [["--log-format"], ["--log-format", "xml"]])
def test_a_format_that_there_is_not_is_refused(town: Shop, flags: list[str]) -> None:
    told = ended(town, *SIMULATOR, *flags).stderr
    assert told.startswith("error: ")
    assert "log-format" in told


def test_other_commands_speak_to_people(town: Shop) -> None:
    town.environment["DTMS_LOG_FORMAT"] = "json"
    assert ended(town, "status", "--target", "nowhere:1", "--timeout", "1").stderr.startswith(
        "error"
    )
