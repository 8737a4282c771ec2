"""The YAML surface as a JSON Schema (draft 2020-12), for editors that complete and check it.

It takes whatever the loader takes: older names, keys of ms-swift's one flat set under any of the
flat sections, empty sections, `extends`. Rules between keys, and files that must exist, are the
loader's alone.
"""

from collections.abc import Iterator
from typing import Any, cast

from sightwright.config.fields import FLAT_SECTIONS, INHERITANCE_KEYS, owners, section_keys
from sightwright.config.older_names import older_names, older_value, present_name
from sightwright.config.schema import Config

DRAFT = "https://json-schema.org/draft/2020-12/schema"
HINT = "# yaml-language-server: $schema="
"""First line of a YAML file that tells an editor where its schema is."""

Json = dict[str, Any]

# Extra forms of a value that the loader turns into the section's own.
_TAKEN_TOO: dict[tuple[str, str], Json] = {
    ("tuner", "target_modules"): {"type": "string"},
}
_ELSEWHERE = "KeysOfOtherSections"


def json_schema() -> Json:
    """The schema of a whole configuration file."""
    generated = Config.model_json_schema()
    definitions: Json = generated["$defs"]
    names = _section_definitions(generated["properties"])
    for section, name in names.items():
        _take_more(section, definitions[name])
    definitions[_ELSEWHERE] = {"properties": _flat_keys(definitions, names)}
    for section in FLAT_SECTIONS:
        _open_to_flat_keys(definitions[names[section]])
    for name, field in generated["properties"].items():
        generated["properties"][name] = _may_be_empty(field) if name in names else field
    return {
        "$schema": DRAFT,
        "title": "Sightwright configuration",
        "description": "One YAML for a run; `sightwright config explain KEY` says more of a key.",
        "type": ["object", "null"],
        "properties": {**inheritance_properties(), **generated["properties"]},
        "additionalProperties": False,
        "$defs": definitions,
    }


def _section_definitions(properties: Json) -> dict[str, str]:
    """Section → the name of its definition: `{"tuner": "Tuner"}`."""
    return {
        section: reference.removeprefix("#/$defs/")
        for section, field in properties.items()
        for reference in _references(field)
    }


def _references(field: Json) -> Iterator[str]:
    if "$ref" in field:
        yield field["$ref"]
    for branch in cast("list[Json]", field.get("anyOf", [])):
        yield from _references(branch)


def _take_more(section: str, definition: Json) -> None:
    """Older names beside the present ones, and the other forms that some values may have."""
    properties: Json = definition["properties"]
    for (of, key), form in _TAKEN_TOO.items():
        if of == section:
            properties[key] = _either(properties[key], form)
    for key in sorted(older_names(section)):
        now = present_name(section, key)
        told = f"older name of {section}.{now}" if now else "older key that says nothing any more"
        value = older_value(section, key) or {
            "$ref": f"#/$defs/{definition['title']}/properties/{now}"
        }
        properties[key] = {**value, "description": told, "deprecated": True}


def _either(field: Json, form: Json) -> Json:
    about = {key: field[key] for key in ("title", "description", "default") if key in field}
    rest = {key: value for key, value in field.items() if key not in about}
    return {**about, "anyOf": [rest, form]}


def _flat_keys(definitions: Json, names: dict[str, str]) -> Json:
    """Every key that exactly one flat section has, by reference to its place there."""
    keys = sorted({key for section in FLAT_SECTIONS for key in section_keys()[section]})
    found: Json = {}
    for key in keys:
        homes = [home for home in owners(key) if home in FLAT_SECTIONS]
        if len(homes) == 1:
            name = names[homes[0]]
            about = definitions[name]["properties"][key].get("description", "")
            found[key] = {
                "$ref": f"#/$defs/{name}/properties/{key}",
                "description": f"{about} (its place is {homes[0]})",
            }
    return found


def _open_to_flat_keys(definition: Json) -> None:
    del definition["additionalProperties"]
    definition["allOf"] = [{"$ref": f"#/$defs/{_ELSEWHERE}"}]
    definition["unevaluatedProperties"] = False


def _may_be_empty(field: Json) -> Json:
    """A section with nothing under it is null in YAML."""
    about = {key: value for key, value in field.items() if key in ("description", "default")}
    rest = {key: value for key, value in field.items() if key not in about}
    branches = rest.get("anyOf", [rest, {"type": "null"}])
    return {**about, "anyOf": branches}


def inheritance_properties() -> Json:
    """`extends` and `inherit`, as the files of a run and of a mixture have them."""
    paths = {"type": "array", "items": {"type": ["string", "null"]}}
    told = "YAML files below this one, relative to it; later ones win, and this file over all"
    return {
        key: {"description": told, "anyOf": [{"type": ["string", "null"]}, paths]}
        for key in INHERITANCE_KEYS
    }
