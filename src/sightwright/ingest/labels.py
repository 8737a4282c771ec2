"""Labels as people keep them: one JSON file per document, or one JSONL for all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from sightwright import canonical, jsonl
from sightwright.errors import DataError
from sightwright.ingest.sources import document_id, find_files

_WRAPPED_KEYS = {"id", "document", "label", "meta"}


@dataclass(frozen=True)
class Label:
    """A label as written, before the schema has seen it.

    Attributes:
        name: the document it is for: an id, or the stem of the PDF's name.
        where: the file, or file and line, for messages.
        meta: what the record's `meta` shall hold beside our own keys (a vendor, a batch, …).
    """

    name: str
    value: Mapping[str, Any]
    where: str
    meta: dict[str, Any] = field(default_factory=dict[str, Any])


def read_labels(path: Path, problems: list[str]) -> Iterator[Label]:
    """The labels of a folder (`*.json`, recursive) or of a JSONL file; bad ones go to `problems`.

    A line of a JSONL is `{"id" or "document": NAME, "label": {…}, "meta": {…}}`, or the label's
    keys beside the name. With both `id` and `document`, the latter names the document and the
    former belongs to the label.

    Raises:
        DataError: no such file or folder, or no label in it.
    """
    read = _of_folder if path.is_dir() else _of_jsonl
    found = 0
    for label in read(path, problems):
        found += 1
        yield label
    if not found and not problems:
        raise DataError("no labels in it", where=str(path))


def _of_folder(folder: Path, problems: list[str]) -> Iterator[Label]:
    for source in find_files([folder], ".json"):
        where = str(source.path)
        try:
            value = canonical.loads(source.path.read_bytes())
            yield Label(document_id(source.relative), _one_object(value), where)
        except OSError as error:
            problems.append(f"{where}: cannot be read: {error.strerror}")
        except DataError as error:
            problems.append(f"{where}: {error.message}")
        except ValueError as error:
            problems.append(f"{where}: not JSON: {error}")


def _of_jsonl(path: Path, problems: list[str]) -> Iterator[Label]:
    for line in jsonl.read_lines(path):
        try:
            yield _of_line(canonical.loads(line.data), line.where)
        except DataError as error:
            problems.append(f"{line.where}: {error.message}")
        except ValueError as error:
            problems.append(f"{line.where}: not JSON: {error}")


def _of_line(value: object, where: str) -> Label:
    raw = dict(_one_object(value))
    key = "document" if "document" in raw else "id"
    name = raw.get(key)
    if not isinstance(name, str) or not name:
        raise DataError("a label names its document by 'id' or 'document', a non-empty string")
    name = name.removesuffix(".pdf").removesuffix(".PDF")
    if "label" in raw and set(raw) <= _WRAPPED_KEYS:
        meta: object = raw.get("meta") or {}
        if not isinstance(meta, Mapping):
            raise DataError("'meta' is an object")
        label = _one_object(raw["label"])
        return Label(name, label, where, dict(cast("Mapping[str, Any]", meta)))
    del raw[key]
    return Label(name, raw, where)


def _one_object(value: object) -> Mapping[str, Any]:
    """A label is an object; a list that holds just one is taken for it."""
    if isinstance(value, list) and len(cast("list[object]", value)) == 1:
        value = cast("list[object]", value)[0]
    if not isinstance(value, Mapping):
        raise DataError("a label is one JSON object")
    return cast("Mapping[str, Any]", value)
