"""`sightwright eval`: answer every record of a set and mark the answers field by field."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightwright.cli.paths import given_path
from sightwright.errors import ConfigError

if TYPE_CHECKING:
    from sightwright.evaluate.asking import Asking
    from sightwright.evaluate.run import Evaluation


class Order(StrEnum):
    image_first = "image_first"
    instruction_first = "instruction_first"


def _file(help: str) -> Any:
    return typer.Option(parser=given_path, metavar="FILE", help=help)


def _folder(help: str) -> Any:
    return typer.Option(parser=given_path, metavar="DIR", help=help)


def evaluate(
    data: Annotated[Path, _file("JSONL of chat records with their labels.")],
    model: Annotated[
        str | None,
        typer.Option(help="A model's folder, a hub id, or tiny; by default --adapters' base."),
    ] = None,
    adapters: Annotated[Path | None, _folder("An adapter's folder, or a run folder.")] = None,
    schema: Annotated[
        Path | None, _file("JSON Schema of the answers; by default the one trained with.")
    ] = None,
    out: Annotated[Path | None, _folder("Folder for report.json and predictions.jsonl.")] = None,
    batch_size: Annotated[int, typer.Option(help="Documents answered together.", min=1)] = 8,
    max_records: Annotated[
        int | None, typer.Option(help="Evaluate the first so many alone.", min=1)
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(help="Output limit; by default as trained, else 512.", min=1)
    ] = None,
    max_pixels: Annotated[
        int | None, typer.Option(help="Most pixels of an image; by default as trained.", min=1)
    ] = None,
    prompt: Annotated[
        str | None, typer.Option(help="Instruction in place of the records' own.")
    ] = None,
    order: Annotated[
        Order | None, typer.Option(help="What opens a question; by default as trained.")
    ] = None,
    prompt_has_schema: Annotated[
        bool | None,
        typer.Option(
            "--prompt-has-schema/--prompt-without-schema",
            help="Whether a question shows the schema; by default as trained.",
        ),
    ] = None,
    constrained: Annotated[
        bool, typer.Option("--constrained/--unconstrained", help="Hold the decoder to the schema.")
    ] = True,
    dtype: Annotated[str, typer.Option(help="Number format; auto: the checkpoint's.")] = "auto",
    device: Annotated[str | None, typer.Option(help="cpu, cuda, …; by default the best.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The report as JSON on stdout, the table on stderr.")
    ] = False,
) -> None:
    """Answer and mark a set of records: precision, recall and F1 of every field."""
    from sightwright import certificate, extras
    from sightwright.evaluate import asking, run

    checkpoint, base = _weights(model, adapters)
    records = run.read_records(data, max_records)
    for package in ("torch", "transformers", *(["peft"] if checkpoint else [])):
        extras.require(package, "train")
    from sightwright.infer.transformers_engine import TransformersEngine
    from sightwright.model.load import load_vision_spec, resolve_folder

    folder = resolve_folder(base)
    known = certificate.read(checkpoint or folder)
    wishes = asking.Wishes(
        schema, prompt, order.value if order else None, prompt_has_schema, max_pixels, max_tokens
    )
    how = asking.decide(wishes, known, load_vision_spec(folder).pixels)
    run.check_records(records, how.task, data.parent)
    _warn(asking.num_asked_otherwise(records, how.task, known), len(records))
    engine = TransformersEngine.from_folder(
        base, adapters=checkpoint, dtype=dtype, device=device, pixels=how.pixels
    )
    found = run.evaluate(
        engine, records, how.task, root=data.parent, batch_size=batch_size,
        max_tokens=how.max_tokens, constrained=constrained,
    )  # fmt: skip
    about = {"model": base, "adapters": str(checkpoint) if checkpoint else None, "data": str(data)}
    about |= {"constrained": constrained, "batch_size": batch_size, **_described(how)}
    _show(found, about, out, as_json=as_json)


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


def _show(
    found: "Evaluation", about: dict[str, object], out: Path | None, *, as_json: bool
) -> None:
    from sightwright import canonical, logs
    from sightwright.evaluate import report

    console = logs.console(stderr=as_json)
    console.print(report.score_table(found.scores))
    if out is not None:
        report.write_report(out, found, about)
        written = f"{out / report.REPORT_NAME}, {out / report.PREDICTIONS_NAME}"
        console.print(written, markup=False, soft_wrap=True)
    if as_json:
        typer.echo(canonical.dumps(report.report_value(found, about)))
