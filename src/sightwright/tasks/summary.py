"""Summaries: one photograph in, its header line and one line of JSON out, or 无关图片.

The only place that says what is asked, what is expected, and how it is marked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sightwright.errors import DataError
from sightwright.inspection_records import InspectionRecord
from sightwright.metrics.header import header_line
from sightwright.metrics.summary import (
    DATASET,
    IRRELEVANT,
    SummaryAnswer,
    SummaryGold,
    is_banned,
    read_answer,
    text_lines,
)
from sightwright.metrics.summary_scores import SummaryMark, mark_summary
from sightwright.records import Message
from sightwright.tasks.domains import DOMAINS, DomainName, domain_of_token
from sightwright.tasks.extract import Order
from sightwright.tasks.prompts import Prompt


@dataclass(frozen=True)
class SummaryTask:
    """How photographs are summarised.

    Attributes:
        prompt: what is asked.
        domain: the family of equipment; None takes it from each record's summary.
        header_format: of an answer's first line; None for an answer of the JSON line alone. An
            irrelevant picture's answer never has one.
        order: whether a user turn begins with its image or with its instruction.
    """

    prompt: Prompt
    domain: DomainName | None = None
    header_format: str | None = None
    order: Order = "image_first"

    def messages(self, images: Sequence[str]) -> tuple[Message, ...]:
        """What is sent for these images: a system turn, if there is one, and one question."""
        return self.prompt.messages(images, self.order)

    def prompt_of(self, record: InspectionRecord) -> tuple[Message, ...]:
        """What is asked of a record's image."""
        return self.messages(record.images)

    def target(self, record: InspectionRecord) -> str:
        """The answer to learn: the record's summary as it stands, after its header line.

        Raises:
            DataError: as `gold`.
        """
        gold = self.gold(record)
        summary = _filled_summary(record)
        if gold.irrelevant or gold.header_format is None or gold.token is None:
            return summary
        return f"{header_line(gold.header_format, gold.token, 'SUMMARY')}\n{summary}"

    def gold(self, record: InspectionRecord) -> SummaryGold:
        """What a record's summary says.

        Raises:
            DataError: no summary, or one that is neither 无关图片 nor the JSON of a summary of the
                domain; names the record.
        """
        text = _filled_summary(record)
        where = f"record {record.key!r}"
        if text == IRRELEVANT:
            token = DOMAINS[self.domain].token if self.domain is not None else None
            return SummaryGold(token, None, irrelevant=True, header_format=self.header_format)
        summary = _read_summary(text, where)
        token = self._token(summary, where)
        if is_banned(summary, token):
            raise DataError(f"the summary holds what {token} summaries do not have", where=where)
        return SummaryGold(token, summary, header_format=self.header_format)

    def parse(self, text: str) -> SummaryAnswer:
        """Split an answer into its header and its JSON; nothing is repaired.

        An answer of 无关图片 has neither: its `value` is None, and `says_irrelevant` tells.
        """
        return read_answer(text, SummaryGold(None, None, header_format=self.header_format))

    def mark(self, gold: SummaryGold, text: str, *, cut: bool) -> SummaryMark:
        """Mark one answer.

        Args:
            cut: generation ended at the output limit; the answer counts as none.
        """
        return mark_summary(gold, text, cut=cut)

    def _token(self, summary: Mapping[str, Any], where: str) -> str:
        said = summary.get(DATASET)
        found = domain_of_token(said) if isinstance(said, str) else None
        wanted = DOMAINS[self.domain] if self.domain is not None else found
        if found is None or found != wanted:
            known = wanted.token if wanted else " or ".join(d.token for d in DOMAINS.values())
            raise DataError(
                f"the summary's {DATASET!r} is {said!r}, not {known}",
                where=where,
                remedy="train and mark the records of one domain with that domain's template",
            )
        return found.token


def says_irrelevant(text: str) -> bool:
    """Whether an answer is 无关图片 and nothing else."""
    return text_lines(text) == (IRRELEVANT,)


def _filled_summary(record: InspectionRecord) -> str:
    if record.summary is None or not record.summary.strip():
        raise DataError(
            "no summary to learn or to mark by",
            where=f"record {record.key!r}",
            remedy="give 'summary': `sightwright ingest annotations` builds it from the objects",
        )
    return record.summary.strip()


def _read_summary(text: str, where: str) -> dict[str, Any]:
    read = read_answer(text, SummaryGold(None, None, header_format=None))
    if read.value is None:
        raise DataError(
            f"the summary cannot be used: {read.error}",
            where=where,
            remedy=f"write one line of JSON, or {IRRELEVANT}",
        )
    return read.value
