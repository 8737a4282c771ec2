"""JSON Schema itself, by jsonschema-rs: what is one, and what is wrong with a value, in words."""

from typing import Any, cast

from sightwright.errors import SchemaError

_SHOWN_CHARACTERS = 200


def check_schema(schema: dict[str, Any]) -> None:
    """Check a schema against draft 2020-12.

    Raises:
        SchemaError: it is none, with the place.
    """
    import jsonschema_rs

    # By the draft that we speak, whatever `$schema` names: an address there would be fetched, and
    # schemas come from strangers too.
    own = {key: value for key, value in schema.items() if key != "$schema"}
    try:
        jsonschema_rs.meta.validate(own)
    except jsonschema_rs.ValidationError as error:
        place = _dotted(error.instance_path) or None
        why = f"not a JSON Schema: {_shortened(error.message)}"
        raise SchemaError(why, where=place) from None


def plain(value: object) -> object:
    """The same value with ordinary floats: validators are strict about types."""
    match value:
        case dict():
            return {k: plain(v) for k, v in cast("dict[str, object]", value).items()}
        case list():
            return [plain(v) for v in cast("list[object]", value)]
        case float():
            return float(value)
        case _:
            return value


def describe(error: Any) -> str:
    """A validator's error on one line: `lines[0].price: "x" is not of type "number"`."""
    return f"{_dotted(error.instance_path) or 'the document'}: {_shortened(error.message)}"


def _shortened(message: str) -> str:
    """What is wrong stands at the end of a message, behind the value, which may be a whole page."""
    if len(message) <= 2 * _SHOWN_CHARACTERS:
        return message
    return f"{message[:_SHOWN_CHARACTERS]}…{message[-_SHOWN_CHARACTERS:]}"


def _dotted(path: list[Any]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".")
