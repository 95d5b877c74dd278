"""What a replay does: which trades it opens, when they leave, and what they are held against."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from types import MappingProxyType
from typing import Final

from dtms_server.domain.errors import ConfigurationInvalid

LOTS: Final = 1.0
"""The volume of every trade."""
GREATEST: Final = 100.0
"""The farthest that a stop, in ATR, or a target, in R, may be."""
_SECONDS: Final[Mapping[str, int]] = MappingProxyType({"m": 60, "h": 3600, "d": 86_400})


class Exit(StrEnum):
    """Plain exits, without DTMS, that a replay can be held against."""

    CHANDELIER = "chandelier"
    BREAKEVEN = "breakeven"


@dataclass(frozen=True, slots=True)
class Plan:
    """Every `every` M15 bars one trade is opened on either side, `stop_atr` ATR(14, M15) from its
    stop and so many R from its target (None: it has none); what is left of it after `hold_seconds`
    is closed. `commission` is in USD a lot and side. `rails`: do the rails that hold openings back
    count?"""

    every: int = 20
    stop_atr: float = 2.0
    target_r: float | None = 2.0
    hold_seconds: int = 86_400
    commission: float = 0.0
    rails: bool = False
    compare: tuple[Exit, ...] = ()


def plan(
    every: int,
    stop: str,
    target: str,
    hold: str,
    compare: str | None,
    *,
    commission: float,
    rails: bool,
) -> Plan:
    """Read a plan from words such as "2atr", "2r" or "none", "24h" and "chandelier,breakeven".

    Raises ConfigurationInvalid that names every word that is none, and what would be one.
    """
    wrong: list[str] = []
    made = Plan(
        every=every,
        stop_atr=_number(stop, "atr", "--stop", wrong),
        target_r=None if target == "none" else _number(target, "r", "--target", wrong),
        hold_seconds=_seconds(hold, wrong),
        commission=commission,
        rails=rails,
        compare=_exits(compare, wrong),
    )
    if every < 1:
        wrong.append(f"--every {every} is not a number of M15 bars, 1 or more")
    if not (isfinite(commission) and commission >= 0):
        wrong.append(f"--commission {commission} is not an amount of USD, 0 or more")
    if wrong:
        raise ConfigurationInvalid(reason="; ".join(wrong))
    return made


def _number(text: str, unit: str, flag: str, wrong: list[str]) -> float:
    found = re.fullmatch(rf"(\d+(?:\.\d+)?){unit}", text.lower())
    value = float(found.group(1)) if found else 0.0
    if not 0 < value <= GREATEST:
        range_ = f"above 0 and at most {GREATEST:g}{', or none' if unit == 'r' else ''}"
        wrong.append(f"{flag} {text!r} is no number of {unit.upper()} such as 2{unit}, {range_}")
    return value


def _seconds(text: str, wrong: list[str]) -> int:
    found = re.fullmatch(r"(\d+)([mhd])", text.lower())
    seconds = int(found.group(1)) * _SECONDS[found.group(2)] if found else 0
    if not seconds:
        wrong.append(f"--hold {text!r} is not a time such as 24h, 90m or 2d")
    return seconds


def _exits(text: str | None, wrong: list[str]) -> tuple[Exit, ...]:
    names = [] if text is None else text.split(",")
    known = [exit_.value for exit_ in Exit]
    unknown = [name for name in names if name not in known]
    if unknown:
        words = " or ".join(map(repr, unknown))
        wrong.append(f"--compare knows {' and '.join(known)}, not {words}")
    return tuple(Exit(name) for name in dict.fromkeys(names) if name in known)
