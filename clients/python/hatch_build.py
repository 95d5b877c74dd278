"""Puts the generated stubs into the wheel; an editable install reads them from the checkout."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class GeneratedStubs(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            build_data["force_include"]["../../generated/dtms"] = "dtms"
            # says that the stubs' types count (PEP 561); generated/ holds protoc's output alone
            build_data["force_include"]["py.typed"] = "dtms/v1/py.typed"
