"""The process's first steps: what must be settled before the commands are imported."""

import sys
from argparse import ArgumentError, ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn


def main() -> NoReturn:
    """Run the process's command line and exit with its status."""
    for stream in (sys.stdout, sys.stderr):
        _never_fail_to_print(stream)
    arguments = sys.argv[1:]
    if arguments[:1] == ["health"]:  # it runs every few seconds, and does not need the rest
        from dtms_server.cli import health

        sys.exit(health.run(arguments))
    from dtms_server.cli import logs

    logs.configure(_log_format(arguments))
    from dtms_server.cli import application

    sys.exit(application.run(arguments, logs.tell if logs.are_json() else None))


def _log_format(arguments: Sequence[str]) -> Any:
    """Return how `dtms serve` is to log: gRPC decides when it is imported whether it writes lines
    of its own, and what is wrong with the other settings is to be told as a line of the log."""
    if arguments[:1] != ["serve"]:
        return None
    from dtms_server.config.early import log_format

    early = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    early.add_argument("--config", type=Path)
    early.add_argument("--log-format")
    try:
        known, _ = early.parse_known_args(arguments)
    except ArgumentError:  # which the command tells
        return None
    return log_format(known.config, log_format=known.log_format)


def _never_fail_to_print(stream: object) -> None:
    # a label in Japanese must not end a command whose output's encoding lacks it
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure:
        reconfigure(errors="backslashreplace")
