"""The terminal: a host process that calls its API module, and the link to it."""
