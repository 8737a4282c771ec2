"""Values that follow from others, filled in before the document is checked."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from sightwright.config.problems import Problem
from sightwright.config.sections.task import TaskType
from sightwright.config.tree import (
    Branch,
    Leaf,
    Node,
    dotted,
    find,
    moved,
    node_of,
    plain,
    put,
)

_TEXT_KEYS = (
    ("template", "system"),
    ("prompts", "system"),
    ("prompts", "user"),
    ("custom", "user_prompt"),
    ("task", "prompt"),
)

# A key that only dense inspection data has.
_DENSE_KEYS = (
    "emit_norm", "json_format", "user_prompt", "augmentation", "assistant_prefix_format",
    "fusion_config", "legacy_pairing",
)  # fmt: skip


def apply_global_max_length(root: Branch) -> Iterator[str]:
    """The one length knob sets both lengths and forbids truncation; yields a warning for each
    other value that it overrules."""
    knob = root.children.get("global_max_length")
    if not isinstance(knob, Leaf) or type(knob.value) is not int or knob.value < 1:
        return  # wrong by itself; the check says so once
    length = moved(knob, "global_max_length")
    for path, node in (
        (("model", "max_model_len"), length),
        (("template", "max_length"), length),
        (("template", "truncation_strategy"), Leaf("raise", length.place)),
    ):
        written = find(root, path)
        if written is not None and plain(written) not in (None, plain(node)):
            yield (
                f"{written.place}: {dotted(path)}: {plain(written)} is overruled by "
                f"global_max_length, which sets {plain(node)}"
            )
        if written is None or plain(written) != plain(node):
            put(root, path, node)


def imply_four_bits(root: Branch) -> None:
    """`train_type: qlora` says 4 bits by itself; `quantization` need not repeat it."""
    kind = find(root, ("tuner", "train_type"))
    bits = find(root, ("quantization", "quant_bits"))
    if isinstance(kind, Leaf) and kind.value == "qlora" and (bits is None or plain(bits) is None):
        put(root, ("quantization", "quant_bits"), moved(Leaf(4, kind.place), "train_type qlora"))


def read_text_files(root: Branch, folders: Mapping[str, Path]) -> Iterator[Problem]:
    """A prompt may be the name of a .txt file: beside the YAML that names it, or below the
    working folder."""
    for path in _TEXT_KEYS:
        read = read_text_file(find(root, path), dotted(path), folders)
        if isinstance(read, Problem):
            yield read
        elif read is not None:
            put(root, path, read)


def read_text_file(
    node: Node | None, key: str, folders: Mapping[str, Path]
) -> Node | Problem | None:
    """The text of the .txt file that the value at `key` names; None where it names none."""
    if not (isinstance(node, Leaf) and isinstance(node.value, str) and _is_file_name(node.value)):
        return None
    text = _text_of(node.value, folders.get(node.place.file, Path()))
    if text is None:
        hint = "it is looked up beside the YAML and below the working folder"
        return Problem(node.place, key, f"cannot read {node.value}", hint)
    return moved(Leaf(text, node.place), node.value)


def _is_file_name(value: str) -> bool:
    return value.endswith(".txt") and "\n" not in value


def _text_of(name: str, folder: Path) -> str | None:
    for candidate in (folder / name, Path(name)):
        try:
            return candidate.read_text(encoding="utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError):
            continue
    return None


def locate_mixture(root: Branch, folders: Mapping[str, Path]) -> None:
    """A mixture's file is looked up beside the YAML that names it, then below the working
    folder."""
    path = ("custom", "fusion_config")
    node = find(root, path)
    if not isinstance(node, Leaf) or not isinstance(node.value, str):
        return
    beside = folders.get(node.place.file, Path()) / node.value.replace("\\", "/")
    if beside.is_file():
        put(root, path, Leaf(str(beside), node.place))


def read_deepspeed_file(root: Branch, folders: Mapping[str, Path]) -> Iterator[Problem]:
    """`deepspeed.config` may name a JSON file: beside the YAML that names it, or below the working
    folder."""
    path = ("deepspeed", "config")
    node = find(root, path)
    if not isinstance(node, Leaf) or not isinstance(node.value, str):
        return
    if not node.value.endswith(".json"):
        return
    # Where it cannot be read an empty mapping stands in: one mistake is told of once.
    value: object = {}
    text = _text_of(node.value, folders.get(node.place.file, Path()))
    if text is None:
        hint = "it is looked up beside the YAML and below the working folder"
        yield Problem(node.place, dotted(path), f"cannot read {node.value}", hint)
    else:
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            text = f"{node.value} is not JSON: {error}"
            yield Problem(node.place, dotted(path), text, "or write the mapping here")
    put(root, path, node_of(value, moved(node, node.value).place))


def infer_task_type(root: Branch) -> None:
    """The documents' YAML has no `task`: its `custom` section tells what the records are."""
    if find(root, ("task", "type")) is not None:
        return
    inferred = _inferred_type(root)
    if inferred is not None:
        value, key = inferred
        place = root.place if (node := find(root, ("custom", key))) is None else node.place
        put(root, ("task", "type"), moved(Leaf(value, place), f"custom.{key}"))


def _inferred_type(root: Branch) -> tuple[TaskType, str] | None:
    summary = find(root, ("custom", "use_summary"))
    if isinstance(summary, Leaf) and summary.value is True:
        return "summary", "use_summary"
    for key in _DENSE_KEYS:
        if find(root, ("custom", key)) is not None:
            return "dense", key
    return None
