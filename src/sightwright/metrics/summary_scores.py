"""One summary marked whole, and many of them put together."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sightwright.metrics.bootstrap import Interval, intervals
from sightwright.metrics.fields import Counts, f1_of
from sightwright.metrics.shares import Share
from sightwright.metrics.summary import (
    IRRELEVANT,
    Fact,
    SummaryGold,
    facts,
    has_dataset,
    is_banned,
    overlap,
    read_answer,
    same_content,
    summary_format,
    summary_header,
    text_lines,
    total_score,
)


@dataclass(frozen=True)
class FactDifference:
    """A fact that label and answer count differently; 0 where one of them lacks it."""

    fact: Fact
    gold: int
    answer: int


@dataclass(frozen=True)
class SummaryMark:
    """How one answer scored.

    Attributes:
        irrelevant: the label is 无关图片; then only `well_formed` and `exact` say anything.
        says_irrelevant: the answer is 无关图片 alone.
        well_formed: it has its form.
        header: its first line is right; None where answers have no such line.
        valid_json: its JSON could be read.
        dataset: its `dataset` is right.
        objects_total: 1 / (1 + how far the total is off).
        facts: those of label and answer in common, too many, and missing.
        per_attribute: the same, by category and attribute: `标签.文本`; `备注`; `分组统计`.
        content: its content is the label's.
        exact: header and content are right; of an irrelevant picture, it says so.
        cut: generation ended at the output limit, so the answer was not taken.
        error: why no content was taken; "" where it was.
        differences: the facts that are counted differently, in their order.
    """

    irrelevant: bool
    says_irrelevant: bool
    well_formed: bool
    header: bool | None
    valid_json: bool
    dataset: bool
    objects_total: float
    facts: Counts
    per_attribute: dict[str, Counts]
    content: bool
    exact: bool
    cut: bool
    error: str
    differences: tuple[FactDifference, ...]

    @property
    def f1(self) -> float:
        """Over the facts; of an irrelevant picture, whether it was called so."""
        return float(self.exact) if self.irrelevant else self.facts.f1 if self.taken else 0.0

    @property
    def taken(self) -> bool:
        """Whether the answer's content counts at all."""
        return not self.error


@dataclass(frozen=True)
class SummaryScores:
    """Scores over photographs. A share of none has no value.

    Attributes:
        exact, well_formed: of all.
        header, valid_json, dataset, objects_total, content_f1, content: of the pictures of an
            installation; `content_f1` and `objects_total` are means.
        irrelevant: of the irrelevant pictures, those that were called so.
        wrongly_irrelevant: of the pictures of an installation, those that were called irrelevant.
        facts: of the pictures of an installation, all facts together.
        per_attribute: the same by category and attribute, in the order of their names.
        cut: how many answers hit the output limit.
        intervals: 95 % over resampled photographs, of `fact_f1`, `content_f1`, `exact`.
    """

    num_records: int
    exact: Share
    well_formed: Share
    header: Share
    valid_json: Share
    dataset: Share
    objects_total: Share
    content_f1: Share
    content: Share
    irrelevant: Share
    wrongly_irrelevant: Share
    facts: Counts
    per_attribute: dict[str, Counts]
    cut: int
    intervals: dict[str, Interval]

    @property
    def fact_f1(self) -> float | None:
        """Over all facts together; the mean of the pictures where neither labels nor answers state
        one, and None where there is no picture of an installation."""
        return self.facts.f1 if self.facts.occurs else self.content_f1.value


def mark_summary(gold: SummaryGold, text: str, *, cut: bool) -> SummaryMark:
    """Mark one answer; one that was cut counts as none, even if it is JSON by luck."""
    text = "" if cut else text
    answer = read_answer(text, gold)
    says_irrelevant = text_lines(text) == (IRRELEVANT,)
    error = _why_not_taken(gold, text, cut)
    taken = None if error or gold.irrelevant else answer.content
    wanted, found = facts(gold.summary or {}), facts(taken or {})
    header = None if gold.header_format is None else summary_header(text, gold) == 1
    content = taken is not None and same_content(taken, gold.summary or {})
    different = sorted(fact for fact in wanted | found if wanted[fact] != found[fact])
    return SummaryMark(
        irrelevant=gold.irrelevant,
        says_irrelevant=says_irrelevant,
        well_formed=summary_format(text, gold) == 1,
        header=header,
        valid_json=answer.value is not None,
        dataset=taken is not None and has_dataset(taken, gold.token),
        objects_total=0.0 if taken is None else total_score(taken, gold.summary or {}),
        facts=overlap(wanted, found),
        per_attribute=_by_attribute(wanted, found),
        content=content,
        exact=says_irrelevant if gold.irrelevant else content and header is not False,
        cut=cut,
        error=error,
        differences=tuple(FactDifference(f, wanted[f], found[f]) for f in different),
    )


