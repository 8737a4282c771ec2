"""A JSON Schema, compiled once into its canonical form for labels, grammar and marking.

Canonical: every key is required, in the order written; a key that was optional may be null; no
other key is allowed; local `$ref`s are written out. Labels are brought into that form, the decoder
is held to it, and the marking walks the same tree, so the three cannot disagree.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast, get_args

from sightwright import canonical
from sightwright.errors import SchemaError
from sightwright.json_schema import check_schema, describe, plain

Merge = Literal["best", "first", "last", "concat"]
Normaliser = Literal["exact", "text", "number", "date", "code"]

# What the grammar of the decoder can hold; anything else would be promised and not kept.
_HONOURED = {
    *("type", "properties", "required", "items", "enum", "const", "anyOf", "additionalProperties"),
    *("minLength", "maxLength", "pattern", "format", "minItems", "maxItems"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}
_NOTES = {
    *("$schema", "$id", "$comment", "$defs", "definitions", "title", "description"),
    *("default", "examples", "deprecated", "readOnly", "writeOnly"),
}
_OURS = {"x-merge", "x-normalise"}
_PLAIN_INTEGER = re.compile(r"0|-?[1-9]\d*")
_PLAIN_DECIMAL = re.compile(r"(?!-0(\.0*)?$)-?(0|[1-9]\d*)(\.\d+)?")
_FORMATS = {"date", "time", "date-time", "email", "uuid", "ipv4", "ipv6"}


@dataclass(frozen=True)
class Node:
    """One place of the canonical tree.

    Attributes:
        path: dotted, with `[]` for the rows of an array: `lines[].price`; empty at the root.
        kind: what stands there when it is not null.
        schema: the canonical JSON Schema of this place.
        normalise: how two values are compared (`x-normalise`, else by type and format).
        merge: how values of several page windows become one (`x-merge`).
    """

    path: str
    kind: Literal["object", "array", "scalar"]
    schema: dict[str, Any]
    nullable: bool
    normalise: Normaliser
    merge: Merge
    properties: dict[str, "Node"] = field(default_factory=dict[str, "Node"])
    items: "Node | None" = None

    def leaves(self) -> Iterator["Node"]:
        """Every scalar place, in the order of the schema."""
        if self.kind == "scalar":
            yield self
        for child in self.properties.values():
            yield from child.leaves()
        if self.items is not None:
            yield from self.items.leaves()


@dataclass(frozen=True)
class Conformed:
    """A label in canonical form, and the paths of the keys that were dropped to get there."""

    value: dict[str, Any]
    dropped: tuple[str, ...]


@dataclass(frozen=True)
class DocumentSchema:
    """What a document of one kind holds. Made by `compile_schema` or `load_schema`."""

    name: str
    root: Node

    @property
    def json_schema(self) -> dict[str, Any]:
        """The canonical JSON Schema: what the decoder's grammar is made from."""
        return self.root.schema

    def conform(self, label: object, *, drop_unknown: bool = False) -> Conformed:
        """Bring a label into canonical form: missing keys null, keys in schema order.

        Raises:
            SchemaError: keys outside the schema (unless `drop_unknown`), or values against it;
                all of them in one message.
        """
        unknown: list[str] = []
        value = _conform(self.root, label, unknown)
        if unknown and not drop_unknown:
            raise SchemaError(
                f"keys that the schema {self.name!r} does not have: {', '.join(unknown)}",
                remedy="add them to the schema, or drop them, counted, with --drop-unknown",
            )
        problems = self.problems(value) + list(_unspeakable(self.root, value))
        if problems:
            raise SchemaError("; ".join(problems))
        return Conformed(cast("dict[str, Any]", value), tuple(unknown))

    def problems(self, value: object) -> list[str]:
        """What is wrong with `value` against the canonical schema: one line each, none if fine."""
        return [describe(error) for error in self._validator.iter_errors(plain(value))]

    @cached_property
    def _validator(self) -> Any:
        import jsonschema_rs

        return jsonschema_rs.validator_for(self.json_schema)

    def __getstate__(self) -> dict[str, object]:
        # A validator lives in Rust: a process that is handed the schema makes one of its own.
        return {key: value for key, value in self.__dict__.items() if key != "_validator"}


def load_schema(path: Path) -> DocumentSchema:
    """Read and compile a JSON Schema file; its name is the file's, less `.schema.json`.

    Raises:
        SchemaError: no such file, not JSON, or a schema that cannot be honoured.
    """
    try:
        content = canonical.loads(path.read_bytes())
    except FileNotFoundError:
        raise SchemaError("no such schema file", where=str(path)) from None
    except ValueError as error:
        raise SchemaError(f"not JSON: {error}", where=str(path)) from None
    name = path.name.removesuffix(".json").removesuffix(".schema")
    try:
        return compile_schema(content, name)
    except SchemaError as error:
        where = f"{path}: {error.where}" if error.where else str(path)
        raise SchemaError(error.message, where=where, remedy=error.remedy) from None


