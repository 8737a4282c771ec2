"""`sightwright config`: look at a configuration before anything is loaded."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightwright.cli.config_keys import explain, schema
from sightwright.cli.paths import given_path
from sightwright.cli.train import BaseConfig

if TYPE_CHECKING:
    from rich.console import Console

    from sightwright.config.load import Loaded

app = typer.Typer(
    help="Check a YAML, show what it comes to, and look its keys up.", no_args_is_help=True
)
app.command()(explain)
app.command()(schema)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def check(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE", parser=given_path, help="YAML files, each checked by itself."
        ),
    ],
    base_config: BaseConfig = None,
    as_json: AsJson = False,
) -> None:
    """Name everything that is wrong in a YAML, and what `train` would still refuse.

    A mixture of data sets is checked too, by itself or with the YAML that names it.
    """
    import json

    reports = [_report(file, base_config) for file in files]
    if as_json:
        print(json.dumps({"files": reports}, ensure_ascii=False))
    else:
        _print_reports(reports)
    if any(report["errors"] for report in reports):
        raise typer.Exit(2)


def _report(file: Path, base_config: Path | None) -> dict[str, Any]:
    from sightwright.config.fusion import is_mixture, load_fusion
    from sightwright.config.load import load_config
    from sightwright.config.problems import ConfigProblemsError

    try:
        if is_mixture(file):
            found = {"file": str(file), "ok": True, "notes": [*load_fusion(file).notes]}
            return {**_EMPTY, "kind": "mixture", **found}
        loaded = load_config(file, base_config)
        mixture = loaded.config.custom.fusion_config
        notes = load_fusion(Path(mixture)).notes if mixture is not None else ()
        return _accepted(file, loaded, notes)
    except ConfigProblemsError as error:
        problems = [str(problem) for problem in error.problems]
        return {**_EMPTY, "file": str(file), "ok": False, "errors": problems}


_EMPTY: dict[str, Any] = {
    "kind": "run",
    "errors": [],
    "warnings": [],
    "notes": [],
    "serving": [],
    "train_needs": [],
    "train_refuses": [],
}


def _accepted(file: Path, loaded: "Loaded", notes: tuple[str, ...]) -> dict[str, Any]:
    from sightwright.config.shipping import shipping
    from sightwright.config.support import missing_for_training, unsupported

    config = loaded.config
    trains = config.given("tuner") or config.has_training_data
    return {
        **_EMPTY,
        "file": str(file),
        "ok": True,
        "warnings": list(loaded.warnings),
        "notes": [*loaded.notes, *notes],
        "serving": [str(shipping(config.tuner))] if trains else [],
        "train_needs": missing_for_training(config),
        "train_refuses": [str(part) for part in unsupported(config)],
    }


def _print_reports(reports: list[dict[str, Any]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from sightwright import logs

    table = Table("file", "result", "train", box=None, pad_edge=False)
    for report in reports:
        table.add_row(escape(report["file"]), _verdict(report), _train_verdict(report))
    console = _wide(logs.console())
    console.print(table)
    for report in reports:
        lines = [f"  {word}: {line}" for title, word in _TITLES.items() for line in report[title]]
        if lines:
            console.print("\n".join([f"\n{report['file']}", *lines]), markup=False)


_TITLES = {
    "errors": "error",
    "warnings": "warning",
    "notes": "note",
    "serving": "serving",
    "train_needs": "train needs",
    "train_refuses": "train refuses",
}


def _verdict(report: dict[str, Any]) -> str:
    if not report["ok"]:
        return f"[red]{_count(report['errors'], 'error')}[/red]"
    warnings = f", {_count(report['warnings'], 'warning')}" if report["warnings"] else ""
    return f"[green]ok[/green]{warnings}"


def _train_verdict(report: dict[str, Any]) -> str:
    if not report["ok"]:
        return "-"
    if report["kind"] == "mixture":
        return "a mixture"
    if report["train_refuses"]:
        return f"refuses {_count(report['train_refuses'], 'part')}"
    return "a fragment" if report["train_needs"] else "ready"


def _count(lines: list[str], noun: str) -> str:
    return f"{len(lines)} {noun}{'' if len(lines) == 1 else 's'}"


def _wide(console: "Console") -> "Console":
    """A pipe or a file has no width of its own: nothing is folded there."""
    if not console.is_terminal:
        console.width = 500
    return console


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", parser=given_path, help="The YAML.")],
    base_config: BaseConfig = None,
    show_all: Annotated[bool, typer.Option("--all", help="Also what is left at default.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the resolved values and the file and line that each came from."""
    import json

    from sightwright.config.load import load_config
    from sightwright.config.resolved import resolved_values

    loaded = load_config(file, base_config)
    values = dict(resolved_values(loaded.config))
    if as_json:
        found = {
            key: {"value": value, "from": loaded.provenance[key]} for key, value in values.items()
        }
        print(json.dumps(found, ensure_ascii=False))
        return
    _print_values(values, loaded.provenance, show_all)


def _print_values(values: dict[str, object], provenance: dict[str, str], show_all: bool) -> None:
    import json

    from rich.markup import escape
    from rich.table import Table

    from sightwright import logs
    from sightwright.config.load import DEFAULT

    table = Table(box=None, pad_edge=False)
    for title in ("key", "value", "from"):
        table.add_column(title, overflow="fold")
    hidden = 0
    for key, value in values.items():
        place = provenance[key]
        if place == DEFAULT and not show_all:
            hidden += 1
            continue
        style = "dim" if place == DEFAULT else ""
        shown = json.dumps(value, ensure_ascii=False)
        table.add_row(escape(key), escape(shown), escape(place), style=style)
    console = _wide(logs.console())
    console.print(table)
    if hidden:
        console.print(f"{hidden} values at their default: --all shows them")
