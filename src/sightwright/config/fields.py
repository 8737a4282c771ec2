"""Which keys the surface has: asked for suggestions, and for keys that stand in another section."""

import typing
from collections.abc import Iterable, Iterator
from functools import cache

from pydantic import BaseModel

from sightwright.config.kept_elsewhere import KEPT_ELSEWHERE
from sightwright.config.older_names import older_names
from sightwright.config.schema import Config
from sightwright.config.suggestions import did_you_mean
from sightwright.config.tree import Key

INHERITANCE_KEYS = ("extends", "inherit")

# ms-swift reads these into one flat set of arguments, so a key of one may stand in another.
FLAT_SECTIONS = ("model", "quantization", "data", "template", "tuner", "training", "rlhf")


@cache
def section_keys() -> dict[str, frozenset[str]]:
    """Section → its keys, older names included."""
    return {
        name: frozenset(keys_at((name,))) | older_names(name)
        for name in Config.model_fields
        if name != "global_max_length"
    }


def owners(key: str) -> list[str]:
    """The sections that have `key`."""
    return [section for section, keys in section_keys().items() if key in keys]


def keys_at(path: Iterable[Key]) -> list[str]:
    """The keys that a mapping at `path` may hold; empty where any are.

    Args:
        path: the name of a union's variant may stand in it, and leaves out the others.
    """
    models: list[type[BaseModel]] = [Config]
    for key in path:
        if isinstance(key, str):
            chosen = [model for model in models if key in _tags(model)]
            models = chosen or [found for model in models for found in _below(model, key)]
    names = [name for model in models for name in model.model_fields]
    return list(dict.fromkeys(names))


def _tags(model: type[BaseModel]) -> tuple[object, ...]:
    """What a variant of a union is called by its first key."""
    first = next(iter(model.model_fields.values()), None)
    tags = () if first is None else typing.get_args(first.annotation)
    return tags if len(tags) == 1 else ()


def _below(model: type[BaseModel], key: str) -> Iterator[type[BaseModel]]:
    field = model.model_fields.get(key)
    return iter(()) if field is None else _models_in(field.annotation)


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _models_in(part)


def unknown_key_hint(path: tuple[Key, ...]) -> str:
    """What the reader of an unknown key most likely meant."""
    *parents, last = path
    key = str(last)
    section = str(parents[0]) if parents else ""
    if section == "training" and key in KEPT_ELSEWHERE:
        return f"its place is {KEPT_ELSEWHERE[key]}"
    homes = [home for home in owners(key) if home != section]
    if homes and len(parents) <= 1:
        return f"this key belongs in {' or '.join(homes)}"
    known = keys_at(parents)
    if not parents:
        known += INHERITANCE_KEYS
    elif len(parents) == 1:
        known += older_names(section)
    listing = f"sightwright config explain{f' {section}' if section in section_keys() else ''}"
    return did_you_mean(key, known) or f"{listing} lists the keys"
