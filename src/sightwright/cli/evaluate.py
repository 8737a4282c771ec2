"""`sightwright eval`: answer every record of a set and mark the answers.

Documents are marked field by field; photographs and groups of them as `evaluate_inspection` has it.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightwright.cli.paths import file_option, folder_option, make_output_folder
from sightwright.errors import ConfigError

if TYPE_CHECKING:
    from sightwright.certificate import Certificate
    from sightwright.evaluate.asking import Asking, Wishes
    from sightwright.evaluate.inspection_asking import InspectionWishes
    from sightwright.evaluate.run import Evaluation
    from sightwright.infer.transformers_engine import TransformersEngine
    from sightwright.record_formats import Record
    from sightwright.records import ChatRecord
    from sightwright.vision import PixelPolicy


class Order(StrEnum):
    image_first = "image_first"
    instruction_first = "instruction_first"


class InspectionTask(StrEnum):
    dense = "dense"
    summary = "summary"
    verdict = "verdict"


_Data = Annotated[Path, file_option("JSONL of records with their labels.")]
_Model = Annotated[
    str | None,
    typer.Option(help="A model's folder, a hub id, or tiny; by default --adapters' base."),
]
_Adapters = Annotated[Path | None, folder_option("An adapter's folder, or a run folder.")]
_Schema = Annotated[
    Path | None, file_option("JSON Schema of the answers; by default the one trained with.")
]
_Task = Annotated[
    InspectionTask | None,
    typer.Option(help="What is asked of photographs; by default as trained, else by the records."),
]
_Config = Annotated[
    Path | None, file_option("YAML of a run of photographs: ask and mark as that run does.")
]
_Out = Annotated[
    Path | None, folder_option("Folder for report.html, report.json and predictions.jsonl.")
]
_Html = Annotated[
    bool, typer.Option("--html/--no-html", help="Write the report as a page too (with --out).")
]
_HtmlDocuments = Annotated[
    int, typer.Option(help="Wrong documents that the page shows, the worst first.", min=0)
]
_BatchSize = Annotated[int, typer.Option(help="Documents answered together.", min=1)]
_MaxRecords = Annotated[int | None, typer.Option(help="Evaluate the first so many alone.", min=1)]
_MaxTokens = Annotated[
    int | None, typer.Option(help="Output limit; by default as trained, else 512.", min=1)
]
_MaxPixels = Annotated[
    int | None, typer.Option(help="Most pixels of an image; by default as trained.", min=1)
]
_Prompt = Annotated[str | None, typer.Option(help="Instruction in place of the records' own.")]
_Order = Annotated[Order | None, typer.Option(help="What opens a question; by default as trained.")]
_PromptHasSchema = Annotated[
    bool | None,
    typer.Option(
        "--prompt-has-schema/--prompt-without-schema",
        help="Whether a question shows the schema; by default as trained.",
    ),
]
_Constrained = Annotated[
    bool, typer.Option("--constrained/--unconstrained", help="Hold the decoder to the schema.")
]
_Dtype = Annotated[str, typer.Option(help="Number format; auto: the checkpoint's.")]
_Device = Annotated[str | None, typer.Option(help="cpu, cuda, …; by default the best.")]
_AsJson = Annotated[
    bool, typer.Option("--json", help="The report as JSON on stdout, the table on stderr.")
]


def evaluate(
    data: _Data,
    model: _Model = None,
    adapters: _Adapters = None,
    schema: _Schema = None,
    task: _Task = None,
    config: _Config = None,
    out: _Out = None,
    html: _Html = True,
    html_documents: _HtmlDocuments = 50,
    batch_size: _BatchSize = 8,
    max_records: _MaxRecords = None,
    max_tokens: _MaxTokens = None,
    max_pixels: _MaxPixels = None,
    prompt: _Prompt = None,
    order: _Order = None,
    prompt_has_schema: _PromptHasSchema = None,
    constrained: _Constrained = True,
    dtype: _Dtype = "auto",
    device: _Device = None,
    as_json: _AsJson = False,
) -> None:
    """Answer and mark a set of records: fields of documents, objects, summaries, verdicts.

    Documents get precision, recall and F1 of every field; objects F1 by place and class;
    summaries F1 of their facts; verdicts accuracy and the two ways to be wrong.

    With --out: report.html for people (scores, and wrong records beside their images), report.json
    and predictions.jsonl for programs; of documents, for `compare` and `calibrate` too.
    """
    from sightwright.evaluate import asking, inspection, inspection_asking
    from sightwright.ingest.sources import printable

    checkpoint, base = _weights(model, adapters)
    records = inspection.read_records(data, max_records)
    _require_packages(checkpoint)
    known = _certificate(checkpoint, base)
    turn = order.value if order else None
    photographs = inspection_asking.InspectionWishes(
        task.value if task else None, config, prompt, turn, max_pixels, max_tokens
    )
    about: dict[str, object] = {
        "model": printable(base),
        "adapters": printable(checkpoint) if checkpoint else None,
        "data": printable(data),
    }
    run = _Run(base, checkpoint, known, data, out, batch_size, dtype, device, as_json)
    pictures = html_documents if html else None
    if inspection_asking.is_inspection(photographs, known, records):
        _refuse_document_options(schema, prompt_has_schema)
        _evaluate_photographs(run, records, photographs, about, pictures)
    else:
        wishes = asking.Wishes(schema, prompt, turn, prompt_has_schema, max_pixels, max_tokens)
        _evaluate_documents(run, _documents(records), wishes, about, pictures, constrained)


@dataclass(frozen=True)
class _Run:
    """What both kinds of evaluation are given alike."""

    base: str
    checkpoint: Path | None
    known: "Certificate | None"
    data: Path
    out: Path | None
    batch_size: int
    dtype: str
    device: str | None
    as_json: bool

    def engine(self, pixels: "PixelPolicy") -> "TransformersEngine":
        from sightwright.infer.transformers_engine import TransformersEngine

        return TransformersEngine.from_folder(
            self.base, adapters=self.checkpoint, dtype=self.dtype, device=self.device,
            pixels=pixels,
        )  # fmt: skip


def _evaluate_documents(
    given: _Run,
    records: "list[ChatRecord]",
    wishes: "Wishes",
    about: dict[str, object],
    max_documents: int | None,
    constrained: bool,
) -> None:
    from sightwright.evaluate import run

    how = _decide(wishes, records, given)
    if given.out is not None:
        make_output_folder(given.out)
    found = run.evaluate(
        given.engine(how.pixels), records, how.task, root=given.data.parent,
        batch_size=given.batch_size, max_tokens=how.max_tokens, constrained=constrained,
    )  # fmt: skip
    about |= {"constrained": constrained, "batch_size": given.batch_size}
    about |= _described(how)
    _print(found, about, as_json=given.as_json)
    if given.out is not None:
        root, as_json = given.data.parent, given.as_json
        _write(given.out, found, about, records, root, max_documents, as_json=as_json)


def _evaluate_photographs(
    given: _Run,
    records: "list[Record]",
    wishes: "InspectionWishes",
    about: dict[str, object],
    max_records: int | None,
) -> None:
    from sightwright.cli import evaluate_inspection
    from sightwright.evaluate import inspection, inspection_asking
    from sightwright.model.load import load_vision_spec, resolve_folder

    own = load_vision_spec(resolve_folder(given.base)).pixels
    how = inspection_asking.decide(wishes, given.known, own, records)
    inspection.check_records(records, how.task, given.data.parent)
    if given.out is not None:
        make_output_folder(given.out)
    found = inspection.evaluate(
        given.engine(how.pixels), records, how.task, root=given.data.parent,
        batch_size=given.batch_size, max_tokens=how.max_tokens, with_coco=True,
    )  # fmt: skip
    about |= {"batch_size": given.batch_size}
    about |= evaluate_inspection.described(how, wishes.config)
    evaluate_inspection.show(found, about, as_json=given.as_json)
    if given.out is not None:
        root, as_json = given.data.parent, given.as_json
        evaluate_inspection.write(given.out, found, about, root, max_records, as_json=as_json)


def _documents(records: "list[Record]") -> "list[ChatRecord]":
    from sightwright.records import ChatRecord

    # Of photographs there is none here: their presence makes it another kind of evaluation.
    return [record for record in records if isinstance(record, ChatRecord)]


def _refuse_document_options(schema: Path | None, prompt_has_schema: bool | None) -> None:
    if schema is not None or prompt_has_schema is not None:
        raise ConfigError(
            "answers about photographs have no JSON Schema",
            where="--schema" if schema is not None else "--prompt-has-schema",
            remedy="leave it out; --task and --config say what is asked",
        )


def _certificate(checkpoint: Path | None, base: str) -> "Certificate | None":
    from sightwright import certificate
    from sightwright.model.load import resolve_folder

    return certificate.read(checkpoint or resolve_folder(base))


def _require_packages(checkpoint: Path | None) -> None:
    from sightwright import extras

    for package in ("torch", "transformers", *(["peft"] if checkpoint else [])):
        extras.require(package, "train")


def _decide(wishes: "Wishes", records: "list[ChatRecord]", given: _Run) -> "Asking":
    """How to ask; the records are checked against it before a model is loaded."""
    from sightwright.evaluate import asking, run
    from sightwright.model.load import load_vision_spec, resolve_folder

    own = load_vision_spec(resolve_folder(given.base)).pixels
    how = asking.decide(wishes, given.known, own)
    run.check_records(records, how.task, given.data.parent)
    _warn(asking.num_asked_otherwise(records, how.task, given.known), len(records))
    return how


def _warn(num_other: int, num_records: int) -> None:
    if num_other:
        from sightwright import logs

        logs.get_logger(__name__).warning(
            "%d of %d records ask in other words than the model was taught; see --prompt",
            num_other,
            num_records,
        )


def _weights(model: str | None, adapters: Path | None) -> tuple[Path | None, str]:
    """The adapter's own folder, also where a run folder is given, and the base model."""
    if adapters is None:
        if model is None:
            raise ConfigError("nothing to evaluate", remedy="give --model, or --adapters, or both")
        return None, model
    from sightwright.export.adapter import base_of, find_adapter

    checkpoint = find_adapter(adapters).folder
    return checkpoint, model or base_of(checkpoint)


