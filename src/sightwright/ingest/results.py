"""Bills of lading from a table and a folder of images to chat records: one per document."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from sightwright import canonical, jsonl, logs
from sightwright.errors import DataError
from sightwright.ingest.result_images import document_key, find_images, images_by_document
from sightwright.ingest.result_rows import BillOfLading, RowsReport, read_results
from sightwright.records import ChatRecord, Message, Text, write_chat_record
from sightwright.schema import load_schema
from sightwright.shipped import shipped
from sightwright.tasks.extract import ExtractTask

PROMPT = "prompts/bl_extraction_prompt.txt"
SCHEMA = "schemas/bill_of_lading.schema.json"
SYSTEM = "Answer with valid JSON only, nothing before it and nothing after it."

Missing = Literal["error", "skip", "empty"]

_SHOWN = 50


@dataclass(frozen=True)
class ResultsReport:
    """What was written, and what was left out or is worth a look.

    Attributes:
        num_documents: that were looked at; fewer than the table has where a limit ended it.
        missing: Filenames without an image.
        with_other_images: documents with images beside the one that was taken.
        same_names: Filenames whose letters and digits are another's too, so that both were given
            one image.
        rows: what of the table is in no record.
    """

    num_records: int
    num_documents: int
    missing: tuple[str, ...]
    with_other_images: int
    same_names: tuple[str, ...]
    rows: RowsReport

    def to_json(self) -> dict[str, Any]:
        lists = {"missing": list(self.missing), "same_names": list(self.same_names)}
        return {**vars(self), **lists, "rows": self.rows.to_json()}


@dataclass
class _Run:
    """What gathers while documents become records."""

    num_documents: int = 0
    with_other_images: int = 0
    missing: list[str] = field(default_factory=list[str])
    same_names: list[str] = field(default_factory=list[str])
    problems: list[str] = field(default_factory=list[str])


def read_prompt(path: Path | None) -> str:
    """The instruction: of `path`, else of `prompts/bl_extraction_prompt.txt` here, else ours.

    Raises:
        DataError: no such file, not UTF-8, or empty.
    """
    chosen = path or (Path(PROMPT) if Path(PROMPT).is_file() else shipped(PROMPT))
    try:
        text = chosen.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(chosen)) from None
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8: {error}", where=str(chosen)) from None
    if not text:
        raise DataError("an empty prompt", where=str(chosen))
    return text


def make_result_records(
    results: Path,
    images_dirs: Sequence[Path],
    prompt: str,
    out: Path,
    *,
    limit: int = 0,
    missing: Missing = "error",
    missing_report: Path | None = None,
) -> ResultsReport:
    """Write a record for each document of a results file (`result_rows`) into a JSONL.

    A record asks `prompt` of the document's image (`result_images`) and answers with its fields in
    the documented order; `meta` holds `filename`, and `image_rel`: the image as seen from the
    JSONL's folder, as the record itself has it.

    Args:
        limit: stop after so many documents, not counting those left out; 0 for all.
        missing: what a document without image is: an error, left out, or written with an empty
            image, which `data validate` names.
        missing_report: gets the Filenames without image, one per line (no line when there are
            none), whatever `missing` says.

    Raises:
        DataError: whatever is wrong with any document, in one message; `out` is as it was.
    """
    documents, rows = read_results(results)
    task = ExtractTask(schema=load_schema(shipped(SCHEMA)), prompt=prompt)
    keys = [document_key(document.filename) for document in documents]
    images = images_by_document(keys, find_images(images_dirs))
    maker = _RecordMaker(task, images, out.parent, _Run(), missing)
    with jsonl.Writer(out) as writer:
        for document in logs.progress(documents, "documents"):
            if limit and maker.num_due == limit:
                break
            if (record := maker.record(document)) is not None:
                writer.write(write_chat_record(record))
        run = maker.run
        if missing_report is not None:
            lines = [f"{one_line(name)}\n" for name in run.missing]
            canonical.write_text(missing_report, "".join(lines))
        _raise_all(run, missing)
        if not writer.num_records:
            raise DataError("no document has an image", where=str(results))
    return ResultsReport(
        writer.num_records,
        run.num_documents,
        tuple(run.missing),
        run.with_other_images,
        tuple(run.same_names),
        rows,
    )


def one_line(name: str) -> str:
    """A name of the table for a line of text: what would end the line, or colour it, is escaped."""
    return name if name.isprintable() else repr(name)


class _RecordMaker:
    def __init__(
        self,
        task: ExtractTask,
        images: dict[str, list[Path]],
        out_folder: Path,
        run: _Run,
        missing: Missing,
    ) -> None:
        self.run = run
        self._task, self._images, self._missing = task, images, missing
        self._out_folder = out_folder.resolve()
        self._ids: set[str] = set()

    @property
    def num_due(self) -> int:
        """Documents that have a record, or should have one."""
        skipped = len(self.run.missing) if self._missing == "skip" else 0
        return self.run.num_documents - skipped

    def record(self, document: BillOfLading) -> ChatRecord | None:
        """The record of a document; None where it is left out, or its fault is noted."""
        self.run.num_documents += 1
        candidates = self._images.get(document_key(document.filename), [])
        if not candidates:
            self.run.missing.append(document.filename)
            if self._missing != "empty":
                return None
        self.run.with_other_images += len(candidates) > 1
        image = self._seen_from_out(candidates[0]) if candidates else ""
        try:
            return self._record(document, image)
        except DataError as error:
            place = f"row {document.row} ({document.filename!r})"
            self.run.problems.append(f"{place}: {error.message}")
            return None

    def _record(self, document: BillOfLading, image: str) -> ChatRecord:
        meta = {"filename": document.filename, "image_rel": image}
        record_id = self._id(document.filename)
        record = self._task.record(record_id, [image], document.label(), meta)
        system = Message("system", (Text(SYSTEM),))
        return replace(record, messages=(system, *record.messages))

    def _id(self, filename: str) -> str:
        name = document_key(filename) or "document"
        if name in self._ids:
            self.run.same_names.append(filename)
            # The names differ, or they would be one document.
            name = f"{name}_{hashlib.sha256(filename.encode()).hexdigest()[:8]}"
        self._ids.add(name)
        return name

    def _seen_from_out(self, image: Path) -> str:
        path = os.path.relpath(image.resolve(), self._out_folder)
        return PurePosixPath(path).as_posix()


def _raise_all(run: _Run, missing: Missing) -> None:
    problems, remedies = list(run.problems), list[str]()
    if run.problems:
        remedies.append("mend the rows; an answer fits schemas/bill_of_lading.schema.json")
    if missing == "error":
        problems += [f"{name!r}: no image has its name" for name in run.missing]
    if missing == "error" and run.missing:
        remedies.append(
            "give their images by --images-dir, or leave them out, counted, by "
            "--skip-missing-images (--missing-report FILE lists them)"
        )
    if not problems:
        return
    hidden = len(problems) - _SHOWN
    shown = problems[:_SHOWN] + ([f"… and {hidden} more"] if hidden > 0 else [])
    raise DataError(
        "\n  ".join(["nothing was written:", *shown]),
        remedy="; ".join(remedies),
    )
