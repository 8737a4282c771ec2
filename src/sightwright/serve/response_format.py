"""The schema that a request brings, or wants its answer held to."""

from collections.abc import Mapping
from typing import Any, cast

from sightwright.errors import RefusedError, SchemaError
from sightwright.schema import DocumentSchema, compile_schema
from sightwright.serve.bodies import refuse_unknown
from sightwright.tasks.extract import ExtractTask

_PLACE = "response_format.json_schema"
# A few hundred bytes of definitions that name each other twice grow beyond any memory.
_MAX_PLACES = 5000
# Compilers of grammars recurse; the deepest document is nowhere near.
_MAX_DEPTH = 64
_DEFINITIONS = ("$defs", "definitions")


def requested_schema(value: object, task: ExtractTask | None) -> dict[str, Any] | None:
    """The canonical schema of a `response_format`; None for free text.

    `json_schema` without `strict` brings the schema into canonical form: a key that may be absent
    comes as null. With `strict`, as at OpenAI, a schema with such a key is refused. `json_object`
    means the documents that this model was taught.

    Raises:
        RefusedError: 400 another format.
        SchemaError: a schema that cannot be honoured, or is none.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise RefusedError("'response_format' is an object", status=400)
    wanted = cast("Mapping[str, Any]", value)
    kind = wanted.get("type")
    refuse_unknown(
        wanted, ("type", "json_schema") if kind == "json_schema" else ("type",), "response_format"
    )
    match kind:
        case "text":
            return None
        case "json_schema":
            return brought_schema(wanted.get("json_schema"), _PLACE).json_schema
        case "json_object" if task is not None:
            return task.schema.json_schema
        case "json_object":
            raise RefusedError(
                "response_format json_object: this server has no one schema to hold an answer to",
                status=400,
                remedy="send one, as json_schema",
            )
        case _:
            raise RefusedError(
                f"response_format {kind!r} is none of text, json_object, json_schema", status=400
            )


def brought_schema(value: object, place: str) -> DocumentSchema:
    """The schema of a `{"name", "schema", "strict"}` that a request brings at `place`.

    Raises:
        RefusedError: 400 another key, no name, or optional keys in a strict schema.
        SchemaError: a schema that cannot be honoured, is none, or is too large.
    """
    if not isinstance(value, Mapping):
        raise RefusedError(f"{place} is an object", status=400)
    wanted = cast("Mapping[str, Any]", value)
    refuse_unknown(wanted, ("name", "schema", "strict", "description"), place)
    name, schema, strict = wanted.get("name"), wanted.get("schema"), wanted.get("strict")
    if not isinstance(name, str) or not name:
        raise RefusedError(f"{place}.name is missing", status=400)
    if strict not in (None, True, False):
        raise RefusedError(f"{place}.strict is true or false", status=400)
    if not isinstance(schema, dict):
        raise SchemaError(f"{place}.schema is an object")
    raw = cast("dict[str, Any]", schema)
    _Size(raw).check()
    compiled = compile_schema(raw, name)
    if strict and (optional := _optional_keys(raw)):
        raise RefusedError(
            f"{place}: strict, but not required: {', '.join(optional)}",
            status=400,
            remedy="list every key in 'required', with type null where it may be absent",
        )
    return compiled


class _Size:
    """Counts the places that a schema has once every `$ref` is written out."""

    def __init__(self, whole: dict[str, Any]) -> None:
        self._whole = whole
        self._by_ref: dict[str, int] = {}

    def check(self) -> None:
        """
        Raises:
            SchemaError: too many places, or too deep.
        """
        self._places(self._whole, depth=0)
        # Those that nothing names are walked by the compilers all the same.
        for group in _DEFINITIONS:
            self._places(self._whole.get(group), depth=1)

    def _places(self, part: object, depth: int) -> int:
        """Of one part of the schema, itself included."""
        if depth > _MAX_DEPTH:
            raise SchemaError(f"the schema is nested over {_MAX_DEPTH} deep")
        if isinstance(part, list):
            return sum(self._places(item, depth + 1) for item in cast("list[object]", part))
        if not isinstance(part, dict):
            return 0
        node = cast("dict[str, object]", part)
        inside = [value for key, value in node.items() if key not in _DEFINITIONS]
        count = 1 + sum(self._places(value, depth + 1) for value in inside)
        if isinstance(name := node.get("$ref"), str):
            count += self._of_definition(name, depth)
        if count > _MAX_PLACES:
            raise SchemaError(f"the schema has over {_MAX_PLACES} places")
        return count

    def _of_definition(self, name: str, depth: int) -> int:
        if name not in self._by_ref:
            # A definition that leads back to itself is refused by the compiler, by name.
            self._by_ref[name] = 0
            group, _, key = name.removeprefix("#/").partition("/")
            definitions = self._whole.get(group)
            if group in _DEFINITIONS and isinstance(definitions, dict):
                definition = cast("dict[str, object]", definitions).get(key)
                self._by_ref[name] = self._places(definition, depth + 1)
        return self._by_ref[name]


def _optional_keys(schema: dict[str, Any], path: str = "") -> list[str]:
    """Keys that may be absent, by path, definitions included."""
    described: dict[str, Any] = schema.get("properties", {})
    required = schema.get("required", [])
    missing = [f"{path}.{key}".lstrip(".") for key in described if key not in required]
    for group in ("properties", "$defs", "definitions"):
        for key, child in schema.get(group, {}).items():
            missing += _optional_keys(child, f"{path}.{key}")
    if isinstance(schema.get("items"), dict):
        missing += _optional_keys(schema["items"], f"{path}[]")
    for branch in schema.get("anyOf", []):
        missing += _optional_keys(branch, path)
    return missing
