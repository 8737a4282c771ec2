"""The summary of one photograph, marked: its form, its totals, its facts.

An answer is a header line and one line of JSON, or the one line 无关图片 for a picture that shows
no installation:

    <DOMAIN=BBU>, <TASK=SUMMARY>
    {"dataset": "BBU", "objects_total": 3, "统计": [{"类别": "标签", "文本": {"5G": 2}}, …]}

| function | of a picture of an installation | of an irrelevant one |
|---|---|---|
| `summary_format` | 1: two lines, a header, `}` at the end | 1: exactly 无关图片 |
| `summary_header` | 1: the header of this domain | -1 if there is any header, else 0 |
| `summary_parse` | -1: no second line, or it is no JSON object; else 0 | 0 |
| `summary_no_dup_keys` | -1: a key stands twice in an object; else 0 | 0 |
| `summary_dataset` | 1: `dataset` is the domain | 0 |
| `summary_objects_total` | 1 / (1 + how far it is off) | 0 |
| `summary_content_f1` | F1 of the counted facts | 0 |
| `summary_content` | 1: equal but for the order of entries | 0 |

Every one of them gives a number for any text. Those of the content need the form; 备注 in an RRU
summary and 分组统计 in a BBU one make the content worthless. JSON is read as strictly as labels
are: a key that stands twice, NaN, or anything after the last brace is no JSON.

Pure: no task, no model.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from sightwright import canonical
from sightwright.metrics.descriptions import CATEGORY, NOTE, TEXT
from sightwright.metrics.fields import Counts
from sightwright.metrics.header import DEFAULT_FORMAT, header_line, read_header

IRRELEVANT = "无关图片"
STATISTICS = "统计"
GROUP_COUNTS = "分组统计"
DATASET, OBJECTS_TOTAL = "dataset", "objects_total"

# Of older data; says nothing about the content.
_ANOMALY = "异常"
_AS_DIGITS = ("站点距离", "组")
_BANNED = {"BBU": GROUP_COUNTS, "RRU": NOTE}
_END_TOKENS = re.compile(r"<\|(?:endoftext|im_end|eot_id)\|>")
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_ANY_HEADER = re.compile(r"<\s*(?:DOMAIN|TASK)\s*=", re.IGNORECASE)
# Longer ones count nothing that fits into a picture.
_MAX_DIGITS = 18
_MAX_DEPTH = 20

Fact = tuple[str, ...]
"""`("统计", category, attribute, value)`, `("备注", text)` or `("分组统计", group)`."""


@dataclass(frozen=True)
class SummaryGold:
    """What an answer is marked by.

    Attributes:
        token: BBU or RRU; None where the domain is not known.
        summary: the label's JSON; None for an irrelevant picture, or where there is none to
            compare with.
        irrelevant: the answer wanted is 无关图片 alone.
        header_format: of the first line; None where answers have none and the JSON stands alone.
    """

    token: str | None
    summary: Mapping[str, Any] | None
    irrelevant: bool = False
    header_format: str | None = DEFAULT_FORMAT

    @property
    def num_lines(self) -> int:
        return 1 if self.header_format is None else 2


@dataclass(frozen=True)
class SummaryAnswer:
    """An answer as read.

    Attributes:
        lines: without the tokens that end a text, and without white space at their ends.
        well_formed: as many lines as there are to be, a header in the first, `}` at the end.
        value: the JSON object of its line; None when `error` says why it is none.
    """

    lines: tuple[str, ...]
    well_formed: bool
    value: dict[str, Any] | None
    error: str | None = None

    @property
    def content(self) -> dict[str, Any] | None:
        """The JSON of a well-formed answer; of any other nothing counts."""
        return self.value if self.well_formed else None


def read_answer(text: str, gold: SummaryGold) -> SummaryAnswer:
    """Split an answer into its header and its JSON. Nothing is repaired."""
    lines = text_lines(text)
    well_formed = len(lines) == gold.num_lines and lines[-1].endswith("}")
    if gold.header_format is not None and well_formed:
        well_formed = read_header(lines[0], gold.header_format.strip()) is not None
    if len(lines) < gold.num_lines:
        return SummaryAnswer(lines, False, None, f"{len(lines)} of {gold.num_lines} lines")
    try:
        value = canonical.loads(lines[gold.num_lines - 1])
    except ValueError as error:
        return SummaryAnswer(lines, well_formed, None, f"not JSON: {error}")
    if not isinstance(value, dict):
        return SummaryAnswer(lines, well_formed, None, "JSON, but not an object")
    if _is_too_deep(cast("object", value)):
        return SummaryAnswer(lines, well_formed, None, "JSON, but nested too deep")
    return SummaryAnswer(lines, well_formed, cast("dict[str, Any]", value))


def _is_too_deep(value: object) -> bool:
    """Whether it is nested beyond what a summary can be, so that it may be walked through."""
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [child for each in level for child in _children(each)]
        if not level:
            return False
    return True


def _children(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return list(cast("Mapping[str, object]", value).values())
    return cast("list[object]", value) if isinstance(value, list) else []


def text_lines(text: str) -> tuple[str, ...]:
    """The lines of an answer, stripped; an empty text has none."""
    whole = _END_TOKENS.sub("", text).strip()
    return tuple(line.strip() for line in _LINE_BREAK.split(whole)) if whole else ()


# One number each, for any text


def summary_format(text: str, gold: SummaryGold) -> float:
    """Whether the answer has its form: 1 or 0."""
    if gold.irrelevant:
        return float(text_lines(text) == (IRRELEVANT,))
    return float(read_answer(text, gold).well_formed)


def summary_header(text: str, gold: SummaryGold) -> float:
    """1 for the header of the domain, else 0; -1 for any header on an irrelevant picture."""
    lines = text_lines(text)
    if gold.irrelevant:
        return -1.0 if any(_has_header(line, gold.header_format) for line in lines) else 0.0
    if gold.token is None or gold.header_format is None or not lines:
        return 0.0
    return float(lines[0] == header_line(gold.header_format.strip(), gold.token, "SUMMARY"))


def _has_header(line: str, header_format: str | None) -> bool:
    if _ANY_HEADER.search(line):
        return True
    return header_format is not None and read_header(line, header_format.strip()) is not None


def summary_parse(text: str, gold: SummaryGold) -> float:
    """-1 where the line of the JSON is missing or holds no JSON object; else 0."""
    if gold.irrelevant:
        return 0.0
    return -1.0 if read_answer(text, gold).value is None else 0.0


def summary_no_dup_keys(text: str, gold: SummaryGold) -> float:
    """-1 where an object of the JSON names a key twice, at any depth; else 0."""
    lines = text_lines(text)
    if gold.irrelevant or len(lines) < gold.num_lines:
        return 0.0
    try:
        canonical.loads(lines[gold.num_lines - 1])
    except canonical.DuplicateKeyError:
        return -1.0
    except ValueError:
        return 0.0
    return 0.0


def summary_dataset(text: str, gold: SummaryGold) -> float:
    """1 where `dataset` names the domain, in any case of its letters; else 0."""
    content = None if gold.irrelevant else read_answer(text, gold).content
    return float(content is not None and has_dataset(content, gold.token))


def summary_objects_total(text: str, gold: SummaryGold) -> float:
    """1 / (1 + |answer - label|); 0 for what is no whole number."""
    content = None if gold.irrelevant else read_answer(text, gold).content
    if content is None or gold.summary is None:
        return 0.0
    return total_score(content, gold.summary)


def summary_content_f1(text: str, gold: SummaryGold) -> float:
    """F1 over the `facts` of the answer and of the label, as often as each is counted."""
    content = None if gold.irrelevant else read_answer(text, gold).content
    if content is None or gold.summary is None or is_banned(content, gold.token):
        return 0.0
    return overlap(facts(gold.summary), facts(content)).f1


def summary_content(text: str, gold: SummaryGold) -> float:
    """1 where answer and label are equal but for the order of keys and of entries; else 0."""
    content = None if gold.irrelevant else read_answer(text, gold).content
    if content is None or gold.summary is None or is_banned(content, gold.token):
        return 0.0
    return float(same_content(content, gold.summary))


# The content


def has_dataset(summary: Mapping[str, Any], token: str | None) -> bool:
    """Whether a summary says that it is of this domain."""
    said = summary.get(DATASET)
    return token is not None and isinstance(said, str) and said.strip().upper() == token


def is_banned(summary: Mapping[str, Any], token: str | None) -> bool:
    """Whether a summary has the part that belongs to the other domain alone."""
    return token in _BANNED and _BANNED[token] in summary


def total_score(summary: Mapping[str, Any], gold: Mapping[str, Any]) -> float:
    """1 / (1 + how far `objects_total` is off); 0 where one of the two is no whole number."""
    said, wanted = whole_number(summary.get(OBJECTS_TOTAL)), whole_number(gold.get(OBJECTS_TOTAL))
    return 0.0 if said is None or wanted is None else 1 / (1 + abs(said - wanted))


def same_content(summary: Mapping[str, Any], gold: Mapping[str, Any]) -> bool:
    """Equal but for the order of keys, of 统计 and of 备注, and for 异常."""
    return _ordered(summary) == _ordered(gold)


def overlap(gold: Counter[Fact], answer: Counter[Fact]) -> Counts:
    """What the two have in common, what the answer has more, and what it lacks."""
    shared = (gold & answer).total()
    return Counts(tp=shared, fp=answer.total() - shared, fn=gold.total() - shared)


def facts(summary: Mapping[str, Any]) -> Counter[Fact]:
    """What a summary states, each fact as often as it is counted.

    | in the summary | fact | times |
    |---|---|---|
    | `"备注": ["未贴 标签"]` | 备注, 未贴标签 | 1, however often it stands there |
    | `"分组统计": {"1": 2}` | 分组统计, 1 | 2 |
    | `{"类别": "标签", "文本": {"5 G": 2}}` | 统计, 标签, 文本, 5G | 2 |
    | `{"类别": "站点距离", "站点距离": "51米"}` | 统计, 站点距离, 站点距离, 51 | 1 |

    A fact that stands in several places is added up; what is not a count above zero is none.
    """
    found: Counter[Fact] = Counter(dict.fromkeys(_notes(summary.get(NOTE)), 1))
    for group, count in _counted(summary.get(GROUP_COUNTS)):
        found[(GROUP_COUNTS, _digits(group))] += count
    for entry in _list(summary.get(STATISTICS)):
        if not isinstance(entry, Mapping):
            continue
        values = cast("Mapping[str, object]", entry)
        category = _spelled(values.get(CATEGORY, ""))
        for attribute, value in values.items():
            if attribute in (CATEGORY, _ANOMALY):
                continue
            for said, count in _counted(value):
                found[(STATISTICS, category, attribute, _value_of(attribute, said))] += count
    return found


def _notes(value: object) -> Iterator[Fact]:
    for note in _list(value):
        if text := _without_space(_spelled(note)):
            yield NOTE, text


def _counted(value: object) -> Iterator[tuple[str, int]]:
    """Values with their counts: of a mapping its own, of a list or a scalar 1 each."""
    if isinstance(value, Mapping):
        for said, raw in cast("Mapping[str, object]", value).items():
            count = whole_number(raw)
            if count is not None and count > 0:
                yield said, count
        return
    for said in _list(value):
        if not isinstance(said, Mapping | list):
            yield _spelled(said), 1


def _list(value: object) -> list[object]:
    """A list as it is, nothing for null, a scalar as the one entry of a list."""
    if value is None:
        return []
    return cast("list[object]", value) if isinstance(value, list) else [value]


def _value_of(attribute: str, said: str) -> str:
    if attribute == TEXT:
        return _without_space(said)
    return _digits(said) if attribute in _AS_DIGITS else said


def _digits(text: str) -> str:
    """`051米` is 51; a text without a digit stays itself."""
    digits = "".join(c for c in text if c in "0123456789")
    return digits.lstrip("0") or "0" if digits else text


def _without_space(text: str) -> str:
    return "".join(text.split())


def _spelled(value: object) -> str:
    return value if isinstance(value, str) else canonical.dumps(value)


def whole_number(value: object) -> int | None:
    """An int, or a string of digits; None for anything else, true and 3.0 included."""
    if isinstance(value, str):
        is_number = value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS
        return int(value) if is_number else None
    return value if type(value) is int and abs(value) < 10**_MAX_DIGITS else None


def _ordered(value: object) -> str:
    """One spelling of a summary, whatever the order of its keys and entries."""
    return canonical.dumps(_sorted(value))


def _sorted(value: object, key: str = "") -> object:
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value)
        return {k: _sorted(members[k], k) for k in sorted(members) if k != _ANOMALY}
    if isinstance(value, list):
        entries = [_sorted(entry) for entry in cast("list[object]", value)]
        return sorted(entries, key=canonical.dumps) if key in (STATISTICS, NOTE) else entries
    return value