def compile_schema(schema: object, name: str) -> DocumentSchema:
    """Compile a JSON Schema whose root is an object.

    Raises:
        SchemaError: no JSON Schema, or a keyword that the decoder could not honour, named with its
            place.
    """
    if not isinstance(schema, Mapping):
        raise SchemaError(f"a JSON Schema is an object, not {type(schema).__name__}")
    whole = cast("dict[str, Any]", plain(dict(cast("Mapping[str, Any]", schema))))
    check_schema(whole)
    root = _Compiler(whole).node(whole, path="", nullable=False, refs=())
    if root.kind != "object" or not root.properties:
        raise SchemaError(
            "the root of a document's schema is an object with properties",
            remedy='give it "type": "object" and "properties"',
        )
    return DocumentSchema(name, root)


class _Compiler:
    """Holds the definitions while a schema is walked."""

    def __init__(self, whole: dict[str, Any]) -> None:
        self._definitions: dict[str, Any] = {
            f"#/{group}/{name}": body
            for group in ("$defs", "definitions")
            for name, body in cast("dict[str, Any]", whole.get(group, {})).items()
        }

    def node(self, written: object, *, path: str, nullable: bool, refs: tuple[str, ...]) -> Node:
        schema, nullable, refs = self._resolved(written, path, nullable, refs)
        _refuse_unhonoured(schema, path)
        types = _types(schema, path)
        nullable = nullable or "null" in types
        types = [name for name in types if name != "null"]
        if types == ["object"]:
            return self._object(schema, path, nullable, refs)
        if types == ["array"]:
            return self._array(schema, path, nullable, refs)
        if "object" in types or "array" in types:
            raise _error(path, f"a place that may be any of {types} cannot be marked")
        return _scalar(schema, types, path, nullable)

    def _resolved(
        self, written: object, path: str, nullable: bool, refs: tuple[str, ...]
    ) -> tuple[dict[str, Any], bool, tuple[str, ...]]:
        """Write out `$ref`, and `anyOf: [X, null]` as a nullable X."""
        schema: dict[str, Any] = _described(written, path)
        while True:
            if "$ref" in schema:
                name: str = str(schema["$ref"])
                if name in refs:
                    raise _error(path, f"the schema refers to itself through {name!r}")
                if name not in self._definitions:
                    raise _error(path, f"$ref {name!r} names no definition of this schema")
                refs += (name,)
                beside = {k: v for k, v in schema.items() if k != "$ref"}
                schema = {**_described(self._definitions[name], path), **beside}
                continue
            branches = [
                _described(branch, path) for branch in cast("list[object]", schema.get("anyOf", []))
            ]
            real = [branch for branch in branches if branch.get("type") != "null"]
            if len(real) == 1:
                nullable = nullable or len(branches) > 1
                beside = {k: v for k, v in schema.items() if k != "anyOf"}
                schema = {**real[0], **beside}
                continue
            if branches:
                raise _error(path, "anyOf with several shapes cannot be marked")
            return schema, nullable, refs

    def _object(
        self, schema: dict[str, Any], path: str, nullable: bool, refs: tuple[str, ...]
    ) -> Node:
        if schema.get("additionalProperties") not in (None, False):
            raise _error(path, "additionalProperties must be false: a document has fixed keys")
        required = set(cast("list[str]", schema.get("required", [])))
        described = cast("dict[str, object]", schema.get("properties", {}))
        if undescribed := required - set(described):
            raise _error(path, f"required keys without a description: {sorted(undescribed)}")
        properties = {
            key: self.node(
                body, path=f"{path}.{key}".lstrip("."), nullable=key not in required, refs=refs
            )
            for key, body in described.items()
        }
        body = {
            "type": ["object", "null"] if nullable else "object",
            "properties": {key: child.schema for key, child in properties.items()},
            "required": list(properties),
            "additionalProperties": False,
        }
        merge = _merge(schema, path, default="best")
        return Node(path, "object", body, nullable, "exact", merge, properties=properties)

    def _array(
        self, schema: dict[str, Any], path: str, nullable: bool, refs: tuple[str, ...]
    ) -> Node:
        if "items" not in schema:
            raise _error(path, "an array needs 'items'")
        items = self.node(schema["items"], path=f"{path}[]", nullable=False, refs=refs)
        body = {"type": ["array", "null"] if nullable else "array", "items": items.schema}
        body |= {key: schema[key] for key in ("minItems", "maxItems") if key in schema}
        merge = _merge(schema, path, default="concat")
        return Node(path, "array", body, nullable, "exact", merge, items=items)


