"""The server of DTMS, the Defensive Trade Management System."""
