"""The director, who owns the terminal and the service: it is spoken with by lines of JSON."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from conformance.python.steps import doubles


class Refused(Exception):
    """The director could not do what it was asked for."""


def tell(line: Mapping[str, Any]) -> None:
    """Write a line."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def ask(verb: str, named: Mapping[str, Any]) -> Mapping[str, Any]:
    """Let the director do something, and return its answer. Raises Refused."""
    tell({"do": verb, "with": doubles(named)})
    answer: Mapping[str, Any] = json.loads(sys.stdin.readline() or '{"error": "it has gone"}')
    if "error" in answer:
        raise Refused(f"the director: {answer['error']}")
    return answer
