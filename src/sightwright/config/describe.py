"""Every key of the YAML in words: what it means, what it takes, who reads it.

entry = explained("warmup_ratio")[0]
entry.key          # training.warmup_steps
entry.also         # ("training.warmup_ratio (older name)",)
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sightwright.config.fields import FLAT_SECTIONS, INHERITANCE_KEYS, owners
from sightwright.config.kept_elsewhere import KEPT_ELSEWHERE
from sightwright.config.older_names import older_names, present_name
from sightwright.config.readers import limits_of, readers_of
from sightwright.config.removed import removal_of
from sightwright.config.schema import Config
from sightwright.config.yaml_example import Variant, yaml_example
from sightwright.errors import ConfigError

_INHERITANCE = (
    "YAML files below this one: a path or a list, relative to this file; later ones win over "
    "earlier, this file over all"
)


@dataclass(frozen=True)
class Entry:
    """One key.

    Attributes:
        key: dotted, as `tuner.lora_rank`.
        type: in words: `whole number above 0, or null`.
        allowed: the values it takes, where they can be listed.
        default: as JSON would write it; None also where it is required (see `required`).
        also: other places and names that the loader takes for it.
        read_by: verbs of this version.
        limits: what of it this version cannot run, and why.
        example: YAML that sets it.
    """

    key: str
    meaning: str
    type: str
    allowed: tuple[str, ...]
    default: object
    required: bool
    also: tuple[str, ...]
    read_by: tuple[str, ...]
    limits: tuple[str, ...]
    example: str


@dataclass(frozen=True)
class Place:
    """A field of a model, with the path that leads to it."""

    path: tuple[str, ...]
    info: FieldInfo
    in_list: tuple[bool, ...]
    variant: Variant | None = None

    @property
    def key(self) -> str:
        """`custom.augmentation.ops[rotate].params.max_deg` below what all variants have."""
        if self.variant is None or len(self.path) <= self.variant.depth + 1:
            return ".".join(self.path)
        above, below = self.path[: self.variant.depth], self.path[self.variant.depth :]
        return f"{'.'.join(above)}[{self.variant.name}].{'.'.join(below)}"


@cache
def entries() -> dict[str, Entry]:
    """Every key of the surface, sections and nested ones included, in its order."""
    found: dict[str, list[Place]] = {}
    for place in places_of(Config, (), ()):
        found.setdefault(place.key, []).append(place)
    inherited = {key: inheritance_entry(key) for key in INHERITANCE_KEYS}
    return inherited | {key: entry_of(key, places) for key, places in found.items()}


def explained(wanted: str) -> list[Entry]:
    """The entries that a key means: its own, or those of the name or place that it is older for.

    Args:
        wanted: dotted (`tuner.lora_rank`), bare (`lora_rank`), a section, an older name, or where
            ms-swift has it (`training.lora_rank`).

    Raises:
        ConfigError: a key that was removed, or one that nobody knows, with the nearest names.
    """
    key = re.sub(r"\[\d*\]", "", wanted.strip())
    known = entries()
    if key in known:
        return [known[key]]
    found = [known[name] for name in dict.fromkeys(_meant(key)) if name in known]
    found = found or [entry for name, entry in known.items() if _is_of_variant(name, key)]
    if found:
        return found
    _refuse(key)
    raise ConfigError(f"unknown key {wanted!r}", remedy=_nearest(key))


def keys_below(key: str) -> list[Entry]:
    """The keys of a section or mapping, one level down."""
    depth = key.count(".") + 1
    return [
        entry
        for name, entry in entries().items()
        if _VARIANT.sub("", name).startswith(f"{key}.") and name.count(".") == depth
    ]


def sections() -> list[Entry]:
    """The top level, in the order of the surface."""
    return [entry for name, entry in entries().items() if "." not in name]


_VARIANT = re.compile(r"\[\w+\]")


def _is_of_variant(name: str, wanted: str) -> bool:
    """Whether a variant's key is meant: without its name, by its name alone, or as one of all."""
    if "[" not in name:
        return False
    return _VARIANT.sub("", name) == wanted or f"[{wanted}]" in name or f".{wanted}." in f".{name}"


def places_of(
    model: type[BaseModel],
    path: tuple[str, ...],
    in_list: tuple[bool, ...],
    variant: Variant | None = None,
) -> Iterator[Place]:
    for name, info in model.model_fields.items():
        here = (*path, name)
        yield Place(here, info, in_list, variant)
        for below, listed in _models_in(info.annotation, False):
            chosen = _name_of(below)
            inner = variant if chosen is None else Variant(chosen, len(here))
            yield from places_of(below, here, (*in_list, listed), inner)


def _name_of(model: type[BaseModel]) -> str | None:
    """What a mapping must be called, where its `name` can be one word alone."""
    field = model.model_fields.get("name")
    names = () if field is None else get_args(field.annotation)
    return str(names[0]) if len(names) == 1 else None


