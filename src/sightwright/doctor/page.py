"""A diagnosis as a page for people: counts, findings with their pictures, histograms."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sightwright import html, logs
from sightwright.doctor.diagnosis import CHECKS, DEFAULT_LIMITS, Diagnosis, in_order
from sightwright.doctor.finding import Finding, Shown
from sightwright.doctor.report import fields, histogram, to_json
from sightwright.doctor.work import draw
from sightwright.ingest.spread import Spread
from sightwright.ingest.workers import Done, Limits

JSON_NAME, PAGE_NAME = "doctor.json", "doctor.html"

_WIDTH, _HEIGHT = 640, 200
_LEFT, _TOP, _RIGHT, _BOTTOM = 8, 18, 8, 26
_MOST_FIELDS = 100


@dataclass(frozen=True)
class Picture:
    """Of a finding: `url` is empty where the image cannot be opened."""

    url: str
    caption: str


@dataclass(frozen=True)
class ShownFinding:
    finding: Finding
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class Section:
    """One check on the page; `left_out` findings are counted, and not listed."""

    name: str
    about: str
    num_errors: int
    num_warnings: int
    findings: tuple[ShownFinding, ...]

    @property
    def left_out(self) -> int:
        return self.num_errors + self.num_warnings - len(self.findings)


def page(found: Diagnosis, *, num_workers: int, max_length: int | None = None) -> str:
    """The page as HTML.

    Args:
        num_workers: processes that draw the pictures; 0 for this one.
        max_length: of the run's records, in tokens: marked on the histogram.
    """
    corpus = found.corpus
    every = list(_sections(found, num_workers))
    values = {
        "summary": to_json(found),
        "sections": [section for section in every if section.findings],
        "quiet": [section for section in every if not section.findings],
        "lengths": bars(corpus.lengths, max_length),
        "length_spread": Spread(corpus.lengths).value(),
        "max_length": max_length,
        "sizes": bars(_whole(corpus.smallest), None),
        "fields": fields(corpus)[:_MOST_FIELDS],
        "num_fields": len(corpus.seen),
    }
    return html.render("doctor.html", values)


def _whole(tenths: Mapping[int, int]) -> dict[int, int]:
    pixels: dict[int, int] = {}
    for number, count in tenths.items():
        pixels[number // 10] = pixels.get(number // 10, 0) + count
    return pixels


def _sections(found: Diagnosis, num_workers: int) -> Iterator[Section]:
    listed = [finding for check in CHECKS for finding in found.findings.get(check, [])]
    wanted = list(dict.fromkeys(shown for finding in listed for shown in finding.shown))
    drawn = dict(zip(wanted, _pictures(wanted, num_workers, DEFAULT_LIMITS), strict=True))
    for check, about in CHECKS.items():
        yield Section(
            check, about, found.counts[check, "error"], found.counts[check, "warning"],
            tuple(
                ShownFinding(finding, tuple(
                    Picture(drawn[shown], shown.caption) for shown in finding.shown
                ))
                for finding in found.findings.get(check, [])
            ),
        )  # fmt: skip


def _pictures(wanted: Sequence[Shown], num_workers: int, limits: Limits) -> Iterator[str]:
    shown = logs.progress(range(len(wanted)), "drawing findings", len(wanted))
    if not num_workers:
        for index in shown:
            yield draw(wanted[index], _tell_nobody)
        return
    events = in_order(draw, wanted, num_workers=min(num_workers, 2), limits=limits)
    # One that ended its worker has no picture; its record is told of as such.
    for _, (_, event) in zip(shown, events, strict=True):
        yield event.result if isinstance(event, Done) else ""


def bars(counts: Mapping[int, int], limit: int | None) -> dict[str, Any] | None:
    """What the macro `histogram` of `templates/doctor.html` draws; None for nothing.

    Args:
        limit: a value that is marked, and that the drawing reaches.
    """
    steps = histogram(counts)
    if not steps:
        return None
    low, high = steps[0][0], max(steps[-1][1] + 1, 0 if limit is None else limit)
    most = max(count for _, _, count in steps)

    def x(value: float) -> float:
        return round(_LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT), 2)

    def y(count: float) -> float:
        return round(_HEIGHT - _BOTTOM - count / most * (_HEIGHT - _TOP - _BOTTOM), 2)

    return {
        "width": _WIDTH, "height": _HEIGHT, "base": _HEIGHT - _BOTTOM, "top": _TOP,
        "left": _LEFT, "right": _WIDTH - _RIGHT, "low": low, "high": high,
        "limit": None if limit is None else max(float(_LEFT), x(limit)),
        "bars": [
            {"x": x(start), "width": max(0.5, round(x(end + 1) - x(start) - 1, 2)), "y": y(count),
             "title": f"{start} to {end}: {count}" if end > start else f"{start}: {count}"}
            for start, end, count in steps
            if count
        ],
    }  # fmt: skip


def _tell_nobody(done: int, total: int) -> None:
    pass
