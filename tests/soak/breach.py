"""What stops a soak: an invariant that does not hold."""


class Breach(Exception):
    """An invariant does not hold; the text says which, and of what."""