def _described(how: "Asking") -> dict[str, object]:
    return {
        "schema": how.task.schema.name,
        "prompt": how.task.prompt if how.task.replace_prompt else None,
        "order": how.task.order,
        "prompt_has_schema": how.task.prompt_has_schema,
        "min_pixels": how.pixels.min_pixels,
        "max_pixels": how.pixels.max_pixels,
        "max_tokens": how.max_tokens,
    }


def _print(found: "Evaluation", about: dict[str, object], *, as_json: bool) -> None:
    from sightwright import canonical, logs
    from sightwright.evaluate import report

    logs.console(stderr=as_json).print(report.score_table(found))
    if as_json:
        typer.echo(canonical.dumps(report.report_value(found, about)))


def _write(
    out: Path,
    found: "Evaluation",
    about: dict[str, object],
    records: "list[ChatRecord]",
    root: Path,
    max_documents: int | None,
    *,
    as_json: bool,
) -> None:
    """The files of an evaluation; no page where `max_documents` is None."""
    from sightwright.evaluate import page, report

    written = report.write_report(out, found, about)
    page_path = out / page.PAGE_NAME
    # An older evaluation's page must not stand beside this one's numbers.
    page_path.unlink(missing_ok=True)
    if max_documents is not None:
        page.write_page(page_path, found, records, root, about, max_documents=max_documents)
        written = [page_path, *written]
    typer.echo(", ".join(map(str, written)), err=as_json)
