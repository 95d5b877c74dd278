"""Scenarios for tests, a line a step."""

from dtms_server.terminal.simulator.scenario import Scenario, read

HEAD = 'title = "A test"\nwhat = "Something happens."\n'


def steps(*lines: str) -> Scenario:
    """A scenario of these steps, each given as `key = value; key = value`."""
    return read(HEAD + "".join(step(line) for line in lines), "test.toml")


def step(line: str) -> str:
    return "[[step]]\n" + "\n".join(part.strip() for part in line.split(";")) + "\n"
