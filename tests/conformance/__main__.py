"""`make conformance`: play the scenario in every language that this machine has the tools for."""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

from conformance import languages
from conformance.director import Played
from conformance.languages import Language
from conformance.play import SCENARIO, play
from conformance.workshop import BuildFailed

PASSED, FAILED = 0, 1


def main() -> int:
    """Play, tell what came of it, and return the exit status: in CI no language may be left out."""
    parser = argparse.ArgumentParser(prog="python -m conformance", description=__doc__)
    parser.add_argument("languages", nargs="*", help="by name; none: all that there are")
    parser.add_argument("--scenario", type=Path, default=SCENARIO, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="write the outcome as JSON")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # terminal and service end too
    names = asked.languages or [language.name for language in languages.ALL]
    unknown = set(names) - {language.name for language in languages.ALL}
    if unknown:
        parser.error(f"no runner in {', '.join(unknown)}")
    outcomes = [
        _played(language, asked.scenario.resolve(), quiet=asked.json)
        for language in languages.ALL
        if language.name in names
    ]
    if asked.json:
        say(json.dumps(outcomes, indent=2))
    return FAILED if any(outcome["passed"] is False for outcome in outcomes) else PASSED


def _played(language: Language, scenario: Path, *, quiet: bool) -> dict[str, object]:
    began = time.monotonic()
    passed, told = _outcome(language, scenario)
    word = {True: "passed", False: "FAILED", None: "left out"}[passed]
    if not quiet:
        say(f"{language.name:12} {word:9} {told}")
    seconds = round(time.monotonic() - began, 1)
    return {"language": language.name, "passed": passed, "told": told, "seconds": seconds}


def _outcome(language: Language, scenario: Path) -> tuple[bool | None, str]:
    """Return whether it passed (None: it was left out), and what is to be told."""
    if language.lacks:
        missing = f"{', '.join(language.lacks)} is not on this machine"
        return (False if "CI" in os.environ else None), missing
    try:
        with tempfile.TemporaryDirectory(prefix="dtms-") as folder:
            played: Played = play(language, scenario, Path(folder))
    except BuildFailed as failed:
        return False, f"not built: {failed}"
    return played.passed, played.account.strip()


def say(line: str) -> None:
    """Tell it at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
