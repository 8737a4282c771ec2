"""Pages and labels to chat records: one per document, or one per window of a long one."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from sightwright import jsonl
from sightwright.errors import DataError
from sightwright.ingest import windows
from sightwright.ingest.labels import Label, read_labels
from sightwright.ingest.pages import RenderedDocument, read_index
from sightwright.ingest.sources import document_id
from sightwright.records import ChatRecord, write_chat_record
from sightwright.tasks.extract import ExtractTask

OverPages = Literal["error", "first", "windows"]

# Enough to see what is wrong; ten thousand lines hide it.
_SHOWN = 50


@dataclass(frozen=True)
class LabelRules:
    """What to do where pages and labels do not fit as they are.

    Attributes:
        drop_unknown: drop (and count) keys outside the schema.
        allow_missing: documents without a label, and labels without a document, are left out.
        max_pages: pages of one record.
        over_pages: a longer document is an error, cut to its first pages, or split in windows.
    """

    drop_unknown: bool = False
    allow_missing: bool = False
    max_pages: int | None = None
    over_pages: OverPages = "error"


@dataclass
class LabelReport:
    """What was written, and whatever was left out or changed on the way."""

    num_records: int = 0
    num_pages: int = 0
    dropped_keys: Counter[str] = field(default_factory=Counter[str])
    cut_to_first_pages: list[str] = field(default_factory=list[str])
    split_in_windows: list[str] = field(default_factory=list[str])
    without_label: list[str] = field(default_factory=list[str])
    without_document: list[str] = field(default_factory=list[str])

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "dropped_keys": dict(self.dropped_keys)}


def make_records(
    pages_folder: Path, labels_path: Path, task: ExtractTask, out: Path, rules: LabelRules
) -> LabelReport:
    """Join a folder of pages with its labels into a JSONL of chat records.

    Image paths are written relative to the JSONL's folder; a record's `meta.document` is the
    document's id, and `meta.pages` its first and last page where it is a window.

    Raises:
        DataError: whatever is wrong with any document, all of it in one message; nothing is
            written then.
    """
    problems: list[str] = []
    report = LabelReport()
    documents = {document.id: document for document in read_index(pages_folder)}
    labels = _matched(documents, read_labels(labels_path, problems), report, problems)
    report.without_label += [name for name in documents if name not in labels]
    # Kept in order, each once.
    remedies: dict[str, None] = {}
    if not rules.allow_missing:
        problems += _missing(report)
    with jsonl.Writer(out) as writer:
        for document in documents.values():
            if (label := labels.get(document.id)) is None:
                continue
            maker = _RecordMaker(pages_folder, out.parent, task, rules, report)
            try:
                for record in maker.records(document, label):
                    writer.write(write_chat_record(record))
            except DataError as error:
                problems.append(f"{document.id} ({label.where}): {error.message}")
                remedies[error.remedy or ""] = None
        _raise_all(problems, remedies)
        if not writer.num_records:
            raise DataError("no document has a label", where=str(labels_path))
    report.num_records = writer.num_records
    return report


@dataclass(frozen=True)
class _RecordMaker:
    pages_folder: Path
    out_folder: Path
    task: ExtractTask
    rules: LabelRules
    report: LabelReport

    def records(self, document: RenderedDocument, label: Label) -> Iterator[ChatRecord]:
        num_pages = len(document.pages)
        by_page = None
        if windows.is_by_page(label.value, self.task.schema):
            by_page = windows.page_labels(label.value, num_pages)
        all_windows = self._windows(document, by_page is not None)
        for window in all_windows:
            value = label.value
            if by_page is not None:
                here = [by_page[page] for page in window if page in by_page]
                value = windows.merge_labels(self.task.schema, here)
            whole = len(all_windows) == 1
            yield self._record(document, window, value, label.meta, whole=whole)

    def _windows(self, document: RenderedDocument, by_page: bool) -> list[range]:
        num_pages, limit = len(document.pages), self.rules.max_pages
        if limit is None or num_pages <= limit:
            return windows.windows_of(num_pages, None)
        match self.rules.over_pages:
            case "error":
                raise DataError(
                    f"{num_pages} pages, over --max-pages {limit} "
                    "(choose --over-pages first or windows, or a larger limit)"
                )
            case "first":
                self.report.cut_to_first_pages.append(document.id)
                return windows.windows_of(num_pages, limit)[:1]
            case "windows":
                if not by_page:
                    raise DataError(
                        f"{num_pages} pages in windows of {limit} need a label by page: "
                        '{"pages": {"1": {…}, "2": {…}}}'
                    )
                self.report.split_in_windows.append(document.id)
                return windows.windows_of(num_pages, limit)

    def _record(
        self,
        document: RenderedDocument,
        window: range,
        value: Mapping[str, Any],
        meta: dict[str, Any],
        *,
        whole: bool,
    ) -> ChatRecord:
        first, last = window[0], window[-1]
        conformed = self.task.schema.conform(value, drop_unknown=self.rules.drop_unknown)
        self.report.dropped_keys.update(conformed.dropped)
        images = [self._image(document.pages[page - 1].image) for page in window]
        self.report.num_pages += len(images)
        ours = (
            {"document": document.id}
            if whole
            else {"document": document.id, "pages": [first, last]}
        )
        record_id = document.id if whole else f"{document.id}#{first}-{last}"
        return self.task.record(record_id, images, conformed.value, meta | ours)

    def _image(self, image: str) -> str:
        path = os.path.relpath(self.pages_folder.resolve() / image, self.out_folder.resolve())
        return PurePosixPath(path).as_posix()


def _matched(
    documents: Mapping[str, RenderedDocument],
    labels: Iterable[Label],
    report: LabelReport,
    problems: list[str],
) -> dict[str, Label]:
    stems = _ids_by_stem(documents.values())
    matched: dict[str, Label] = {}
    for label in labels:
        names = (label.name, document_id(f"{label.name}.pdf"), stems.get(label.name))
        name = next((name for name in names if name in documents), None)
        if name is None:
            report.without_document.append(f"{label.name} ({label.where})")
        elif name in matched:
            problems.append(f"{name}: two labels, in {matched[name].where} and in {label.where}")
        else:
            matched[name] = label
    return matched


def _ids_by_stem(documents: Iterable[RenderedDocument]) -> dict[str, str]:
    """The document of each PDF name, where only one document has a PDF of that name."""
    ids: dict[str, list[str]] = {}
    for document in documents:
        ids.setdefault(PurePosixPath(document.source).stem, []).append(document.id)
    return {stem: names[0] for stem, names in ids.items() if len(names) == 1}


def _missing(report: LabelReport) -> Iterator[str]:
    yield from (f"{name}: a document without a label" for name in report.without_label)
    yield from (f"{name}: a label without a document" for name in report.without_document)
    if report.without_label or report.without_document:
        yield "(--allow-missing leaves such documents and labels out, counted)"


def _raise_all(problems: list[str], remedies: Iterable[str]) -> None:
    if not problems:
        return
    shown = problems[:_SHOWN]
    if len(problems) > _SHOWN:
        shown.append(f"… and {len(problems) - _SHOWN} more")
    remedy = "; ".join(filter(None, remedies)) or None
    raise DataError("\n  ".join(["nothing was written:", *shown]), remedy=remedy)
