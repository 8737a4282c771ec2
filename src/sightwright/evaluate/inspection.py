"""Ask an engine about photographs, or groups of them, and mark each answer by the task."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sightwright import images
from sightwright.errors import DataError, ImageError
from sightwright.evaluate.answers import (
    Answer,
    answer_in_batches,
    check_images,
    mark_answers,
    name_of,
    read_named,
)
from sightwright.infer.engine import Completion, Engine, FinishReason
from sightwright.infer.object_scores import object_scores
from sightwright.inspection_records import InspectionRecord, require_size
from sightwright.metrics import geometry_summary, summary_scores, verdict
from sightwright.metrics.coco import CocoScores, ScoredImage, coco_scores
from sightwright.metrics.geometry import ObjectsMark
from sightwright.metrics.geometry_summary import ObjectScores
from sightwright.metrics.loops import Loop, find_loop
from sightwright.metrics.summary import SummaryAnswer, SummaryGold
from sightwright.metrics.summary_scores import SummaryMark, SummaryScores
from sightwright.metrics.verdict import VerdictMark, VerdictScores
from sightwright.record_formats import Record, read_any_record
from sightwright.records import ChatRecord, Message
from sightwright.tasks.dense import DenseGold, DenseTask, ParsedObjects, require_objects
from sightwright.tasks.inspection import InspectionTask
from sightwright.tasks.summary import SummaryTask
from sightwright.tasks.verdict import ParsedVerdict, Verdict, VerdictTask

Scores = ObjectScores | SummaryScores | VerdictScores


@dataclass(frozen=True)
class DenseMarked:
    """Objects wanted and answered.

    Attributes:
        surety: how sure the model was of each of `parsed.objects`, 0 to 1; None where the engine
            does not tell.
    """

    gold: DenseGold
    parsed: ParsedObjects
    mark: ObjectsMark
    surety: tuple[float, ...] | None


@dataclass(frozen=True)
class SummaryMarked:
    gold: SummaryGold
    parsed: SummaryAnswer
    mark: SummaryMark


@dataclass(frozen=True)
class VerdictMarked:
    gold: Verdict
    parsed: ParsedVerdict
    mark: VerdictMark


Marked = DenseMarked | SummaryMarked | VerdictMarked
Gold = DenseGold | SummaryGold | Verdict
Mark = ObjectsMark | SummaryMark | VerdictMark
PromptOf = Callable[[Record], tuple[Message, ...]]


@dataclass(frozen=True)
class InspectionResult:
    """One record: what was wanted, what came, how it scored.

    Attributes:
        target: the answer that was wanted, as text.
        text: the answer as generated.
        loop: why it counts as a loop; None when it is none.
        seconds: its share of its batch's generation.
    """

    record: Record
    target: str
    text: str
    marked: Marked
    loop: Loop | None
    finish_reason: FinishReason
    completion_tokens: int
    seconds: float

    @property
    def id(self) -> str:
        return name_of(self.record)

    @property
    def mark(self) -> Mark:
        return self.marked.mark

    @property
    def was_cut(self) -> bool:
        """Whether the output limit ended the answer, which then counts as none."""
        return self.finish_reason == "length"


@dataclass(frozen=True)
class InspectionEvaluation:
    """What came out.

    Attributes:
        results: in the order of the records.
        scores: of the task's kind.
        coco: of a dense task, when it was asked for and the engine tells probabilities.
        batch_seconds: how long the engine took for each batch.
        seconds: wall time of the whole, opening of images included.
    """

    task: InspectionTask
    results: tuple[InspectionResult, ...]
    scores: Scores
    coco: CocoScores | None
    batch_seconds: tuple[float, ...]
    seconds: float

    @property
    def loop_rate(self) -> float:
        """The share of the answers that count as loops."""
        return sum(result.loop is not None for result in self.results) / len(self.results)

    def metrics(self) -> dict[str, float]:
        """The scores by the names that training logs them under; what has no value is left out."""
        match self.scores:
            case ObjectScores():
                found = _dense_metrics(self.scores)
            case SummaryScores():
                found = {
                    "fact_f1": self.scores.fact_f1,
                    "summary_exact": self.scores.exact.value,
                    "answer_valid": self.scores.valid_json.value,
                }
            case VerdictScores():
                found = {
                    "verdict_accuracy": self.scores.accuracy.value,
                    "false_pass_rate": self.scores.false_pass.value,
                    "false_fail_rate": self.scores.false_fail.value,
                }
        return {name: value for name, value in found.items() if value is not None}


def _dense_metrics(scores: ObjectScores) -> dict[str, float | None]:
    # Where nothing was found, nothing was named: a first evaluation must not lack the key.
    nothing_found = 0.0 if not scores.pairs else None
    classes, attributes = scores.class_accuracy, scores.attribute_accuracy
    by_kind = {
        "bbox_f1": scores.place.get("bbox_2d"),
        "poly_f1": scores.place.get("poly"),
        "line_f1": scores.place.get("line"),
    }
    return {
        "object_f1": scores.all_place.f1_50,
        "object_f1_75": scores.all_place.f1_75,
        "object_f1_mean": scores.all_place.f1_mean,
        "class_accuracy": nothing_found if classes is None else classes,
        "attribute_accuracy": nothing_found if attributes is None else attributes,
        "count_error": scores.count_error,
        "answer_valid": scores.readable,
        **{name: None if found is None else found.f1_50 for name, found in by_kind.items()},
    }


def read_records(path: Path, max_records: int | None = None) -> list[Record]:
    """The records of a file, of either kind, or its first `max_records`.

    Raises:
        DataError: a bad line, two records of one name, a conversation without an id, no records.
    """
    return read_named(path, read_any_record, max_records)


def check_records(records: Sequence[Record], task: InspectionTask, root: Path) -> list[Gold]:
    """The label of each record, once every one has a usable label and its image.

    Run before a model is loaded: the last record's fault must not cost the answers before it.

    Raises:
        DataError: a record of the other kind, a label that cannot be used, or an image of another
            size than its record says; names the record.
        ImageError: an image that is not there, or not to be had; names the record.
    """
    golds = [_gold(task, record) for record in records]
    check_images(records, root)
    for record in records:
        if isinstance(record, InspectionRecord):
            _check_size(record, root)
    return golds


def _check_size(record: InspectionRecord, root: Path) -> None:
    where = f"record {record.key!r}"
    try:
        require_size(record, images.image_size(record.image, root))
    except ImageError as error:
        where = f"{where}: {error.where}"
        raise ImageError(error.message, where=where, remedy=error.remedy) from None
    except DataError as error:
        raise DataError(error.message, where=where, remedy=error.remedy) from None


def evaluate(
    engine: Engine,
    records: Sequence[Record],
    task: InspectionTask,
    *,
    root: Path,
    batch_size: int = 8,
    max_tokens: int = 512,
    bootstrap_samples: int = 1000,
    with_coco: bool = False,
    progress: bool = True,
    prompt_of: PromptOf | None = None,
) -> InspectionEvaluation:
    """Answer and mark every record; images of one batch are in memory at a time.

    Args:
        root: the folder that relative image paths start from: the JSONL's own.
        batch_size: requests sent to the engine together.
        max_tokens: output limit; an answer cut by it counts as empty, and is counted.
        bootstrap_samples: resamples of the records for the 95 % intervals; 0 for none.
        with_coco: work out COCO's average precision too, for a dense task.
        progress: show a bar on stderr.
        prompt_of: how a record is asked, where that is not the task's own question.

    Raises:
        DataError: no records, one without a usable label, an image that cannot be opened, or a
            prompt that the model cannot hold.
    """
    started = time.perf_counter()
    if not records:
        raise DataError("no records to evaluate")
    golds = check_records(records, task, root)
    batches = answer_in_batches(
        engine, records, prompt_of or partial(_prompt, task), root=root, batch_size=batch_size,
        max_tokens=max_tokens, progress=progress,
    )  # fmt: skip
    results, batch_seconds = mark_answers(batches, golds, partial(_result, task))
    marked = [result.marked for result in results]
    return InspectionEvaluation(
        task=task,
        results=results,
        scores=_scores(marked, bootstrap_samples),
        coco=_coco(marked) if with_coco else None,
        batch_seconds=batch_seconds,
        seconds=time.perf_counter() - started,
    )


def _result(task: InspectionTask, gold: Gold, given: Answer[Record]) -> InspectionResult:
    completion = given.completion
    target = _target(task, given.record)
    return InspectionResult(
        record=given.record,
        target=target,
        text=completion.text,
        marked=_marked(task, gold, completion),
        loop=find_loop(
            completion.text, completion.tokens, reached_limit=given.was_cut, label=target
        ),
        finish_reason=completion.finish_reason,
        completion_tokens=completion.completion_tokens,
        seconds=given.seconds,
    )


def _marked(task: InspectionTask, gold: Gold, completion: Completion) -> Marked:
    text, cut = completion.text, completion.finish_reason == "length"
    match task, gold:
        case DenseTask(), DenseGold():
            parsed = task.parse(text, gold.width, gold.height)
            mark = task.mark(gold, text, cut=cut)
            return DenseMarked(gold, parsed, mark, object_scores(completion, parsed))
        case SummaryTask(), SummaryGold():
            return SummaryMarked(gold, task.parse(text), task.mark(gold, text, cut=cut))
        case VerdictTask(), Verdict():
            return VerdictMarked(gold, task.parse(text), task.mark(gold, text, cut=cut))
        case _:
            raise TypeError(f"{type(gold).__name__} is no label of {type(task).__name__}")


def _gold(task: InspectionTask, record: Record) -> Gold:
    match task:
        case VerdictTask():
            return task.gold(_conversation(record))
        case DenseTask():
            photograph = _photograph(record)
            require_objects(photograph)
            # What cannot be written as an answer cannot be answered either.
            task.written(photograph)
            return task.gold(photograph)
        case SummaryTask():
            return task.gold(_photograph(record))


def _target(task: InspectionTask, record: Record) -> str:
    if isinstance(task, VerdictTask):
        return task.target(_conversation(record))
    return task.target(_photograph(record))


def _prompt(task: InspectionTask, record: Record) -> tuple[Message, ...]:
    if isinstance(task, VerdictTask):
        return task.prompt_of(_conversation(record))
    return task.prompt_of(_photograph(record))


def _photograph(record: Record) -> InspectionRecord:
    if isinstance(record, InspectionRecord):
        return record
    raise DataError(
        "a conversation, where a photograph with its objects is wanted",
        where=f"record {name_of(record)!r}",
        remedy="a verdict is asked with task.type verdict, a document with extract",
    )


def _conversation(record: Record) -> ChatRecord:
    if isinstance(record, ChatRecord):
        return record
    raise DataError(
        "a photograph with its objects, where a conversation about a group is wanted",
        where=f"record {name_of(record)!r}",
        remedy="objects are asked with task.type dense, summaries with summary",
    )


def _scores(marked: Sequence[Marked], samples: int) -> Scores:
    dense = [each.mark for each in marked if isinstance(each, DenseMarked)]
    summaries = [each.mark for each in marked if isinstance(each, SummaryMarked)]
    verdicts = [each.mark for each in marked if isinstance(each, VerdictMarked)]
    if dense:
        return geometry_summary.summarise(dense, bootstrap_samples=samples)
    if summaries:
        return summary_scores.summarise(summaries, bootstrap_samples=samples)
    return verdict.summarise(verdicts, bootstrap_samples=samples)


def _coco(marked: Sequence[Marked]) -> CocoScores | None:
    """COCO's numbers over all images; None unless every answer's probabilities are known."""
    shown: list[ScoredImage] = []
    for each in marked:
        if not isinstance(each, DenseMarked):
            return None
        answer = () if each.mark.cut else each.parsed.dense_objects
        surety = () if each.mark.cut else each.surety
        if surety is None:
            return None
        gold = each.gold
        shown.append(ScoredImage(gold.objects, answer, surety, gold.width, gold.height))
    return coco_scores(shown)
