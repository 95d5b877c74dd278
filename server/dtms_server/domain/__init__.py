"""What DTMS knows and decides: pure values and pure functions, no clock, no I/O."""
