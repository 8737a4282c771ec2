"""The words for an object: a class name, or the `类别=…,key=value` of the equipment photographs.

    describe("尾纤", (("标签", ("有标签",)),), DOMAINS["rru"], rules).desc   # 类别=尾纤,标签=有标签

A structured value is brought into Unicode's NFKC form and the short spelling of the domain's list;
separators within it become full-width, so that `,`, `=` and `|` mean one thing only. 文本 (what a
label says, its white space removed) and 备注 are free text and stand last.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sightwright.ingest.annotations.found import Attribute
from sightwright.inspection_records import untidy
from sightwright.tasks.domains import (
    CATEGORY,
    DISTANCE,
    FREE_TEXT,
    GROUP,
    NOTE,
    READABILITY,
    TEXT,
    UNREADABLE,
    VALUES,
    Category,
    Domain,
)

TIDIED, SPELLED, FOLDED = "description-tidied", "value-shortened", "folded-into-note"
OCCLUSION, STANDARD = "occlusion-dropped", "label-standardised"
DISTANCE_CUT, READABLE = "distance-to-digits", "readable-dropped"

# The longer spellings of annotation tools, and what the domain's lists have for them.
_SPELLINGS = {
    "显示完整": "完整", "只显示部分": "部分", "显示部分": "部分",
    "符合要求": "符合", "不符合要求": "不符合",
    "无需安装": "免装", "机柜空间充足需要安装": "空间充足需安装",
    "空间充足需要安装": "空间充足需安装",
    "有保护措施": "有保护", "无保护措施": "无保护",
    "弯曲半径合理": "半径合理",
    "弯曲半径不合理(弯曲半径<4cm或者成环)": "半径不合理<4cm或成环",
    "弯曲半径不合理": "半径不合理<4cm或成环",
    "有套管保护": "有套管", "无套管保护": "无套管",
    "无法识别": UNREADABLE, "不能识别": UNREADABLE, "不可识别": UNREADABLE,
}  # fmt: skip
_READABLE = ("可读", "可识别", "可以识别", "能识别")
_NOTHING_READ = ("", "空", "空格", "无", "看不清", "无文字", UNREADABLE, "无法识别", "不能识别")
_FULL_WIDTH = str.maketrans({",": "，", "=": "＝", "|": "｜"})
_OCCLUSION = ("遮挡", "框选范围")
_UNSEEN = re.compile("[\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]")


@dataclass(frozen=True)
class WordRules:
    """
    Attributes:
        attributes: a class name is followed by the source's attributes (other sources than the
            equipment photographs').
        strip_occlusion: words about occlusion and the annotator's frame are dropped.
        sanitize_text: invisible characters are removed, white space is put in order.
        standardize_labels: a 标签 without any text is 可读性=不可读.
    """

    attributes: bool = False
    strip_occlusion: bool = True
    sanitize_text: bool = True
    standardize_labels: bool = True


@dataclass
class Described:
    """An object in words.

    Attributes:
        category: what it counts as in the vocabulary.
        attributes: as they stand in the description; for a class name, as the source has them.
        changes: names of what was done.
        faults: (reason, detail); the description keeps what they speak of.
    """

    desc: str = ""
    category: str = ""
    attributes: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    changes: list[str] = field(default_factory=list[str])
    faults: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


def describe(
    label: str, attributes: Sequence[Attribute], domain: Domain | None, rules: WordRules
) -> Described:
    """Put an object into words.

    Args:
        label: as the source has it.
        domain: of the equipment photographs; None for any other source.
    """
    if domain is None:
        return _named(label, attributes, rules)
    return _Words(domain, rules).of(label, attributes)


def _named(label: str, attributes: Sequence[Attribute], rules: WordRules) -> Described:
    desc = tidied(label)
    made = Described(desc, desc, {key: list(values) for key, values in attributes})
    if rules.attributes:
        pairs = [f"{_value(key)}={'|'.join(map(_value, values))}" for key, values in attributes]
        made.desc = ",".join([desc, *pairs])
    if desc != label:
        made.changes.append(TIDIED)
    if wrong := untidy(made.desc):
        made.faults.append(("untidy", f"{', '.join(wrong)}: {made.desc!r}"))
    return made


def tidied(words: str) -> str:
    """One line, with no space beside a comma or a slash.

    >>> tidied(" table ,  round\\n/ oval ")
    'table,round/oval'
    """
    seen = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in words)
    return re.sub(r" ?([,/]) ?", r"\1", " ".join(_UNSEEN.sub("", seen).split()))


def _value(words: str) -> str:
    """A structured value: NFKC, without white space, its separators full-width."""
    return "".join(unicodedata.normalize("NFKC", words).split()).translate(_FULL_WIDTH)


class _Words:
    def __init__(self, domain: Domain, rules: WordRules) -> None:
        self._domain, self._rules = domain, rules
        self._made = Described()
        self._notes: list[str] = []
        self._text: list[str] = []

    def of(self, label: str, attributes: Sequence[Attribute]) -> Described:
        made = self._made
        pairs = list(self._pairs(self._clean(label)))
        made.category = next((value for key, value in pairs if key == CATEGORY), "")
        known = self._domain.category(made.category)
        if known is None:
            named = f"{made.category!r} is none of {', '.join(self._domain.category_names)}"
            self._fault("unknown-category", named)
        category = known or Category(made.category)
        given = [(key, (value,)) for key, value in pairs if key != CATEGORY]
        for key, values in [*given, *attributes]:
            for value in values:
                self._take(self._key(key, value, category), self._clean(value), category)
        self._finish(category)
        return made

    def _clean(self, words: str) -> str:
        if not self._rules.sanitize_text:
            return words
        clean = tidied(words)
        if clean != words:
            self._changed(TIDIED)
        return clean

    def _pairs(self, label: str) -> Iterator[tuple[str, str]]:
        """A label taken apart: `类别=a,品牌=b`, `a/b,c/d` or `a`; a key of "" is to be found."""
        if label.startswith(f"{CATEGORY}="):
            yield from self._key_values(label)
            return
        name, _, rest = label.partition("/")
        name, *more = name.split(",")
        yield CATEGORY, _value(name)
        if _value(name) == "标签" and rest:
            # What a label says may hold anything.
            yield TEXT, rest
            return
        yield from (("", token) for token in [*more, *re.split("[/,]", rest)] if token.strip())

    def _key_values(self, label: str) -> Iterator[tuple[str, str]]:
        free = ""
        for token in label.split(","):
            key, is_pair, value = token.partition("=")
            key = unicodedata.normalize("NFKC", key).strip()
            if free and not (is_pair and key in FREE_TEXT):
                # A comma within free text.
                yield free, f",{token}"
            elif is_pair:
                free = key if key in FREE_TEXT else ""
                yield from self._values(key, value)
            elif token.strip():
                yield "", token

    def _values(self, key: str, value: str) -> Iterator[tuple[str, str]]:
        if key in FREE_TEXT:
            yield key, value
        else:
            yield from ((key, _value(one)) for one in value.split("|"))

    def _key(self, key: str, value: str, category: Category) -> str:
        """The attribute that a value without one belongs to: by the closed lists, else the note."""
        key = unicodedata.normalize("NFKC", key).strip()
        if key:
            return key
        short = self._spelled(_value(value))
        owners = [each for each in category.attributes if short in VALUES.get(each, ())]
        if owners:
            return owners[0]
        self._changed(FOLDED)
        return NOTE

    def _take(self, key: str, value: str, category: Category) -> None:
        if self._rules.strip_occlusion and any(word in value for word in _OCCLUSION):
            self._changed(OCCLUSION)
            return
        match key:
            case _ if key == TEXT:
                said = "".join(value.split())
                if said != value:
                    self._changed(TIDIED)
                # A label and its attribute may both say it.
                self._text += [said] if said.startswith(",") or said not in self._text else []
            case _ if key == NOTE:
                self._notes.append(value)
            case _ if key == DISTANCE:
                self._distance(value)
            case _ if key == READABILITY and _value(value) in _READABLE:
                self._changed(READABLE)
            case _:
                self._structured(key, value)
        if key not in (*category.attributes, GROUP):
            self._fault("unknown-attribute", f"{key!r} is no attribute of {category.name!r}")

    def _structured(self, key: str, value: str) -> None:
        plain = "".join(unicodedata.normalize("NFKC", value).split())
        short = self._spelled(plain)
        if short != plain:
            self._changed(SPELLED)
        short = short.translate(_FULL_WIDTH)
        values = self._made.attributes.setdefault(key, [])
        if short and short not in values:
            values.append(short)
        if key in VALUES and short not in VALUES[key]:
            self._fault("unknown-value", f"{key}={short}, none of {', '.join(VALUES[key])}")

    def _spelled(self, value: str) -> str:
        return _SPELLINGS.get(value, value)

    def _distance(self, value: str) -> None:
        found = re.search(r"\d+", unicodedata.normalize("NFKC", value))
        if found is None:
            self._fault("no-distance", f"{DISTANCE} is {value!r}, without a number")
            return
        if found[0] != value:
            self._changed(DISTANCE_CUT)
        distances = self._made.attributes.setdefault(DISTANCE, [])
        distances += [found[0]] if found[0] not in distances else []

    def _finish(self, category: Category) -> None:
        attributes = self._made.attributes
        if GROUP in attributes and not self._domain.has_groups:
            self._fault("group", f"{self._domain.token} has no groups")
            del attributes[GROUP]
        if TEXT in category.attributes:
            self._label_text()
        elif self._text:
            attributes[TEXT] = ["".join(self._text)]
        if notes := [note for note in self._notes if note.strip()]:
            attributes[NOTE] = [tidied("".join(_joined(notes)))]
        for key, values in attributes.items():
            if (key in VALUES or key == DISTANCE) and len(values) > 1:
                self._fault("contradiction", f"{key} cannot be {' and '.join(values)} at once")
        self._made.desc = ",".join(_written(category, attributes))
        if wrong := untidy(self._made.desc):
            self._fault("untidy", f"{', '.join(wrong)}: {self._made.desc!r}")

    def _label_text(self) -> None:
        attributes, said = self._made.attributes, "".join(self._text)
        nothing = said in _NOTHING_READ
        if said and not nothing:
            attributes[TEXT] = [said]
            if attributes.pop(READABILITY, None):
                self._fault("unknown-value", f"{TEXT}={said}, and yet {UNREADABLE}")
        elif nothing and self._rules.standardize_labels:
            if attributes.get(READABILITY) != [UNREADABLE]:
                self._changed(STANDARD)
            attributes[READABILITY] = [UNREADABLE]
        elif said:
            attributes[TEXT] = [said]

    def _changed(self, name: str) -> None:
        if name not in self._made.changes:
            self._made.changes.append(name)

    def _fault(self, reason: str, detail: str) -> None:
        if (reason, detail) not in self._made.faults:
            self._made.faults.append((reason, detail))


def _joined(notes: Sequence[str]) -> Iterator[str]:
    """Notes one after another; one that begins with a comma goes on with the last."""
    for index, note in enumerate(notes):
        yield note if not index or note.startswith(",") else f"，{note}"


def _written(category: Category, attributes: dict[str, list[str]]) -> Iterator[str]:
    yield f"{CATEGORY}={category.name}"
    first = [key for key in category.attributes if key not in FREE_TEXT]
    others = [key for key in attributes if key not in (*first, GROUP, *FREE_TEXT)]
    for key in (*first, *others, GROUP, *FREE_TEXT):
        if values := attributes.get(key):
            yield f"{key}={'|'.join(values)}"


def with_groups(desc: str, groups: Sequence[str]) -> str:
    """A description with these in the place of its 组."""
    written = f",{GROUP}={'|'.join(groups)}" if groups else ""
    return re.sub(f",{GROUP}=[^,]*", lambda _: written, desc, count=1)
