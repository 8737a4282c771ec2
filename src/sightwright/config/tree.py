"""A YAML document that remembers where every value was written.

Values are merged, moved and renamed before they are checked; because each node carries its own
place, an error and a provenance comment can still name the file and line.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

Key = str | int
"""One step of a path into a document: a mapping's key or a list's index."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was written. `because` names the rule that put it there, if one did."""

    file: str
    line: int | None = None
    because: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place} ({self.because})" if self.because else place


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar: text, number, true, false or null."""

    value: str | int | float | bool | None
    place: Place


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    nodes: tuple["Node", ...]
    place: Place


@dataclass(slots=True)
class Branch:
    """A mapping. Changed only while one file is prepared; `merge` makes a new one."""

    place: Place
    children: dict[str, "Node"] = field(default_factory=dict[str, "Node"])


Node = Leaf | Items | Branch


def plain(node: Node) -> object:
    """The value without its places."""
    match node:
        case Leaf():
            return node.value
        case Items():
            return [plain(item) for item in node.nodes]
        case Branch():
            return {key: plain(child) for key, child in node.children.items()}


def node_of(value: Any, place: Place) -> Node:
    """The opposite of `plain`, for what was read from elsewhere: all of it was written at one
    place."""
    match value:
        case dict():
            items = cast("dict[str, Any]", value).items()
            return Branch(place, {key: node_of(child, place) for key, child in items})
        case list():
            nodes = cast("list[Any]", value)
            return Items(tuple(node_of(child, place) for child in nodes), place)
        case _:
            return Leaf(value, place)


def merge(below: Node, above: Node) -> Node:
    """Lay `above` over `below`: mappings merge key by key, lists and scalars are replaced.

    `{a: {b: 1, c: [1, 2]}}` under `{a: {c: [3]}}` gives `{a: {b: 1, c: [3]}}`.
    """
    if not (isinstance(below, Branch) and isinstance(above, Branch)):
        return above
    children = dict(below.children)
    for key, node in above.children.items():
        children[key] = merge(children[key], node) if key in children else node
    return Branch(above.place, children)


def find(root: Node, path: Iterable[Key]) -> Node | None:
    """The node at `path`, or None."""
    node: Node | None = root
    for key in path:
        node = None if node is None else step(node, key)
    return node


def step(node: Node, key: Key) -> Node | None:
    """The child of `node` under `key`, or None."""
    if isinstance(node, Branch) and isinstance(key, str):
        return node.children.get(key)
    if isinstance(node, Items) and isinstance(key, int) and key < len(node.nodes):
        return node.nodes[key]
    return None


def nearest_place(root: Node, path: Sequence[Key]) -> Place:
    """Where `path` was written, or the closest mapping around it that was."""
    for length in range(len(path), -1, -1):
        node = find(root, path[:length])
        if node is not None:
            return node.place
    return root.place


def put(root: Branch, path: Sequence[str], node: Node) -> None:
    """Set the value at `path`, making the mappings on the way.

    Where something else than a mapping stands in the way it stays, for the check to complain of.
    """
    *parents, last = path
    for key in parents:
        child = root.children.setdefault(key, Branch(node.place))
        if not isinstance(child, Branch):
            return
        root = child
    root.children[last] = node


def take(root: Branch, path: Sequence[str]) -> Node | None:
    """Remove and return the value at `path`."""
    *parents, last = path
    parent = find(root, parents)
    return parent.children.pop(last, None) if isinstance(parent, Branch) else None


def moved(node: Node, because: str) -> Node:
    """The same value, with the rule that moved it added to its place."""
    return replace(node, place=replace(node.place, because=because))


def dotted(path: Iterable[Key]) -> str:
    """`("custom", "augmentation", "ops", 2, "name")` as `custom.augmentation.ops[2].name`."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text