def _scalar(schema: dict[str, Any], types: list[str], path: str, nullable: bool) -> Node:
    kept = {k: v for k, v in schema.items() if k in _HONOURED and k not in ("anyOf", "type")}
    written = [*types, "null"] if nullable else types
    typed: str | list[str] = written if len(written) > 1 else written[0]
    body: dict[str, Any] = {"type": typed, **kept}
    if nullable and "enum" in body and None not in body["enum"]:
        body["enum"] = [*body["enum"], None]
    if nullable and "const" in body:
        body["enum"] = [body.pop("const"), None]
    normalise = _normaliser(schema, types, path)
    return Node(path, "scalar", body, nullable, normalise, _merge(schema, path, default="best"))


def _types(schema: dict[str, Any], path: str) -> list[str]:
    written = schema.get("type")
    if isinstance(written, str):
        return [written]
    if isinstance(written, list):
        return [str(name) for name in cast("list[Any]", written)]
    if "properties" in schema:
        return ["object"]
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if values is not None:
        return list(dict.fromkeys(_type_name(value) for value in values))
    raise _error(path, "no type", remedy='say "type": "string", "number", "object", …')


def _type_name(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case _:
            return "string"


def _refuse_unhonoured(schema: dict[str, Any], path: str) -> None:
    known = _HONOURED | _NOTES | _OURS
    unknown = [key for key in schema if key not in known and not key.startswith("x-")]
    strange = [key for key in schema if key.startswith("x-") and key not in _OURS]
    if unknown or strange:
        raise _error(
            path,
            f"keywords that the decoder cannot honour: {', '.join(unknown + strange)}",
            remedy=f"use {', '.join(sorted(_HONOURED | _OURS))}, or check it after decoding",
        )
    if schema.get("format") not in (None, *_FORMATS):
        raise _error(path, f"format {schema['format']!r} cannot be honoured by the decoder")


def _merge(schema: dict[str, Any], path: str, default: Merge) -> Merge:
    chosen = schema.get("x-merge", default)
    if chosen not in get_args(Merge):
        raise _error(path, f"x-merge {chosen!r} is none of {', '.join(get_args(Merge))}")
    if chosen == "concat" and default != "concat":
        raise _error(path, "x-merge 'concat' joins arrays; this place is none")
    return cast("Merge", chosen)


def _normaliser(schema: dict[str, Any], types: list[str], path: str) -> Normaliser:
    chosen = schema.get("x-normalise")
    if chosen is not None:
        if chosen not in get_args(Normaliser):
            raise _error(
                path, f"x-normalise {chosen!r} is none of {', '.join(get_args(Normaliser))}"
            )
        return cast("Normaliser", chosen)
    if set(types) <= {"number", "integer"}:
        return "number"
    if schema.get("format") == "date":
        return "date"
    if types == ["string"] and not ({"enum", "const", "pattern"} & set(schema)):
        return "text"
    return "exact"


def _described(schema: object, path: str) -> dict[str, Any]:
    if not isinstance(schema, dict):
        raise _error(
            path, f"the schema {canonical.dumps(schema)} says nothing of its values",
            remedy="describe them: {\"type\": …}",
        )  # fmt: skip
    return cast("dict[str, Any]", schema)


def _error(path: str, message: str, remedy: str | None = None) -> SchemaError:
    return SchemaError(message, where=path or "the root", remedy=remedy)


def _conform(node: Node, value: object, unknown: list[str]) -> object:
    if node.kind == "object" and isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value)
        prefix = f"{node.path}." if node.path else ""
        unknown += [prefix + key for key in members if key not in node.properties]
        return {
            key: _conform(child, members.get(key), unknown)
            for key, child in node.properties.items()
        }
    if node.items is not None and isinstance(value, list):
        return [_conform(node.items, item, unknown) for item in cast("list[object]", value)]
    return value


def _unspeakable(node: Node, value: object) -> Iterator[str]:
    """Numbers spelled as the decoder's grammar could not: `1e5`, `-0`, `3.0` for an integer."""
    if node.kind == "object" and isinstance(value, dict):
        for key, child in node.properties.items():
            yield from _unspeakable(child, cast("dict[str, object]", value)[key])
    elif node.items is not None and isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _unspeakable(node.items, item)
    elif isinstance(value, float):
        spelling = canonical.dumps(value)
        form = _PLAIN_DECIMAL if "number" in node.schema["type"] else _PLAIN_INTEGER
        if not form.fullmatch(spelling):
            kind = "decimal" if form is _PLAIN_DECIMAL else "integer"
            yield f"{node.path}: {spelling} is not written as a plain {kind}"
