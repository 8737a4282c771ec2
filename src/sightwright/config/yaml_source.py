"""One YAML 1.2 text → a tree that knows its lines.

Why not `yaml.load`: it reads by YAML 1.1 (`no` is false, `1e-5` is text) and forgets lines. The
parser here is ruamel.yaml's; only scalars and mappings are built by us, so that every repeated key
of a file is reported, not just the first.
"""

# ruamel.yaml leaves most of its types open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from sightwright.config.problems import Problem
from sightwright.config.tree import Branch, Items, Leaf, Node, Place

_CORE = "tag:yaml.org,2002:"
_MERGE = f"{_CORE}merge"
# Dates and the lone `=` have types of their own in YAML 1.1; no key of ours wants either.
_AS_WRITTEN = {f"{_CORE}{kind}" for kind in ("str", "timestamp", "value")}


def parse_yaml(text: str, file: str) -> tuple[Branch, list[Problem]]:
    """Read one document whose top level is a mapping; an empty one is `{}`.

    Args:
        text: the YAML.
        file: its name, as errors and provenance shall show it.
    """
    reader = _Reader(file)
    root = Branch(Place(file))
    try:
        node: Any = reader.yaml.compose(text)
    except MarkedYAMLError as error:
        return root, [_syntax_problem(error, file)]
    if node is None or _is_null(node):
        return root, []
    if not isinstance(node, MappingNode):
        found = "a list" if isinstance(node, SequenceNode) else "one value"
        text = f"the file must hold a mapping of sections, found {found}"
        hint = "as `training:`, with its keys indented below"
        return root, [Problem(Place(file, 1), "", text, hint)]
    return reader.mapping(node, Place(file), ()), reader.problems


def _is_null(node: Any) -> bool:
    return isinstance(node, ScalarNode) and str(node.tag) == f"{_CORE}null"


def _syntax_problem(error: MarkedYAMLError, file: str) -> Problem:
    mark: Any = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else None
    what = str(error.problem or error.context or "this cannot be read")
    hint = "indent with spaces; quote a text that holds `: ` or starts with `*`, `&`, `@`, `%`"
    return Problem(Place(file, line), "", f"not valid YAML: {what}", hint)


class _Reader:
    """Builds the tree of one file and gathers its problems."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        # The collections being read: an alias to one of them would never end.
        self.open: set[int] = set()
        self.yaml = YAML(typ="safe", pure=True)
        self.constructor: Any = self.yaml.constructor

    def mapping(self, node: Any, place: Place, path: tuple[str, ...]) -> Branch:
        branch = Branch(place)
        merged: list[Any] = []
        for key_node, value_node in node.value:
            if str(key_node.tag) == _MERGE:
                merged.append(value_node)
                continue
            self._entry(branch, key_node, value_node, path)
        for source in merged:
            self._merge_key(branch, source, path)
        return branch

    def _entry(self, branch: Branch, key_node: Any, value_node: Any, path: tuple[str, ...]) -> None:
        place = self._place(key_node)
        if not isinstance(key_node, ScalarNode):
            text = "a key must be one word, not a list or a mapping"
            self._problem(place, path, text, "take off the `?`, the brackets or the braces")
            return
        key = str(key_node.value)
        if key in branch.children:
            first = branch.children[key].place.line
            hint = "keep one of them"
            self._problem(place, (*path, key), f"repeated key, first given on line {first}", hint)
            return
        branch.children[key] = self.node(value_node, place, (*path, key))

    def _merge_key(self, branch: Branch, source: Any, path: tuple[str, ...]) -> None:
        """`<<: *anchor`, or a list of them: the earlier wins, the mapping's own keys over all."""
        for part in source.value if isinstance(source, SequenceNode) else [source]:
            if not isinstance(part, MappingNode):
                self._problem(self._place(part), path, "`<<` takes a mapping", "as <<: *anchor")
                continue
            for key, child in self.mapping(part, self._place(part), path).children.items():
                branch.children.setdefault(key, child)

    def node(self, node: Any, place: Place, path: tuple[str, ...]) -> Node:
        if isinstance(node, ScalarNode):
            return Leaf(self._scalar(node, path), place)
        if id(node) in self.open:
            text = "an alias to the value that it stands in"
            self._problem(place, path, text, "write the value out")
            return Leaf(None, place)
        self.open.add(id(node))
        try:
            return self._collection(node, place, path)
        finally:
            self.open.discard(id(node))

    def _collection(self, node: Any, place: Place, path: tuple[str, ...]) -> Node:
        if isinstance(node, MappingNode):
            return self.mapping(node, place, path)
        items = (self.node(item, self._place(item), path) for item in node.value)
        return Items(tuple(items), place)

    def _scalar(self, node: Any, path: tuple[str, ...]) -> str | int | float | bool | None:
        tag, text = str(node.tag), str(node.value)
        if tag in _AS_WRITTEN:
            return text
        match tag.removeprefix(_CORE):
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                return int(self.constructor.construct_yaml_int(node))
            case "float":
                return float(self.constructor.construct_yaml_float(node))
            case _:
                tag_text = f"the YAML tag {node.tag} is not read"
                self._problem(self._place(node), path, tag_text, "take off the tag")
                return text

    def _place(self, node: Any) -> Place:
        return Place(self.file, node.start_mark.line + 1)

    def _problem(self, place: Place, path: tuple[str, ...], text: str, hint: str = "") -> None:
        self.problems.append(Problem(place, ".".join(path), text, hint))
