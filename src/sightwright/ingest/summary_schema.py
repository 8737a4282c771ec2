"""What the summary of a BBU or RRU photograph may hold: as a JSON Schema, and checked.

    {"dataset": "BBU", "objects_total": 3, "统计": [{"类别": "标签", "文本": {"5G": 2}}, …]}

The schema is made from the vocabulary of `tasks.domains`, so it says the categories; which
attributes an object has is left open, as descriptions leave it.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from sightwright import canonical
from sightwright.metrics.summary import DATASET, GROUP_COUNTS, OBJECTS_TOTAL, STATISTICS
from sightwright.tasks.domains import CATEGORY, DOMAINS, NOTE, Domain, DomainName, domain_of_token

if TYPE_CHECKING:
    import jsonschema_rs

FILES: dict[DomainName, str] = {name: f"{name}_summary.schema.json" for name in DOMAINS}

_COUNTS = {
    "type": "object",
    "description": "How many objects have each value.",
    "minProperties": 1,
    "additionalProperties": {"type": "integer", "minimum": 1},
}
# So many faults of one summary are told.
_MOST_TOLD = 3


def summary_schema(domain: Domain) -> dict[str, Any]:
    """Draft 2020-12. That each category has one entry, and their order, is left to `data
    validate`."""
    entry = {
        "type": "object",
        "description": "A category, and for each attribute that was seen its values, counted.",
        "properties": {CATEGORY: {"enum": list(domain.category_names)}},
        "required": [CATEGORY],
        "additionalProperties": {"$ref": "#/$defs/counts"},
    }
    properties: dict[str, Any] = {
        DATASET: {"const": domain.token},
        OBJECTS_TOTAL: {"type": "integer", "minimum": 1},
        STATISTICS: {"type": "array", "minItems": 1, "items": entry},
    }
    if domain.has_notes:
        note = {"type": "string", "minLength": 1}
        properties[NOTE] = {"type": "array", "minItems": 1, "uniqueItems": True, "items": note}
    if domain.has_groups:
        properties[GROUP_COUNTS] = {
            "$ref": "#/$defs/counts",
            "description": "How many objects each group has.",
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"The summary of a photograph of {domain.token} equipment",
        "type": "object",
        "properties": properties,
        "required": [DATASET, OBJECTS_TOTAL, STATISTICS],
        "additionalProperties": False,
        "$defs": {"counts": _COUNTS},
    }


def summary_problems(text: str) -> list[str]:
    """What is wrong with a record's summary, each as a phrase, where it is one of BBU or RRU.

    Any other text may be a summary too; but one that begins as JSON must be JSON, and the header
    line of an answer is no part of it.
    """
    if text.startswith("<DOMAIN="):
        return ["the summary begins with the header line of an answer, which training writes"]
    if not text.startswith("{"):
        return []
    try:
        value = canonical.loads(text)
    except ValueError as error:
        return [f"the summary begins as JSON and is none: {error}"]
    dataset = value.get(DATASET)
    domain = domain_of_token(dataset) if isinstance(dataset, str) else None
    if domain is None:
        return []
    return [f"the summary: {why}" for why in _problems(cast("dict[str, Any]", value), domain)]


def _problems(value: dict[str, Any], domain: Domain) -> list[str]:
    if "异常" in value:
        return ["异常 is of older data, and in no answer any more; build the summary anew"]
    errors = list(_validator(domain.name).iter_errors(value))
    found = [_told(error) for error in errors[:_MOST_TOLD]]
    if len(errors) > _MOST_TOLD:
        found.append(f"and {len(errors) - _MOST_TOLD} more faults")
    if found:
        return found
    return list(_out_of_order(value[STATISTICS]))


def _out_of_order(entries: list[dict[str, Any]]) -> Iterator[str]:
    """What `build_summary` would have written otherwise: one spelling is learnt."""
    names = [entry[CATEGORY] for entry in entries]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        yield f"{', '.join(twice)} in two entries of {STATISTICS}"
    elif names != sorted(names):
        yield f"the entries of {STATISTICS} are not in the order of their categories"
    for entry in entries:
        keys = [key for key in entry if key != CATEGORY]
        if keys != sorted(keys) or next(iter(entry)) != CATEGORY:
            yield f"{entry[CATEGORY]}: its keys are {CATEGORY} and then the others, sorted"


def _told(error: "jsonschema_rs.ValidationError") -> str:
    place = ".".join(str(part) for part in error.instance_path)
    return f"{place}: {error.message}" if place else error.message


@cache
def _validator(name: DomainName) -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(summary_schema(DOMAINS[name]))