def _models_in(annotation: object, in_list: bool) -> Iterator[tuple[type[BaseModel], bool]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, in_list
    for part in get_args(annotation):
        yield from _models_in(part, in_list or get_origin(annotation) is tuple)


def entry_of(key: str, places: list[Place]) -> Entry:
    first = places[0]
    kinds = [kind for place in places for kind in _kinds(place.info.annotation, place.info)]
    allowed = [word for place in places for word in _allowed(place.info.annotation)]
    required = first.info.is_required()
    default = None if required else _plain(first.info.get_default(call_default_factory=True))
    return Entry(
        key=key,
        meaning=first.info.description or "",
        type=" or ".join(dict.fromkeys(kinds)),
        allowed=tuple(dict.fromkeys(allowed)),
        default=default,
        required=required,
        also=tuple(_also(first.path)),
        read_by=readers_of(key),
        limits=tuple(limits_of(key)),
        example=yaml_example(
            first.path, first.in_list, first.info, default, allowed, first.variant
        ),
    )


def inheritance_entry(key: str) -> Entry:
    other = next(name for name in INHERITANCE_KEYS if name != key)
    return Entry(
        key=key, meaning=_INHERITANCE, type="text or list of texts", allowed=(), default=None,
        required=False, also=(other,), read_by=("train", "config"), limits=(),
        example=f"{key}: base.yaml\n",
    )  # fmt: skip


def _plain(value: object) -> object:
    """A default as JSON would hold it; a section's own defaults stand under its keys."""
    if isinstance(value, BaseModel):
        return None
    return list(cast("tuple[object, ...]", value)) if isinstance(value, tuple) else value


_WORDS: dict[object, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    type(None): "null",
    Any: "anything",
}


def _kinds(annotation: object, info: FieldInfo | None = None) -> Iterator[str]:
    """The types of a field in words, its bounds with them."""
    bounds = _bounds(info.metadata if info is not None else ())
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        bounds += _bounds(parts[1:])
        yield from (kind + bounds if kind != "null" else kind for kind in _kinds(parts[0]))
    elif origin in (Union, types.UnionType):
        for part in parts:
            yield from (kind if kind == "null" else kind + bounds for kind in _kinds(part))
    elif origin is Literal:
        yield "one of the values below"
    elif origin is tuple:
        yield f"list of {_plural(next(_kinds(parts[0])))}"
    elif origin is dict or _is_model(annotation):
        yield "mapping"
    else:
        yield _WORDS[annotation] + bounds


def _plural(kind: str) -> str:
    return {"one of the values below": "the values below"}.get(kind, f"{kind}s")


def _bounds(metadata: typing.Sequence[object]) -> str:
    words = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most", "pattern": "like"}
    found = [
        f"{word} {getattr(rule, name)}"
        for rule in metadata
        for name, word in words.items()
        if getattr(rule, name, None) is not None
    ]
    return f" {' and '.join(found)}" if found else ""


def _allowed(annotation: object) -> Iterator[str]:
    if get_origin(annotation) is Literal:
        for value in get_args(annotation):
            yield str(value).lower() if isinstance(value, bool) else str(value)
        return
    for part in get_args(annotation):
        if not _is_model(part):
            yield from _allowed(part)


def _is_model(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _also(path: tuple[str, ...]) -> Iterator[str]:
    if len(path) != 2:
        return
    section, key = path
    for older in sorted(older_names(section)):
        if present_name(section, older) == key:
            yield f"{section}.{older} (older name)"
    if section in FLAT_SECTIONS and [h for h in owners(key) if h in FLAT_SECTIONS] == [section]:
        others = ", ".join(name for name in FLAT_SECTIONS if name != section)
        yield f"under {others} (as ms-swift takes it)"


def _meant(key: str) -> Iterator[str]:
    """The present dotted names of a bare, older or misplaced key."""
    *parents, last = key.split(".")
    if len(parents) > 1:
        return
    homes = owners(last)
    if parents:
        section = parents[0]
        homes = [section] if section in homes else [h for h in homes if _moves(section, h)]
        if section == "training" and KEPT_ELSEWHERE.get(last) == "deepspeed":
            homes = []
    for home in homes:
        now = present_name(home, last) or last
        yield f"{home}.{now}"
    if not parents and not homes:
        yield from (name for name in entries() if name.split(".")[-1] == last)


def _moves(section: str, home: str) -> bool:
    return section in FLAT_SECTIONS and home in FLAT_SECTIONS


def _refuse(key: str) -> None:
    """Raise for a key that is known to be gone, or to be said in another way."""
    *parents, last = key.split(".")
    section = parents[0] if parents else ""
    verdict = removal_of(section, last) or (None if section else removal_of("custom", last))
    if verdict is not None and len(parents) <= 1:
        raise ConfigError(f"{key}: {verdict[0]}", remedy=verdict[1])
    if section in ("", "training") and last in KEPT_ELSEWHERE:
        raise ConfigError(
            f"{key}: no key of this YAML", remedy=f"its place is {KEPT_ELSEWHERE[last]}"
        )
    if any(last in older_names(name) for name in ([section] if section else FLAT_SECTIONS)):
        raise ConfigError(f"{key}: older key that says nothing any more", remedy="delete it")


def _nearest(key: str) -> str:
    last = key.split(".")[-1]
    if homes := owners(last):
        return f"nearest: {', '.join(f'{home}.{last}' for home in homes)}"
    known = list(entries())
    by_name = {name: name.split(".")[-1] for name in known}
    close = get_close_matches(key, known, n=3, cutoff=0.75)
    words = get_close_matches(last, set(by_name.values()), n=3, cutoff=0.6)
    close += [name for word in words for name in known if by_name[name] == word]
    names = list(dict.fromkeys(close))[:3]
    if names:
        return f"nearest: {', '.join(names)}"
    return "sightwright config explain (without a key) lists the sections"
