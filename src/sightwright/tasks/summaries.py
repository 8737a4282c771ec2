"""The summary of a photograph, counted from its objects.

    build_summary("bbu", objects)
    {"dataset": "BBU", "objects_total": 3,
     "统计": [{"类别": "标签", "文本": {"5G": 2}}, {"类别": "电线", "捆扎": {"整齐": 1}}],
     "备注": ["未贴标签"]}

Only what occurs is written: categories, attributes and values in the order of their characters. The
several values of one attribute are counted each. Notes (BBU) are gathered once each, in the order
of the objects; groups (RRU) are counted beside the categories too.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sightwright import canonical
from sightwright.errors import DataError
from sightwright.inspection_records import DenseObject
from sightwright.metrics.descriptions import Description, read_description
from sightwright.metrics.summary import (
    DATASET,
    GROUP_COUNTS,
    IRRELEVANT,
    OBJECTS_TOTAL,
    STATISTICS,
)
from sightwright.tasks.domains import CATEGORY, DOMAINS, GROUP, NOTE, VALUES, Domain, DomainName

_MIN_MEMBERS = 2


def build_summary(domain: DomainName, objects: Sequence[DenseObject]) -> dict[str, Any]:
    """The JSON value of the summary of these objects.

    Raises:
        DataError: no objects; a description that is empty, names no category of the domain, says
            two things that exclude each other, or holds what the domain does not have (a note, a
            group); a group of one. Every object at fault is named by its number, from 1.
    """
    family = DOMAINS[domain]
    if not objects:
        raise DataError(
            "a summary needs objects", remedy=f"an irrelevant picture has the summary {IRRELEVANT}"
        )
    read = [read_description(each.desc) for each in objects]
    problems = [
        f"object {number} ({objects[number - 1].desc!r}): {wrong}"
        for number, description in enumerate(read, start=1)
        if (wrong := _wrong_with(description, family))
    ]
    groups = Counter(group for each in read for group in each.attributes.get(GROUP, ()))
    problems += [
        f"{GROUP}={group} has one member, and needs {_MIN_MEMBERS}"
        for group, count in sorted(groups.items())
        if count < _MIN_MEMBERS and family.has_groups
    ]
    if problems:
        raise DataError(f"no {family.token} summary: {'; '.join(problems)}")
    summary: dict[str, Any] = {
        DATASET: family.token,
        OBJECTS_TOTAL: len(objects),
        STATISTICS: _statistics(read),
    }
    if notes := list(dict.fromkeys(note for each in read for note in _notes(each))):
        summary[NOTE] = notes
    if groups:
        summary[GROUP_COUNTS] = dict(sorted(groups.items()))
    return summary


def summary_text(summary: dict[str, Any]) -> str:
    """A summary as records and answers hold it: one line, a space after commas and colons."""
    return canonical.dumps(summary, "spaced")


def _wrong_with(description: Description, family: Domain) -> str:
    if not description.label:
        return f"names no {CATEGORY}"
    if description.style != "pairs":
        return f"is not {CATEGORY}=…,key=value"
    if CATEGORY in description.attributes:
        return f"names more than one {CATEGORY}"
    if family.category(description.label) is None:
        return f"{family.token} has no {CATEGORY} {description.label!r}"
    if GROUP in description.attributes and not family.has_groups:
        return f"{family.token} has no {GROUP}"
    if NOTE in description.attributes and not family.has_notes:
        return f"{family.token} has no {NOTE}"
    for key, values in VALUES.items():
        said = description.attributes.get(key, frozenset()).intersection(values)
        if len(said) > 1:
            return f"{key} cannot be {' and '.join(sorted(said))} at once"
    return ""


def _statistics(read: Sequence[Description]) -> list[dict[str, Any]]:
    counts: dict[str, dict[str, Counter[str]]] = {}
    for description in read:
        of_category = counts.setdefault(description.label, {})
        for key, values in description.attributes.items():
            if key != NOTE:
                of_category.setdefault(key, Counter()).update(values)
    return [
        {CATEGORY: category}
        | {key: dict(sorted(counted.items())) for key, counted in sorted(attributes.items())}
        for category, attributes in sorted(counts.items())
    ]


def _notes(description: Description) -> list[str]:
    return sorted(description.attributes.get(NOTE, ()))
