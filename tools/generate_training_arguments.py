"""Write src/sightwright/config/transformers_arguments.py from the installed transformers.

    python tools/generate_training_arguments.py

The configuration package must not import transformers (it costs seconds, and brings torch), so the
fields of its TrainingArguments are kept as a checked-in file; tests/config compares the two.
"""

import dataclasses
import enum
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import transformers
from training_argument_words import WORDS
from transformers import TrainingArguments

from sightwright.config.kept_elsewhere import KEPT_ELSEWHERE

TARGET = Path(__file__).parents[1] / "src/sightwright/config/transformers_arguments.py"

_ALSO = {"bf16": 'Literal["auto"]'}
"""What our YAML takes beyond transformers' own type."""

_HEADER = '''"""The fields of transformers.TrainingArguments, with its types and defaults.

Generated from transformers {version} by tools/generate_training_arguments.py: do not edit. What we
add, bound or refuse stands in sections/training.py.
"""

from typing import Any, Literal

from pydantic import Field

from sightwright.config.section import Section, TextList

TRANSFORMERS_VERSION = "{version}"


class TransformersArguments(Section):
    """Every field that a YAML file may set; None leaves the choice to transformers."""

'''


def generate() -> str:
    lines = [_HEADER.format(version=transformers.__version__)]
    for field in dataclasses.fields(TrainingArguments):
        if field.name not in KEPT_ELSEWHERE:
            lines.extend(_field_lines(field))
    return "".join(lines)


def _field_lines(field: dataclasses.Field[Any]) -> Iterator[str]:
    default = _default(field)
    kinds = [kind for kind in dict.fromkeys(_kinds(field)) if kind != "None"]
    if default is None or type(None) in _members(field.type):
        kinds.append("None")
    shown = f'"{default}"' if isinstance(default, str) else repr(default)
    yield f"    {field.name}: {' | '.join(kinds)} = Field(\n"
    yield f"        default={shown}, description={WORDS[field.name]!r}\n    )\n"


def _default(field: dataclasses.Field[Any]) -> object:
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
        return tuple(value) if isinstance(value, list) else value
    return field.default.value if isinstance(field.default, enum.Enum) else field.default


def _kinds(field: dataclasses.Field[Any]) -> Iterator[str]:
    """The YAML types of a field, as source text."""
    choices = field.metadata.get("choices")
    members = _members(field.type)
    if field.name in _ALSO:
        yield _ALSO[field.name]
    if choices:
        yield _literal(list(choices))
    for member in members:
        if isinstance(member, type) and issubclass(member, enum.Enum):
            yield _literal([item.value for item in member])
        elif member is str and (choices or _has_enum(members)):
            continue
        else:
            yield _plain_kind(member)


def _members(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    return (annotation,)


def _has_enum(members: tuple[Any, ...]) -> bool:
    return any(isinstance(member, type) and issubclass(member, enum.Enum) for member in members)


def _plain_kind(member: Any) -> str:
    if member is type(None):
        return "None"
    if get_origin(member) is Literal:
        return _literal(list(get_args(member)))
    if member is dict or get_origin(member) is dict:
        return "dict[str, Any]"
    if member is list or get_origin(member) is list:
        return "TextList"
    if member in (int, float, bool, str):
        return str(member.__name__)
    raise TypeError(f"no YAML type for {member!r}: give the field a place in KEPT_ELSEWHERE")


def _literal(values: list[Any]) -> str:
    return f"Literal[{', '.join(repr(value) for value in values)}]"


def main() -> None:
    TARGET.write_text(generate(), encoding="utf-8")
    typing.cast(Any, print)(f"wrote {TARGET}; now run: ruff format {TARGET}")


if __name__ == "__main__":
    main()
