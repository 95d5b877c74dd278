"""The server of DTMS, the Defensive Trade Management System."""

from importlib.metadata import version

__version__ = version("dtms-server")
