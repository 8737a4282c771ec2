"""`sightwright calibrate`: a model's confidences made true, and a threshold for review."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightwright.cli.paths import folder_option, given_path

if TYPE_CHECKING:
    from rich.table import Table

    from sightwright.certificate import Calibration
    from sightwright.evaluate.calibrate import Calibrated, FieldLine, Holdout

FILE_NAME, PAGE_NAME = "calibration.json", "calibration.html"


def calibrate(
    evaluation: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", parser=given_path, help="The folder that `eval --out` wrote."
        ),
    ],
    into: Annotated[
        Path | None,
        folder_option("Store it in this model's sightwright.json: an adapter, a run, a model."),
    ] = None,
    target_risk: Annotated[
        float,
        typer.Option(
            help="Largest share of wrong values among those not reviewed.", min=0.0001, max=0.5
        ),
    ] = 0.01,
    out: Annotated[
        Path | None, folder_option("Folder of calibration.json and .html; else the evaluation's.")
    ] = None,
    other_weights: Annotated[
        bool, typer.Option(help="Store it although other weights were evaluated, knowingly.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Fit confidences to what was right in an evaluation; choose which values need review.

    The evaluated records must be none that the model was trained on or chosen by. Each confidence
    is judged by a fit on other documents (5 folds), so the calibrated error (ECE, 15 bins of equal
    mass) is honest. The threshold accepts as many values as it can while the risk among them is
    under --target-risk, by a one-sided 95 % bound (Clopper-Pearson, less for values that fail
    together in a document, shared out among the thresholds tried).
    """
    from sightwright import canonical, certificate, html, logs
    from sightwright.evaluate import calibrate as calibrating
    from sightwright.evaluate.weights import evaluated_weights

    holdout = calibrating.read_holdout(evaluation)
    found = calibrating.calibrate(holdout.cases, target_risk)
    stored = calibrating.to_store(found, holdout, evaluated_weights(holdout.about))
    model = _store(stored, into, holdout, other_weights=other_weights) if into else None
    folder = out or evaluation
    certificate.write_calibration(folder / FILE_NAME, stored)
    values = _page_values(found, holdout, stored)
    canonical.write_text(folder / PAGE_NAME, html.render("calibrate.html", values))
    console = logs.console(stderr=as_json)
    console.print(_table(found))
    for line in _said(found, holdout):
        console.print(line, markup=False)
    written = [folder / FILE_NAME, folder / PAGE_NAME, *([model] if model else [])]
    console.print(", ".join(map(str, written)), markup=False, soft_wrap=True)
    if as_json:
        typer.echo(canonical.dumps(_json(found, stored, holdout, written)))


def _store(stored: "Calibration", into: Path, holdout: "Holdout", *, other_weights: bool) -> Path:
    from sightwright import logs
    from sightwright.evaluate import calibrate as calibrating
    from sightwright.export.adapter import find_adapter

    folder = into if (into / "config.json").is_file() else find_adapter(into).folder
    for difference in calibrating.differences(holdout.about, folder):
        logs.get_logger(__name__).warning("%s", difference)
    return calibrating.store(folder, stored, other_weights=other_weights)


def _table(found: "Calibrated") -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title="ECE before and after calibration; share to review, risk of the rest",
        title_justify="left",
        box=box.SIMPLE_HEAD,
    )
    table.add_column("field", overflow="fold", min_width=16)
    for column in ("values", "wrong", "before", "after", "by", "review", "risk"):
        table.add_column(column, justify="right", no_wrap=True)
    total, *fields = found.lines
    for line in fields:
        # As text: `lines[].price` is no markup.
        table.add_row(Text(line.name or ""), *_cells(line))
    table.add_section()
    table.add_row("all", *_cells(total), style="bold")
    return table


def _cells(line: "FieldLine") -> tuple[str, ...]:
    by = "" if line.name is None else "its own" if line.is_own else "all"
    risk = "–" if line.risk is None else f"{line.risk:.2%}"
    errors = (f"{line.ece_before:.4f}", f"{line.ece_after:.4f}")
    return (str(line.num_cases), str(line.num_wrong), *errors, by, f"{line.reviewed:.1%}", risk)


def _said(found: "Calibrated", holdout: "Holdout") -> list[str]:
    """The threshold, and what was left out, in words."""
    chosen, target = found.threshold, found.target_risk
    if chosen is None:
        lines = [
            f"No threshold keeps the risk under {target:.2%}: every value will be sent to review. "
            "Evaluate more documents, or allow a larger --target-risk."
        ]
    elif not chosen.value:
        lines = [
            f"No value needs review: {chosen.risk:.2%} are wrong, at most {chosen.risk_bound:.2%} "
            f"(target {target:.2%})."
        ]
    else:
        lines = [
            f"Confidence under {chosen.value:.4f} goes to review: {1 - chosen.coverage:.1%} of the "
            f"values. Of the others {chosen.risk:.2%} are wrong, at most {chosen.risk_bound:.2%} "
            f"(target {target:.2%})."
        ]
    if holdout.num_silent:
        lines.append(f"{holdout.num_silent} values without a confidence are left out.")
    if holdout.num_failed:
        lines.append(f"{holdout.num_failed} documents without a usable answer are left out.")
    return lines


def _page_values(found: "Calibrated", holdout: "Holdout", stored: "Calibration") -> dict[str, Any]:
    from sightwright.evaluate.plots import plot_values

    return {
        "stored": stored,
        "lines": found.lines,
        "said": _said(found, holdout),
        "plots_values": plot_values(found.cases, found.honest, found.threshold, found.target_risk),
    }


def _json(
    found: "Calibrated", stored: "Calibration", holdout: "Holdout", written: list[Path]
) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        **asdict(stored),
        "fields": [asdict(line) for line in found.lines[1:]],
        "values_without_confidence": holdout.num_silent,
        "documents_without_answer": holdout.num_failed,
        "files": [str(path) for path in written],
    }
