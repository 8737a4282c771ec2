"""pydantic's findings in our words, at the line where the value was written."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from pydantic import ValidationError

from sightwright.config.fields import did_you_mean, unknown_key_hint
from sightwright.config.problems import Problem
from sightwright.config.section import FAULTS, REFUSED, Fault
from sightwright.config.tree import Branch, Key, Node, dotted, find, nearest_place, plain, step

Path = tuple[Key, ...]
Finding = Mapping[str, Any]

_KINDS: dict[str, str] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
    "finite_number": "a finite number",
    "none_required": "null",
}

_BOUNDS: dict[str, tuple[str, str]] = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}


# A key of the file's own may look like a number: `²`, or ten thousand digits.
_INDEX = re.compile(r"[0-9]{1,6}").fullmatch


def problems_of(
    error: ValidationError, root: Branch, unknown: Callable[[Path], str] = unknown_key_hint
) -> Iterator[Problem]:
    """One problem for each place that pydantic complains of, in the order of the surface.

    The branches of a union complain one by one; they are joined into one sentence.

    Args:
        unknown: what the reader of an unknown key most likely meant.
    """
    by_path: dict[Path, list[Finding]] = {}
    for raw in error.errors(include_url=False):
        finding = cast(Finding, raw)
        by_path.setdefault(_written_path(root, finding), []).append(finding)
    for path, findings in by_path.items():
        if findings[0]["type"] == FAULTS:
            yield from _fault_problems(path, findings, root)
        else:
            yield _problem(path, findings, root, unknown)


def _written_path(root: Branch, finding: Finding) -> Path:
    """The finding's location without the names of union branches that pydantic puts in it."""
    path: list[Key] = []
    node: Node | None = root
    location: tuple[Key, ...] = finding["loc"]
    for position, key in enumerate(location):
        child = step(node, key) if node is not None else None
        last = position == len(location) - 1
        if child is not None or (last and finding["type"] in ("missing", "extra_forbidden")):
            path.append(key)
            node = child
    if finding["type"] == "union_tag_invalid":
        path.append(_tag_key(finding))
    return tuple(path)


def _tag_key(finding: Finding) -> str:
    """The key that tells the variants of a union apart: `type`, or `name`."""
    return str(finding["ctx"]["discriminator"]).strip("'")


def _fault_problems(path: Path, findings: list[Finding], root: Branch) -> Iterator[Problem]:
    for finding in findings:
        for fault in cast("list[Fault]", finding["ctx"][FAULTS]):
            steps = fault.key.split(".")
            where = (*path, *(int(key) if _INDEX(key) else key for key in steps))
            yield Problem(nearest_place(root, where), dotted(where), fault.text, fault.hint)


def _problem(
    path: Path, findings: list[Finding], root: Branch, unknown: Callable[[Path], str]
) -> Problem:
    place = nearest_place(root, path)
    kinds = {finding["type"] for finding in findings}
    if "extra_forbidden" in kinds:
        # With the variants' names in it, so that only keys of the chosen one are suggested.
        return Problem(place, dotted(path), "unknown key", unknown(findings[0]["loc"]))
    if REFUSED in kinds:
        return Problem(place, dotted(path), findings[0]["msg"], "delete it")
    if "missing" in kinds:
        return Problem(place, dotted(path), "is required")
    node = find(root, path)
    value = None if node is None else plain(node)
    wanted = " or ".join(_wanted(_telling(findings)))
    text = f"must be {wanted}, found {_shown(value)}"
    return Problem(place, dotted(path), text, _hint(value, findings))


def _telling(findings: list[Finding]) -> list[Finding]:
    """The findings that say most: a bound that is missed, before branches of another type."""
    telling = [f for f in findings if f["type"] not in _KINDS and f["type"] != "literal_error"]
    return telling or [f for f in findings if f["type"] != "none_required"] or findings


def _wanted(findings: Iterable[Finding]) -> list[str]:
    return list(dict.fromkeys(_sentence(finding) for finding in findings))


def _sentence(finding: Finding) -> str:
    kind, context = str(finding["type"]), finding.get("ctx", {})
    if kind in _KINDS:
        return _KINDS[kind]
    if kind in _BOUNDS:
        word, key = _BOUNDS[kind]
        return f"{word} {context[key]}"
    match kind:
        case "literal_error":
            return str(context["expected"]).replace("'", "")
        case "union_tag_not_found":
            return f"a mapping with a `{_tag_key(finding)}`"
        case "union_tag_invalid":
            of_type = "of type " if _tag_key(finding) == "type" else ""
            return f"{of_type}{str(context['expected_tags']).replace(chr(39), '')}"
        case "string_pattern_mismatch":
            return f"text like {context['pattern']}"
        case _:
            return f"as follows: {finding['msg']}"


def _hint(value: object, findings: list[Finding]) -> str:
    kinds = {finding["type"] for finding in findings}
    if isinstance(value, str):
        return _text_hint(value, findings, kinds)
    if isinstance(value, bool) and "literal_error" in kinds:
        return "write the word in quotes"
    if isinstance(value, float) and value.is_integer() and kinds & {"int_type", "int_from_float"}:
        return f"write {int(value)}"
    if type(value) in (int, float) and kinds == {"string_type"}:
        return "write it in quotes"
    if value is None:
        return "delete the key for its default"
    return ""


def _text_hint(value: str, findings: list[Finding], kinds: set[str]) -> str:
    if "bool_type" in kinds and value.lower() in ("yes", "on", "no", "off"):
        meant = "true" if value.lower() in ("yes", "on") else "false"
        return f"`{value}` is text in YAML 1.2: write {meant}"
    if "bool_type" in kinds and value.lower() in ("true", "false"):
        return "take off the quotes"
    if kinds & {"int_type", "float_type"} and _is_number(value):
        return "take off the quotes"
    if kinds <= {"tuple_type", "list_type"}:
        return "a list is written [a, b]"
    choices = [f["ctx"]["expected"] for f in findings if f["type"] == "literal_error"]
    choices += [f["ctx"]["expected_tags"] for f in findings if f["type"] == "union_tag_invalid"]
    known = [word.strip("' ") for text in choices for word in text.replace(" or ", ",").split(",")]
    close = did_you_mean(value, known) if known else ""
    return close if close.startswith("did you") else ""


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "null"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
