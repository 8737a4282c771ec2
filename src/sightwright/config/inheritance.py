"""`extends` and `--base_config`: several files become one document.

Bases are laid down in the order of the list, later over earlier, and the file itself over all of
them; `--base_config` lies below everything. A base that two siblings share is read twice, which
changes nothing; a circle is an error that names the chain.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sightwright.config.fields import INHERITANCE_KEYS
from sightwright.config.older_names import Note, translate
from sightwright.config.placement import relocate
from sightwright.config.problems import Problem
from sightwright.config.removed import take_removed
from sightwright.config.schema import Config
from sightwright.config.tree import Branch, Items, Leaf, Node, Place, merge
from sightwright.config.yaml_source import parse_yaml

_ALWAYS_THERE = set(Config.model_fields) - {"global_max_length", "deepspeed"}


@dataclass
class Gathered:
    """The merged document of a configuration, and what was found on the way."""

    root: Branch
    folders: dict[str, Path] = field(default_factory=dict[str, Path])
    """File as shown → its folder, against which a .txt prompt is looked up."""
    notes: list[Note] = field(default_factory=list[Note])
    problems: list[Problem] = field(default_factory=list[Problem])
    prepare: "Prepare | None" = None
    """What is done to each file before the next is laid over it; a run's own by default."""

    def add_problems(self, problems: Iterator[Problem] | list[Problem]) -> None:
        """Keep each finding once, though a shared base is read more than once."""
        self.problems += [problem for problem in problems if problem not in self.problems]


Prepare = Callable[[Branch, Gathered], None]
"""Changes one file's document in place; problems go to the `Gathered`."""


def gather(path: Path, base_config: Path | None = None, prepare: Prepare | None = None) -> Gathered:
    """Read `path` with everything that it extends, over `base_config`.

    Args:
        prepare: what is done to each file by itself; None for the file of a run.
    """
    gathered = Gathered(Branch(Place(shown(path))), prepare=prepare)
    document = _file(path, (), None, gathered)
    if base_config is not None:
        document = _over(_file(base_config, (), None, gathered), document)
    gathered.root = document
    return gathered


def gather_text(text: str, name: str, folder: Path) -> Gathered:
    """The same for a text; what it extends is looked up in `folder`."""
    gathered = Gathered(Branch(Place(name)))
    gathered.root = _document(text, name, folder, (), gathered)
    return gathered


def shown(path: Path) -> str:
    """The path as errors name it: relative when it lies below the working folder."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


def _over(below: Branch, above: Branch) -> Branch:
    merged = merge(below, above)
    assert isinstance(merged, Branch)
    return merged


def _file(path: Path, chain: tuple[Path, ...], place: Place | None, gathered: Gathered) -> Branch:
    """One file over its bases. `place` is the `extends` that named it, None for the first file."""
    name = shown(path)
    absolute = Path(os.path.abspath(path))
    if absolute in chain:
        circle = [*chain[chain.index(absolute) :], absolute]
        text = " -> ".join(shown(step) for step in circle)
        what, hint = f"a file extends itself: {text}", "take one of them out of extends"
        problem = Problem(place or Place(name), "extends", what, hint)
        gathered.add_problems([problem])
        return Branch(Place(name))
    try:
        text = absolute.read_text(encoding="utf-8-sig")  # Windows editors write a BOM
    except (OSError, UnicodeDecodeError) as error:
        gathered.add_problems([_unreadable(name, place, error)])
        return Branch(Place(name))
    return _document(text, name, absolute.parent, (*chain, absolute), gathered)


def _unreadable(name: str, place: Place | None, error: OSError | UnicodeDecodeError) -> Problem:
    reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
    if place is None:
        hint = "give the path of a YAML file"
        return Problem(Place(name), "", f"cannot be read: {reason}", hint)
    hint = "a base is looked up beside the file that extends it"
    return Problem(place, "extends", f"{name} cannot be read: {reason}", hint)


def _document(
    text: str, name: str, folder: Path, chain: tuple[Path, ...], gathered: Gathered
) -> Branch:
    own, problems = parse_yaml(text, name)
    gathered.add_problems(problems)
    gathered.folders[name] = folder
    document = Branch(own.place)
    for base, place in _bases(own, gathered):
        document = _over(document, _file(folder / base.replace("\\", "/"), chain, place, gathered))
    (gathered.prepare or _prepare)(own, gathered)
    return _over(document, own)


def _bases(own: Branch, gathered: Gathered) -> Iterator[tuple[str, Place]]:
    """Take `extends` and `inherit` out of a document: a text, or a list of texts."""
    for key in INHERITANCE_KEYS:
        node = own.children.pop(key, None)
        entries = node.nodes if isinstance(node, Items) else (node,) if node else ()
        for entry in entries:
            if isinstance(entry, Leaf) and isinstance(entry.value, str):
                yield entry.value, entry.place
            elif not (isinstance(entry, Leaf) and entry.value is None):
                text = "must be a path or a list of paths"
                hint = f"as {key}: ../base.yaml"
                gathered.add_problems([Problem(entry.place, key, text, hint)])


def _prepare(own: Branch, gathered: Gathered) -> None:
    """Refuse what is gone, then bring every key of one file under its present name and section."""
    gathered.add_problems(list(take_removed(own)))
    _open_empty_sections(own)
    gathered.add_problems(list(relocate(own)))
    notes, problems = translate(own)
    gathered.notes += [note for note in notes if note not in gathered.notes]
    gathered.add_problems(problems)


def _open_empty_sections(own: Branch) -> None:
    """`training:` with nothing under it is an empty section, not a null."""
    for key, node in own.children.items():
        if key in _ALWAYS_THERE and _is_null(node):
            own.children[key] = Branch(node.place)


def _is_null(node: Node) -> bool:
    return isinstance(node, Leaf) and node.value is None
