"""The configuration of a run, written out: every value, and where it came from."""

# ruamel.yaml leaves most of its types open.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from sightwright.config.load import DEFAULT, Loaded
from sightwright.config.schema import Config

RESOLVED_NAME = "resolved.yaml"
HIDDEN = "<hidden>"

_SECRETS = {"training.hub_token"}


def resolved_values(config: Config) -> Iterator[tuple[str, object]]:
    """Every value under its dotted key, in the order of the surface; secrets are hidden."""
    yield from _values(config, ())


def _values(model: BaseModel, path: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    for name in type(model).model_fields:
        value, here = getattr(model, name), (*path, name)
        if isinstance(value, BaseModel):
            yield from _values(value, here)
            continue
        key = ".".join(here)
        secret = key in _SECRETS and value is not None
        yield key, HIDDEN if secret else _jsonable(value)


def _jsonable(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, tuple):
        return [_jsonable(item) for item in cast("tuple[object, ...]", value)]
    return value


def resolved_text(loaded: Loaded) -> str:
    """The whole configuration as YAML that reads back to the same values."""
    root = CommentedMap()
    for key, value in resolved_values(loaded.config):
        *parents, last = key.split(".")
        branch: Any = root
        for name in parents:
            branch = branch.setdefault(name, CommentedMap())
        branch[last] = _inline(value)
        place = loaded.provenance[key]
        if place != DEFAULT:
            branch.yaml_add_eol_comment(place, last)
    stream = io.StringIO()
    yaml = YAML()
    yaml.width = 10_000
    yaml.representer.add_representer(type(None), _represent_null)
    yaml.dump(root, stream)
    return stream.getvalue()


def _represent_null(representer: Any, _value: None) -> Any:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


def _inline(value: object) -> object:
    """Lists and free mappings on one line, so that the comment stands beside them."""
    match value:
        case list():
            sequence = CommentedSeq(_inline(item) for item in cast("list[object]", value))
            sequence.fa.set_flow_style()
            return sequence
        case dict():
            items = cast("dict[str, object]", value).items()
            mapping = CommentedMap((key, _inline(item)) for key, item in items)
            mapping.fa.set_flow_style()
            return mapping
        case _:
            return value


def dump_resolved(loaded: Loaded, folder: Path) -> Path:
    """Write `resolved.yaml` into `folder` in one move, so that no reader sees half of it."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / RESOLVED_NAME
    draft = folder / f".{RESOLVED_NAME}.{os.getpid()}"
    draft.write_text(resolved_text(loaded), encoding="utf-8")
    draft.replace(target)
    return target
