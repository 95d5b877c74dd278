"""The one rule by which proto enum values and the domain's members are named alike."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:  # generic in the stubs only
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper as ProtoEnum

Number = TypeVar("Number", bound=int)
Member = TypeVar("Member", bound=StrEnum)


def to_proto(kind: ProtoEnum[Number], member: StrEnum) -> Number:
    """Return the proto value of a domain member; ValueError where the proto has none."""
    return kind.Value(_prefix(kind) + member.value)


def to_domain(kind: ProtoEnum[Number], number: int, members: type[Member]) -> Member | None:
    """Return the domain's member of a proto value; None for "unspecified" and unknown numbers."""
    try:
        return members(kind.Name(cast("Number", number)).removeprefix(_prefix(kind)))
    except ValueError:
        return None


def _prefix(kind: ProtoEnum[Number]) -> str:
    return kind.Name(cast("Number", 0)).removesuffix("UNSPECIFIED")
