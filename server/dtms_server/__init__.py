"""The server of DTMS, the Defensive Trade Management System."""

__version__ = "0.1.0"
