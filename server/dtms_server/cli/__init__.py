"""The command line: what operators type, and how it is answered."""

from dtms_server.cli.application import main

__all__ = ["main"]
