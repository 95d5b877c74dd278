"""What steps have kept for later ones."""

import re
from collections.abc import Mapping
from typing import Any

from conformance.python.steps import Malformed, Step

NAMED = re.compile(r"\$\{(\w+)\}", re.ASCII)


class Kept:
    """Texts, by name."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def keep(self, step: Step, answer: Mapping[str, Any]) -> None:
        """Keep of an answer what the step says. Raises Malformed where it is not there."""
        for name, path in step.get("keep", {}).items():
            value: Any = answer
            for part in path.split("."):
                value = _parts(value).get(part)
            if not isinstance(value, str):
                raise Malformed(f"there is no text at {path} to keep in {answer}")
            self._texts[name] = value

    def filled(self, value: Any) -> Any:
        """Return the same with each name replaced by what was kept. Raises Malformed."""
        match value:
            case str():
                return NAMED.sub(lambda found: self._text(found[1]), value)
            case list():
                return [self.filled(one) for one in value]
            case dict():
                return {name: self.filled(one) for name, one in value.items()}
        return value

    def _text(self, name: str) -> str:
        if name not in self._texts:
            raise Malformed(f"nothing was kept as {name}")
        return self._texts[name]


def _parts(value: object) -> Mapping[str, Any]:
    match value:
        case dict():
            return value
        case list():
            return {str(place): one for place, one in enumerate(value)}
    return {}
