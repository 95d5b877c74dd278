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
from parso.tree import NodeOrLeaf

COMPARED = ("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Lt_GtE", "GtE_Lt", "LtE_Gt", "Gt_LtE")
SAME = ("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is")
RECKONED = ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul")
SIGNED = ("Delete_Not", "Delete_USub")
STATES = ("HEALTHY", "L1", "L2", "HEDGED", "RECOVERING", "CLOSED", "RELEASED", "WANT_HEDGE")
"""What `domain/state.py` calls the states; elsewhere they are imported."""


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
        name = _member(node)
        if name is None or _is_bound(node):
            return
        names = [found for found in _members(node) if _family(found) == _family(name)]
        place = names.index(name)
        beside = (names[place - 1], names[(place + 1) % len(names)])
        yield from (other for other in dict.fromkeys(beside) if other != name)


class OtherFunction(Rewriting):
    """The opposite function is called."""

    SHOWN = (("x = min(a, b)", "x = max(a, b)"), ("x = side.above(p)", "x = side.below(p)"))
    PAIRS = (("min", "max"), ("floor", "ceil"), ("any", "all"), ("below", "above"))
    OPPOSITE: ClassVar = dict(PAIRS) | {b: a for a, b in PAIRS}

    def texts(self, node: Any) -> Iterable[str]:
        if node.type == "name" and node.value in self.OPPOSITE and _is_called(node):
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
        if node.type not in ("testlist_comp", "dictorsetmaker") or not _is_display(node):
            return
        elements = _elements(node)
        for left_out in range(len(elements)):
            kept = elements[:left_out] + elements[left_out + 1 :]
            yield "".join(f"{element}," for element in kept).lstrip()


class DropKeyword(Rewriting):
    """A call lacks one of its arguments by name."""

    SHOWN = (("f(a, b=1)", "f(a,)"), ("f(b=1)", "f()"))

    def texts(self, node: Any) -> Iterable[str]:
        given = _arguments(node)
        for argument in given:
            if _is_by_name(argument):
                yield _call(each.get_code() for each in given if each is not argument)


class SwapArguments(Rewriting):
    """Two neighbours among a call's arguments by place change places."""

    SHOWN = (("f(a, b)", "f(b, a,)"),)
    SYMMETRIC = ("min", "max")

    def texts(self, node: Any) -> Iterable[str]:
        given = _arguments(node)
        if given and node.get_previous_leaf().value in self.SYMMETRIC:
            return
        for place, (left, right) in enumerate(pairwise(given)):
            if left.type != "argument" and right.type != "argument":
                codes = [each.get_code() for each in given]
                codes[place : place + 2] = codes[place + 1], codes[place]
                yield _call(codes)


class DropStatement(Rewriting):
    """A call, a yield, or the change of what has a value already, is not made."""

    SHOWN = (("if x:\n    f(x)\n", "if x:\n    pass\n"), ("a.b = 1\n", "pass\n"))

    def texts(self, node: Any) -> Iterable[str]:
        if node.parent is not None and node.parent.type == "simple_stmt" and _is_effect(node):
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


def _member(node: Any) -> str | None:
    """Return `Owner.MEMBER`, or a state's name, where the node is that."""
    if node.type == "name" and node.value in STATES and node.parent.type != "trailer":
        return str(node.value)
    if node.type == "atom_expr" and len(node.children) == 2:
        owner, trailer = node.children
        code = trailer.get_code()
        if owner.type == "name" and owner.value[:1].isupper() and code[1:].isupper():
            return f"{owner.value}{code}"
    return None


def _members(node: Any) -> list[str]:
    """Return the names of all members in the file, each once."""
    found: dict[str, None] = {}
    waiting = [node.get_root_node()]
    while waiting:
        each = waiting.pop()
        name = _member(each)
        if name is not None:
            found[name] = None
        waiting.extend(reversed(getattr(each, "children", [])))
    return list(found)


def _family(name: str) -> str:
    return name.rpartition(".")[0]


def _is_bound(node: Any) -> bool:
    """Is the name defined or imported here, not used?"""
    above = node.parent
    while above is not None and above.type not in ("file_input", "suite"):
        if above.type in ("import_from", "import_as_names"):
            return True
        above = above.parent
    return bool(node.type == "name" and node.is_definition())


def _is_called(node: Any) -> bool:
    following = node.get_next_leaf()
    return following is not None and following.value == "(" and node.parent.type != "funcdef"


def _is_display(node: Any) -> bool:
    """Is it a list of elements: no row, no comprehension, not the module's own list of names?"""
    if node.parent.parent.type == "testlist_comp":
        return False
    statement = node.search_ancestor("expr_stmt")
    owner = statement.get_first_leaf().value if statement is not None else ""
    return owner != "__all__" and not any(
        child.type in ("sync_comp_for", "comp_for") for child in node.children
    )


def _elements(node: Any) -> list[str]:
    """Return the code of a display's elements, or of a call's arguments."""
    elements = [""]
    for child in node.children:
        if child.type == "operator" and child.value == ",":
            elements.append("")
        else:
            elements[-1] += child.get_code()
    return [element for element in elements if element.strip()]


def _arguments(node: Any) -> list[Any]:
    """Return the arguments of the call whose parentheses the node is; else none."""
    if node.type != "trailer" or node.children[0].value != "(" or len(node.children) != 3:
        return []
    inside = node.children[1]
    given = inside.children if inside.type == "arglist" else [inside]
    return [each for each in given if each.type != "operator"]


def _is_by_name(argument: Any) -> bool:
    return bool(argument.type == "argument" and argument.children[1].get_code().strip() == "=")


def _call(arguments: Iterable[str]) -> str:
    return f"({''.join(f'{each.strip()}, ' for each in arguments).rstrip()})"


def _is_effect(node: Any) -> bool:
    if node.type != "expr_stmt":
        return node.type in ("atom_expr", "await_expr", "yield_expr")
    target, sign = node.children[:2]
    if target.type == "atom_expr":
        return True
    is_changed = sign.type == "operator" and sign.value != "="  # +=
    return is_changed or (sign.type == "operator" and _is_known(target))


def _is_known(target: Any) -> bool:
    """Has the name a value before this statement, as a parameter or from an earlier one?"""
    function = target.search_ancestor("funcdef")
    if target.type != "name" or function is None:
        return False
    parameters = {parameter.name.value for parameter in function.get_params()}
    names = function.get_used_names() if hasattr(function, "get_used_names") else {}
    return target.value in parameters or any(
        name.is_definition() and name.start_pos < target.start_pos
        for name in names.get(target.value, ())
    )
