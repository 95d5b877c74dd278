"""PromQL taken apart: which series an expression reads, and which labels of theirs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser as promql


@dataclass(frozen=True)
class Read:
    """One selector: a series' name, what its labels must equal, and all labels that it needs."""

    name: str
    equal: frozenset[tuple[str, str]]
    labels: frozenset[str]


def reads(expression: str) -> list[Read]:
    """All that an expression reads; raises ValueError where it is no PromQL. Grafana's variables
    may stand where a length of time stands."""
    return list(_reads(promql.parse(expression.replace("$__rate_interval", "5m")), frozenset()))


def _reads(node: Any, grouped: frozenset[str]) -> Iterator[Read]:
    match node:
        case promql.VectorSelector():
            matchers = node.matchers.matchers
            equal = {
                (each.name, each.value) for each in matchers if each.op == promql.MatchOp.Equal
            }
            names = {each.name for each in matchers}
            yield Read(node.name or "", frozenset(equal), grouped | names)
        case promql.MatrixSelector():
            yield from _reads(node.vector_selector, grouped)
        case promql.Call():
            for argument in node.args:
                yield from _reads(argument, grouped)
        case promql.AggregateExpr():
            labels = node.modifier.labels if node.modifier else ()
            yield from _reads(node.expr, grouped | frozenset(labels))
        case promql.BinaryExpr():
            yield from _reads(node.lhs, grouped)
            yield from _reads(node.rhs, grouped)
        case promql.ParenExpr():
            yield from _reads(node.expr, grouped)
        case promql.NumberLiteral():
            return
        case _:
            raise ValueError(f"{type(node).__name__} is not looked into here")
