"""What `make demo` shows: a bot that trades on a simulated terminal, and the service beside it."""
