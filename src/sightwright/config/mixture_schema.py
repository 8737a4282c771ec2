"""The mixture file as a JSON Schema (draft 2020-12), for editors.

It takes whatever the loader takes: `target` for one entry, `params` around keys of an entry, `name`
and `dataset` for each other, `extends`. Rules between keys, and files that must exist, are the
loader's alone.
"""

from sightwright.config.fusion import FusionFile
from sightwright.config.json_schema import DRAFT, Json, inheritance_properties

_FOR_EACH_OTHER = {"dataset", "name"}


def mixture_schema() -> Json:
    """The schema of a whole mixture file."""
    generated = FusionFile.model_json_schema()
    definitions: Json = generated["$defs"]
    for name in ("Target", "Source"):
        _open(definitions[name])
    properties: Json = generated["properties"]
    properties["target"] = {"$ref": "#/$defs/Target", "description": "one target, not a list"}
    properties["sources"]["type"] = ["array", "null"]
    return {
        "$schema": DRAFT,
        "title": "Sightwright mixture",
        "description": "Which data sets a run learns from, how much of each, and how.",
        # An empty file may have all from its bases; so may one that names no targets.
        "type": ["object", "null"],
        "properties": {**inheritance_properties(), **properties},
        "additionalProperties": False,
        "$defs": definitions,
    }


def _open(definition: Json) -> None:
    """Let keys stand under `params`, and `name` and `dataset` for each other."""
    own: Json = definition["properties"]
    below = {key: {"$ref": f"#/$defs/{definition['title']}/properties/{key}"} for key in own}
    needed = [key for key in definition.pop("required") if key not in _FOR_EACH_OTHER]
    definition["allOf"] = [_has([key]) for key in needed] + [_has(sorted(_FOR_EACH_OTHER))]
    own["params"] = {
        "description": "keys of the entry, one level down",
        "type": ["object", "null"],
        "properties": below,
        "additionalProperties": False,
    }


def _has(keys: list[str]) -> Json:
    """One of the keys, in the entry or in its params."""
    below = [
        {"required": ["params"], "properties": {"params": {"type": "object", "required": [key]}}}
        for key in keys
    ]
    return {"anyOf": [*({"required": [key]} for key in keys), *below]}
