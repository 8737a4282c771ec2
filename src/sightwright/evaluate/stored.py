"""An evaluation read back from its folder and marked again, without the model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sightwright import canonical, jsonl, logs
from sightwright.errors import DataError
from sightwright.evaluate.report import PREDICTIONS_NAME, REPORT_NAME
from sightwright.metrics.fields import DocumentMark, mark_document
from sightwright.schema import DocumentSchema, compile_schema


@dataclass(frozen=True)
class StoredDocument:
    """One line of `predictions.jsonl`.

    Attributes:
        mark: by today's rules, whatever the evaluation was marked by.
        is_loop: the answer counted as a loop.
    """

    id: str
    gold: dict[str, Any]
    answer: dict[str, Any] | None
    mark: DocumentMark
    is_loop: bool


@dataclass(frozen=True)
class StoredEvaluation:
    """An evaluation's folder.

    Attributes:
        about: all of `report.json`.
        documents: by id, in the order of the records.
    """

    folder: Path
    about: dict[str, Any]
    schema: DocumentSchema
    documents: dict[str, StoredDocument]


def read_evaluation(folder: Path) -> StoredEvaluation:
    """What `eval --out FOLDER` wrote.

    Raises:
        DataError: no evaluation there, or files that it did not write so.
    """
    about = read_report(folder / REPORT_NAME)
    schema = compile_schema(about["json_schema"], str(about.get("schema", "evaluated")))
    documents: dict[str, StoredDocument] = {}
    lines = jsonl.read_values(folder / PREDICTIONS_NAME)
    for line, value in logs.progress(lines, f"marking {folder}", about.get("documents")):
        document = _read_document(value, schema, line.where)
        if document.id in documents:
            raise DataError(f"the id {document.id!r} stands there twice", where=line.where)
        documents[document.id] = document
    if not documents:
        raise DataError("no documents", where=str(folder / PREDICTIONS_NAME))
    return StoredEvaluation(folder, about, schema, documents)


def read_report(path: Path) -> dict[str, Any]:
    """The `report.json` of an evaluation, which names its schema.

    Raises:
        DataError: no such file, or another one.
    """
    try:
        about = canonical.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(
            "no evaluation here", where=str(path), remedy="give the folder that `eval --out` wrote"
        ) from None
    except ValueError as error:
        raise DataError(f"not JSON: {error}", where=str(path)) from None
    if isinstance(about, dict) and "task" in about:
        raise DataError(
            f"an evaluation of photographs ({about['task']}), where one of documents is wanted",
            where=str(path),
            remedy="give the folder of an evaluation with a JSON Schema",
        )
    if not isinstance(about, dict) or "json_schema" not in about:
        raise DataError(
            "not a report of this version: it names no schema",
            where=str(path),
            remedy="evaluate again",
        )
    return cast("dict[str, Any]", about)


def _read_document(value: Any, schema: DocumentSchema, where: str) -> StoredDocument:
    try:
        gold = schema.conform(value["gold"]).value
        answer = None if value["answer"] is None else schema.conform(value["answer"]).value
        cut, is_loop = value["finish_reason"] == "length", value["loop"] is not None
        return StoredDocument(
            id=str(value["id"]),
            gold=gold,
            answer=answer,
            mark=mark_document(schema, gold, answer, cut=cut),
            is_loop=is_loop,
        )
    except (KeyError, TypeError) as error:
        raise DataError(
            f"not a line of an evaluation of this version: {error!r}",
            where=where,
            remedy="evaluate again",
        ) from None
    except DataError as error:
        raise DataError(error.message, where=where, remedy="evaluate again") from None
