"""A corpus of instructions and answers (COIG-CQIA's form) becomes records of messages alone.

    {"instruction": "…", "input": "…", "output": "…", "domain": […], …}

Files are read as they lie on the disk, one record a line; nothing is fetched.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sightwright import jsonl
from sightwright.errors import DataError
from sightwright.ingest.annotations.found import mapping
from sightwright.ingest.annotations.source_files import annotation_files, place_in
from sightwright.records import ChatRecord, Message, Text, write_chat_record


@dataclass
class CorpusReport:
    """
    Attributes:
        num_records: written.
        left_out: reason → how many lines.
        places: the first lines left out, as `file:line: why`.
    """

    num_records: int = 0
    left_out: Counter[str] = field(default_factory=Counter[str])
    places: list[str] = field(default_factory=list[str])


def convert_corpus(source: Path, out: Path, *, limit: int | None = None) -> CorpusReport:
    """Merge the `.jsonl` files of a corpus into one file of conversations.

    A line without a question or an answer, and one that was there before, is left out and counted.

    Raises:
        DataError: nothing there, nothing in it, or `out` is a file of the corpus.
    """
    if out.resolve() in [file.resolve() for file in annotation_files(source, ".jsonl")]:
        raise DataError(
            "the conversations would be written over a file of the corpus", where=str(out),
            remedy="choose another --out",
        )  # fmt: skip
    report = CorpusReport()
    seen: set[bytes] = set()
    with jsonl.Writer(out) as writer:
        for place, record_id, line in _lines(source):
            if limit is not None and report.num_records >= limit:
                break
            try:
                record = _record(line.value(), record_id, place)
            except DataError as error:
                _leave_out(report, "unreadable", f"{place}: {error.message}")
                continue
            said = "\0".join(message.text for message in record.messages)
            key = hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            if key in seen:
                _leave_out(report, "repeated", f"{place}: said before")
                continue
            seen.add(key)
            writer.write(write_chat_record(record))
            report.num_records += 1
        if not report.num_records:
            raise DataError("no line of it is an instruction with an answer", where=str(source))
    return report


def _lines(source: Path) -> Iterator[tuple[str, str, jsonl.Line]]:
    for file in annotation_files(source, ".jsonl"):
        name = place_in(source, file)
        for line in jsonl.read_lines(file):
            yield f"{name}:{line.number}", f"{name.removesuffix('.jsonl')}-{line.number}", line


def _record(value: object, record_id: str, place: str) -> ChatRecord:
    raw = mapping(value)
    question = "\n".join(_said(raw.get(key)) for key in ("instruction", "input")).strip()
    answer = _said(raw.get("output")).strip()
    if not question or not answer:
        raise DataError("no 'instruction', or no 'output'")
    messages = (Message("user", (Text(question),)), Message("assistant", (Text(answer),)))
    return ChatRecord(record_id, messages, {"source": place})


def _said(value: object) -> str:
    return value if isinstance(value, str) else ""


def _leave_out(report: CorpusReport, reason: str, place: str) -> None:
    report.left_out[reason] += 1
    if len(report.places) < 50:
        report.places.append(place)
