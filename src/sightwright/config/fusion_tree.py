"""The mixture file's other spellings, brought into one while lines are still known."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from sightwright.config.derive import read_text_file
from sightwright.config.inheritance import Gathered
from sightwright.config.problems import Problem
from sightwright.config.removed import removal_of
from sightwright.config.tree import Branch, Items, Leaf, Node, moved

_SECTIONS = ("targets", "sources")


def prepare(own: Branch, gathered: Gathered) -> None:
    """Rewrite one file: `target` as a list, `params` taken apart, `name` and `dataset` for each
    other; knobs that are gone become problems."""
    gathered.add_problems(list(_take_removed(own, "")))
    gathered.add_problems(list(_target_as_list(own)))
    if _is_null(sources := own.children.get("sources")) and sources is not None:
        own.children["sources"] = Items((), sources.place)
    for where, entry in entries(own):
        gathered.add_problems(list(_take_removed(entry, where)))
        gathered.add_problems(list(_open_params(entry, where)))
        gathered.add_problems(list(_take_removed(entry, where)))
        _name_each_other(entry)


def entries(root: Branch) -> Iterator[tuple[str, Branch]]:
    """Each entry that is a mapping, under its key, as `sources[1]`."""
    for section in _SECTIONS:
        node = root.children.get(section)
        for index, entry in enumerate(node.nodes if isinstance(node, Items) else ()):
            if isinstance(entry, Branch):
                yield f"{section}[{index}]", entry


def repeated_names(root: Branch) -> Iterator[Problem]:
    """A name stands for one data set, whichever section it is in."""
    first: dict[str, int | None] = {}
    for where, entry in entries(root):
        node = entry.children.get("name")
        if not isinstance(node, Leaf) or not isinstance(node.value, str):
            continue
        if node.value in first:
            text = f"{node.value} is the name of the entry on line {first[node.value]} too"
            yield Problem(node.place, f"{where}.name", text, "give each entry a name of its own")
        first.setdefault(node.value, node.place.line)


def read_prompts(root: Branch, folders: Mapping[str, Path]) -> Iterator[Problem]:
    """A prompt may be the name of a .txt file, as in the file of a run."""
    for where, entry in entries(root):
        for key in ("user_prompt", "system_prompt"):
            read = read_text_file(entry.children.get(key), f"{where}.{key}", folders)
            if isinstance(read, Problem):
                yield read
            elif read is not None:
                entry.children[key] = read


def _target_as_list(own: Branch) -> Iterator[Problem]:
    node = own.children.pop("target", None)
    if node is None:
        return
    if "targets" in own.children:
        line = own.children["targets"].place.line
        text = f"also given as targets on line {line}"
        yield Problem(node.place, "target", text, "keep the list alone")
        return
    own.children["targets"] = Items((moved(node, "given as target"),), node.place)


def _open_params(entry: Branch, where: str) -> Iterator[Problem]:
    params = entry.children.get("params")
    if _is_null(params):
        del entry.children["params"]
    if not isinstance(params, Branch):
        return  # wrong by itself; the check says so
    del entry.children["params"]
    for key, node in params.children.items():
        if key in entry.children:
            text = f"also given on line {entry.children[key].place.line}"
            yield Problem(node.place, f"{where}.params.{key}", text, "keep one of them")
        else:
            entry.children[key] = node


def _name_each_other(entry: Branch) -> None:
    for missing, given in (("dataset", "name"), ("name", "dataset")):
        if missing not in entry.children and given in entry.children:
            entry.children[missing] = moved(entry.children[given], f"given as {given}")


def _take_removed(branch: Branch, where: str) -> Iterator[Problem]:
    for key, node in list(branch.children.items()):
        verdict = removal_of("", key)
        if verdict is not None:
            text, hint = verdict
            del branch.children[key]
            yield Problem(node.place, f"{where}.{key}" if where else key, text, hint)


def _is_null(node: Node | None) -> bool:
    return isinstance(node, Leaf) and node.value is None