def _why_not_taken(gold: SummaryGold, text: str, cut: bool) -> str:
    if cut:
        return "cut by the output limit"
    says_irrelevant = text_lines(text) == (IRRELEVANT,)
    if gold.irrelevant:
        return "" if says_irrelevant else "an irrelevant picture was not called so"
    if says_irrelevant:
        return "called an irrelevant picture"
    answer = read_answer(text, gold)
    if answer.error:
        return answer.error
    if answer.content is None:
        return "not a header line and a line of JSON" if gold.header_format else "not one line"
    if is_banned(answer.content, gold.token):
        return f"has the part that {gold.token} summaries do not have"
    return ""


def _by_attribute(wanted: Counter[Fact], found: Counter[Fact]) -> dict[str, Counts]:
    counts: dict[str, Counts] = {}
    for fact in sorted(wanted | found):
        shared = min(wanted[fact], found[fact])
        some = Counts(shared, found[fact] - shared, wanted[fact] - shared)
        name = ".".join(fact[1:3]) if len(fact) == 4 else fact[0]
        counts[name] = counts.get(name, Counts()) + some
    return counts


def summarise(
    marks: Sequence[SummaryMark], *, bootstrap_samples: int = 1000, seed: int = 0
) -> SummaryScores:
    """Put the marks of many photographs together.

    Args:
        bootstrap_samples: resamples of the photographs for the intervals; 0 for none.
        seed: of the resampling.

    Raises:
        ValueError: no marks.
    """
    if not marks:
        raise ValueError("no summaries were marked")
    installations = [mark for mark in marks if not mark.irrelevant]
    irrelevant = [mark for mark in marks if mark.irrelevant]
    headed = [mark for mark in installations if mark.header is not None]
    names = sorted({name for mark in installations for name in mark.per_attribute})
    return SummaryScores(
        num_records=len(marks),
        exact=_share(marks, lambda mark: mark.exact),
        well_formed=_share(marks, lambda mark: mark.well_formed),
        header=_share(headed, lambda mark: mark.header is True),
        valid_json=_share(installations, lambda mark: mark.valid_json),
        dataset=_share(installations, lambda mark: mark.dataset),
        objects_total=_share(installations, lambda mark: mark.objects_total),
        content_f1=_share(installations, lambda mark: mark.f1),
        content=_share(installations, lambda mark: mark.content),
        irrelevant=_share(irrelevant, lambda mark: mark.exact),
        wrongly_irrelevant=_share(installations, lambda mark: mark.says_irrelevant),
        facts=sum((mark.facts for mark in installations), Counts()),
        per_attribute={
            name: sum((m.per_attribute.get(name, Counts()) for m in installations), Counts())
            for name in names
        },
        cut=sum(mark.cut for mark in marks),
        intervals=_intervals(marks, bootstrap_samples, seed) if bootstrap_samples else {},
    )


def _share(marks: Sequence[SummaryMark], score: Callable[[SummaryMark], float]) -> Share:
    return Share(sum(map(score, marks)), len(marks))


def _intervals(marks: Sequence[SummaryMark], samples: int, seed: int) -> dict[str, Interval]:
    rows = [_numbers(mark) for mark in marks]
    values_DK = np.array(rows, dtype=np.float64)

    def scores(sums_SK: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        found = {"exact": sums_SK[:, 0] / len(marks)}
        # A resample without a picture of an installation says nothing about them.
        some_SK = sums_SK[sums_SK[:, 1] > 0]
        if len(some_SK):
            found["content_f1"] = some_SK[:, 2] / some_SK[:, 1]
            found["fact_f1"] = f1_of(some_SK[:, 3:6])
        return found

    return intervals(values_DK, scores, samples=samples, seed=seed)


def _numbers(mark: SummaryMark) -> list[float]:
    """exact, whether of an installation, F1 of its facts, tp, fp, fn."""
    if mark.irrelevant:
        return [mark.exact, 0, 0, 0, 0, 0]
    return [mark.exact, 1, mark.f1, mark.facts.tp, mark.facts.fp, mark.facts.fn]
