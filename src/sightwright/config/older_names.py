"""Names of yesterday, read as those of today.

The documents' YAML was written for transformers 4 and an earlier ms-swift. A renamed key is moved
under its present name, with a note; a value is converted where its meaning changed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sightwright.config.problems import Problem
from sightwright.config.tree import Branch, Leaf, Node, find, moved, plain, put, take


@dataclass(frozen=True, slots=True)
class Note:
    """One translation, told to the user but not held against the file."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


class _BadValueError(ValueError):
    """An older key whose value has no present equivalent."""


Convert = Callable[[object], object]


@dataclass(frozen=True, slots=True)
class _Rename:
    """`convert` gives the present value; None there means that the key says nothing any more."""

    now: str | None
    convert: Convert | None = None


def _ratio(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise _BadValueError(f"must be a number from 0 to below 1, found {value!r}")
    return float(value)


def _sampling(value: object) -> object:
    return "group_by_length" if _flag(value) else "random"


def _always_true(value: object) -> object:
    if not _flag(value):
        raise _BadValueError("cannot be false: weights are always written as safetensors")
    return None


def _adafactor(value: object) -> object:
    return "adafactor" if _flag(value) else None


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _BadValueError(f"must be true or false, found {value!r}")
    return value


_TAKES: dict[Convert, dict[str, object]] = {
    _ratio: {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
    _sampling: {"type": "boolean"},
    _always_true: {"const": True},
    _adafactor: {"type": "boolean"},
}

_OLDER: dict[str, dict[str, _Rename]] = {
    "training": {
        # A warmup below one step *is* a share of the run in transformers 5.
        "warmup_ratio": _Rename("warmup_steps", _ratio),
        "gradient_checkpointing": _Rename("activation_checkpointing"),
        "gradient_checkpointing_kwargs": _Rename("activation_checkpointing_kwargs"),
        "group_by_length": _Rename("train_sampling_strategy", _sampling),
        "evaluation_strategy": _Rename("eval_strategy"),
        "no_cuda": _Rename("use_cpu"),
        "adafactor": _Rename("optim", _adafactor),
        "save_safetensors": _Rename(None, _always_true),
        "per_gpu_train_batch_size": _Rename("per_device_train_batch_size"),
        "per_gpu_eval_batch_size": _Rename("per_device_eval_batch_size"),
    },
    "tuner": {"tuner_type": _Rename("train_type")},
    "data": {"eval_dataset": _Rename("val_dataset")},
    "custom": {"jsonl": _Rename("train_jsonl")},
}


def older_names(section: str) -> frozenset[str]:
    """The older keys that `section` still takes."""
    return frozenset(_OLDER.get(section, {}))


def present_name(section: str, key: str) -> str | None:
    """What `key` of `section` is called today, or None when it has no older name's entry."""
    rename = _OLDER.get(section, {}).get(key)
    return None if rename is None else rename.now


def older_value(section: str, key: str) -> dict[str, object] | None:
    """JSON Schema of what an older key takes; None where it takes what its present name does."""
    rename = _OLDER[section][key]
    return None if rename.convert is None else _TAKES[rename.convert]


def translate(root: Branch) -> tuple[list[Note], list[Problem]]:
    """Rename the older keys of one file in place."""
    notes: list[Note] = []
    problems: list[Problem] = []
    for section, renames in _OLDER.items():
        for key, rename in renames.items():
            node = take(root, (section, key))
            if node is not None:
                for found in _translated(root, section, key, rename, node):
                    notes.append(found) if isinstance(found, Note) else problems.append(found)
    return notes, problems


def _translated(
    root: Branch, section: str, key: str, rename: _Rename, node: Node
) -> Iterator[Note | Problem]:
    name = f"{section}.{key}"
    now = f"{section}.{rename.now}"
    if rename.now is not None and find(root, (section, rename.now)) is not None:
        text = f"given twice: {key} is the older name of {now}"
        yield Problem(node.place, name, text, f"keep {now}")
        return
    try:
        value = _converted(rename, node)
    except _BadValueError as error:
        hint = f"delete it, or write {now}" if rename.now else "delete it"
        yield Problem(node.place, name, str(error), hint)
        return
    if rename.now is None or value is None:
        yield Note(str(node.place), f"{name}: older key that says nothing any more, left out")
        return
    put(root, (section, rename.now), moved(value, f"older name {key}"))
    yield Note(str(node.place), f"{name}: older name, read as {now}: {_shown(value)}")


def _converted(rename: _Rename, node: Node) -> Node | None:
    if rename.convert is None:
        return node
    value = rename.convert(plain(node))
    if value is None:
        return None
    assert isinstance(value, str | int | float | bool)
    return Leaf(value, node.place)


def _shown(node: Node) -> str:
    value = plain(node)
    return str(value).lower() if isinstance(value, bool) else str(value)
