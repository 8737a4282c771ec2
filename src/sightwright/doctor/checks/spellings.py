"""Names that differ only in case, width, spaces or punctuation."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from sightwright.doctor.corpus import Corpus
from sightwright.doctor.finding import Finding, Subject
from sightwright.doctor.page_text import squeezed


def check_spellings(corpus: Corpus) -> Iterator[Finding]:
    """Classes, attributes' keys and their values, one finding for each name that has two forms."""
    classes: Counter[tuple[str, ...]] = Counter()
    for (_, label), count in corpus.classes.items():
        classes[("class", label)] += count
    keys: Counter[tuple[str, ...]] = Counter()
    values: Counter[tuple[str, ...]] = Counter()
    for (_, label, key, value), count in corpus.attributes.items():
        keys[("attribute", key)] += count
        values[("attribute", label, key, value)] += count
    yield from _twice(corpus, classes)
    yield from _twice(corpus, keys)
    yield from _twice(corpus, values)


def _twice(corpus: Corpus, names: Counter[tuple[str, ...]]) -> Iterator[Finding]:
    first = _firsts(corpus)
    forms: defaultdict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    for name in names:
        forms[(*name[:-1], squeezed(name[-1]) or name[-1])].append(name)
    found = [sorted(same, key=lambda name: (-names[name], name)) for same in forms.values()]
    for same in sorted(same for same in found if len(same) > 1):
        spelled = ", ".join(f"{name[-1]!r} ({names[name]})" for name in same)
        kind = "class" if same[0][0] == "class" else "attribute " + " ".join(same[0][1:-1])
        yield corpus.finding(
            "spellings", "warning", f"{kind.strip()} in {len(same)} spellings: {spelled}",
            f"write {same[0][-1]!r} everywhere", Subject(first[same[-1]]),
        )  # fmt: skip


def _firsts(corpus: Corpus) -> dict[tuple[str, ...], int]:
    """The first record with each name; of an attribute's key, with any value of it."""
    first = dict(corpus.first)
    for name, record in corpus.first.items():
        if name[0] == "attribute":
            first.setdefault((name[0], name[2]), record)
    return first
