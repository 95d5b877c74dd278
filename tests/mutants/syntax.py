"""What the operators read of parso's trees."""

from collections.abc import Iterable
from typing import Any

STATES = ("HEALTHY", "L1", "L2", "HEDGED", "RECOVERING", "CLOSED", "RELEASED", "WANT_HEDGE")
"""What `domain/state.py` calls the states; elsewhere they are imported."""


def member(node: Any) -> str | None:
    """Return `Owner.MEMBER`, or a state's name, where the node is that."""
    if node.type == "name" and node.value in STATES and node.parent.type != "trailer":
        return str(node.value)
    if node.type == "atom_expr" and len(node.children) == 2:
        owner, trailer = node.children
        code = trailer.get_code()
        if owner.type == "name" and owner.value[:1].isupper() and code[1:].isupper():
            return f"{owner.value}{code}"
    return None


def members(node: Any) -> list[str]:
    """Return the names of all members in the file, each once."""
    found: dict[str, None] = {}
    waiting = [node.get_root_node()]
    while waiting:
        each = waiting.pop()
        name = member(each)
        if name is not None:
            found[name] = None
        waiting.extend(reversed(getattr(each, "children", [])))
    return list(found)


def family(name: str) -> str:
    return name.rpartition(".")[0]


def is_bound(node: Any) -> bool:
    """Is the name defined or imported here, not used?"""
    above = node.parent
    while above is not None and above.type not in ("file_input", "suite"):
        if above.type in ("import_from", "import_as_names"):
            return True
        above = above.parent
    return bool(node.type == "name" and node.is_definition())


def is_called(node: Any) -> bool:
    following = node.get_next_leaf()
    return following is not None and following.value == "(" and node.parent.type != "funcdef"


def is_display(node: Any) -> bool:
    """Is it a list of elements: no row, no comprehension, not the module's own list of names?"""
    if node.parent.parent.type == "testlist_comp":
        return False
    statement = node.search_ancestor("expr_stmt")
    owner = statement.get_first_leaf().value if statement is not None else ""
    return owner != "__all__" and not any(
        child.type in ("sync_comp_for", "comp_for") for child in node.children
    )


def elements(node: Any) -> list[str]:
    """Return the code of a display's elements."""
    found = [""]
    for child in node.children:
        if child.type == "operator" and child.value == ",":
            found.append("")
        else:
            found[-1] += child.get_code()
    return [element for element in found if element.strip()]


def arguments(node: Any) -> list[Any]:
    """Return the arguments of the call whose parentheses the node is; else none."""
    if node.type != "trailer" or node.children[0].value != "(" or len(node.children) != 3:
        return []
    inside = node.children[1]
    given = inside.children if inside.type == "arglist" else [inside]
    return [each for each in given if each.type != "operator"]


def is_by_name(argument: Any) -> bool:
    return bool(argument.type == "argument" and argument.children[1].get_code().strip() == "=")


def call(arguments: Iterable[str]) -> str:
    return f"({''.join(f'{each.strip()}, ' for each in arguments).rstrip()})"


def is_effect(node: Any) -> bool:
    if node.type != "expr_stmt":
        return node.type in ("atom_expr", "await_expr", "yield_expr")
    target, sign = node.children[:2]
    if target.type == "atom_expr":
        return True
    is_changed = sign.type == "operator" and sign.value != "="  # +=
    return is_changed or (sign.type == "operator" and _is_known(target))


def _is_known(target: Any) -> bool:
    """Has the name a value before, as a parameter?"""
    function = target.search_ancestor("funcdef")
    if target.type != "name" or function is None:
        return False
    return target.value in {parameter.name.value for parameter in function.get_params()}
