"""How code is changed: the operators of Cosmic Ray that make sense here, and what it lacks, above
all for tables."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from typing import Any, ClassVar

import parso
from cosmic_ray.operators import binary_operator_replacement as binary
from cosmic_ray.operators import (
    boolean_replacer,
    break_continue,
    comparison_operator_replacement,
    exception_replacer,
    number_replacer,
    zero_iteration_for_loop,
)
from cosmic_ray.operators import unary_operator_replacement as unary
from cosmic_ray.operators.operator import Example, Operator
from mutants.syntax import (
    arguments,
    call,
    elements,
    family,
    is_bound,
    is_by_name,
    is_called,
    is_display,
    is_effect,
    member,
    members,
)
from parso.tree import NodeOrLeaf

COMPARED = ("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Lt_GtE", "GtE_Lt", "LtE_Gt", "Gt_LtE")
SAME = ("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is")
RECKONED = ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul")
SIGNED = ("Delete_Not", "Delete_USub")


class Rewriting(Operator):  # type: ignore[misc]  # Cosmic Ray has no types
    """Replaces a piece of code by each of some others; `texts` gives those."""

    SHOWN: ClassVar[tuple[tuple[str, str], ...]]

    @abstractmethod
    def texts(self, node: Any) -> Iterable[str]:
        """Yield what may stand in the node's place."""

    def mutation_positions(self, node: NodeOrLeaf) -> Iterator[tuple[Any, Any]]:
        """Yield the node's place once for each of its texts."""
        return ((node.start_pos, node.end_pos) for _ in self.texts(node))

    def mutate(self, node: NodeOrLeaf, index: int) -> NodeOrLeaf:
        """Return the node's replacement, with the blanks before it."""
        return parso.parse(node.get_first_leaf().prefix + list(self.texts(node))[index])

    @classmethod
    def examples(cls) -> Iterator[Example]:
        """Yield what it makes of some lines."""
        return (Example(before, after) for before, after in cls.SHOWN)


class OtherMember(Rewriting):
    """`Verdict.DONE` becomes the member of the same enum that the file names before or after it,
    and so do the names of states."""

    SHOWN = (("x = (V.A, V.B)", "x = (V.B, V.B)"), ("y = L1, L2", "y = L2, L2"))

    def texts(self, node: Any) -> Iterable[str]:
        name = member(node)
        if name is None or is_bound(node):
            return
        names = [found for found in members(node) if family(found) == family(name)]
        place = names.index(name)
        beside = (names[place - 1], names[(place + 1) % len(names)])
        yield from (other for other in dict.fromkeys(beside) if other != name)


class OtherFunction(Rewriting):
    """The opposite function is called."""

    SHOWN = (("x = min(a, b)", "x = max(a, b)"), ("x = side.above(p)", "x = side.below(p)"))
    PAIRS = (("min", "max"), ("floor", "ceil"), ("any", "all"), ("below", "above"))
    OPPOSITE: ClassVar = dict(PAIRS) | {b: a for a, b in PAIRS}

    def texts(self, node: Any) -> Iterable[str]:
        if node.type == "name" and node.value in self.OPPOSITE and is_called(node):
            yield self.OPPOSITE[node.value]


class OtherCode(Rewriting):
    """A string in capitals is a code, and becomes another; prose stays as it is, and so
    do types."""

    SHOWN = (('x = "NO_R"', 'x = "NO_RX"'),)

    def texts(self, node: Any) -> Iterable[str]:
        if node.type != "string" or node.parent.type == "trailer":
            return
        text = node.value.strip("\"'")
        if text.isidentifier() and text.isupper():
            yield f'"{text}X"'


class DropElement(Rewriting):
    """A table, list or tuple lacks one of its elements; a row in a tuple of rows stays whole."""

    SHOWN = (("x = (1, 2, 3)", "x = (2, 3,)"), ("x = {1: 2, 3: 4}", "x = {3: 4,}"))

    def texts(self, node: Any) -> Iterable[str]:
        if node.type not in ("testlist_comp", "dictorsetmaker") or not is_display(node):
            return
        found = elements(node)
        for left_out in range(len(found)):
            kept = found[:left_out] + found[left_out + 1 :]
            yield "".join(f"{element}," for element in kept).lstrip()


class DropKeyword(Rewriting):
    """A call lacks one of its arguments by name."""

    SHOWN = (("f(a, b=1)", "f(a,)"), ("f(b=1)", "f()"))

    def texts(self, node: Any) -> Iterable[str]:
        given = arguments(node)
        for argument in given:
            if is_by_name(argument):
                yield call(each.get_code() for each in given if each is not argument)


class SwapArguments(Rewriting):
    """Two neighbours among a call's arguments by place change places."""

    SHOWN = (("f(a, b)", "f(b, a,)"),)
    SYMMETRIC = ("min", "max")

    def texts(self, node: Any) -> Iterable[str]:
        given = arguments(node)
        if given and node.get_previous_leaf().value in self.SYMMETRIC:
            return
        for place, (left, right) in enumerate(pairwise(given)):
            if left.type != "argument" and right.type != "argument":
                codes = [each.get_code() for each in given]
                codes[place : place + 2] = codes[place + 1], codes[place]
                yield call(codes)


class DropStatement(Rewriting):
    """A call, a yield, or the change of what has a value already, is not made."""

    SHOWN = (("if x:\n    f(x)\n", "if x:\n    pass\n"), ("a.b = 1\n", "pass\n"))

    def texts(self, node: Any) -> Iterable[str]:
        if node.parent is not None and node.parent.type == "simple_stmt" and is_effect(node):
            yield "pass"


OURS = (
    OtherMember,
    OtherFunction,
    OtherCode,
    DropElement,
    DropKeyword,
    SwapArguments,
    DropStatement,
)


def operators() -> dict[str, type[Operator]]:
    """Return all operators that are used, by name."""
    theirs = (
        boolean_replacer.AddNot,
        boolean_replacer.ReplaceTrueWithFalse,
        boolean_replacer.ReplaceFalseWithTrue,
        boolean_replacer.ReplaceAndWithOr,
        boolean_replacer.ReplaceOrWithAnd,
        break_continue.ReplaceBreakWithContinue,
        break_continue.ReplaceContinueWithBreak,
        exception_replacer.ExceptionReplacer,
        number_replacer.NumberReplacer,
        zero_iteration_for_loop.ZeroIterationForLoop,
    )
    families = chain(
        comparison_operator_replacement.operators(), binary.operators(), unary.operators()
    )
    wanted = {*COMPARED, *SAME, *RECKONED, *SIGNED}
    chosen = [each for each in families if each.__name__.split("Operator_")[1] in wanted]
    return {each.__name__: each for each in (*theirs, *chosen, *OURS)}
