"""The command line: what operators type, and how it is answered."""

from dtms_server.cli.start import main

__all__ = ["main"]
