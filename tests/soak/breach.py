"""What stops a soak: an invariant that does not hold."""


class Breach(Exception):
    """An invariant does not hold; the text says of what, `check` which it is, if that is known."""

    def __init__(self, what: str, check: str = "") -> None:
        super().__init__(what)
        self.check = check
