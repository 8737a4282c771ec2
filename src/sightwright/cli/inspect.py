"""`sightwright inspect`: what checkpoints hold, and how two of them differ. Nothing is loaded."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sightwright.cli.paths import given_path
from sightwright.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from rich.console import Console

    from sightwright.export.contents import Comparison, Contents

_SHOWN = 20


@dataclass(frozen=True)
class _Failed:
    """A folder that could not be looked into."""

    path: Path
    files: tuple[str, ...]
    error: str

    def value(self) -> dict[str, Any]:
        return {"path": str(self.path), "files": list(self.files), "error": self.error}


def inspect(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(parser=given_path, metavar="DIR", help="Checkpoints or models."),
    ] = None,
    paths: Annotated[
        list[Path] | None,
        typer.Option("--paths", parser=given_path, metavar="DIR...", help="The same."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    lines: Annotated[
        bool,
        typer.Option("--lines", help="A heading and a JSON object for each, as the script prints."),
    ] = False,
) -> None:
    """Tell what adapters and models hold, from the headers of their files; compare two.

    Exit code 2 if a folder could not be looked into; the others are told all the same.
    """
    from sightwright import extras

    # `--paths A B` gives A to the option and leaves B an argument.
    given = [*(paths or ()), *(folders or ())]
    if not given:
        raise ConfigError("nothing to look into", remedy="give one or more checkpoint folders")
    extras.require("safetensors", "train")
    found = [_look(folder) for folder in given]
    compared = _compared(found)
    if as_json:
        _print_json(found, compared)
    elif lines:
        _print_lines(found, compared)
    else:
        _print_tables(found, compared)
    if any(isinstance(one, _Failed) for one in found):
        raise typer.Exit(2)


def _look(folder: Path) -> "Contents | _Failed":
    from sightwright.export.contents import file_names, read_contents

    try:
        return read_contents(folder)
    except ModelError as error:
        typer.echo(f"error: {error}", err=True)
        place = "" if error.where in (None, str(folder)) else f"{error.where}: "
        return _Failed(folder, file_names(folder), place + error.message)


def _compared(found: "list[Contents | _Failed]") -> "Comparison | None":
    from sightwright.export.contents import compare

    looked = _looked(found)
    return compare(*looked) if len(found) == len(looked) == 2 else None


def _looked(found: "list[Contents | _Failed]") -> "list[Contents]":
    return [one for one in found if not isinstance(one, _Failed)]


def _print_json(found: "list[Contents | _Failed]", compared: "Comparison | None") -> None:
    from sightwright import canonical

    value: dict[str, Any] = {"checkpoints": [one.value() for one in found]}
    if compared is not None:
        value["comparison"] = compared.value()
    typer.echo(canonical.dumps(value))


def _print_lines(found: "list[Contents | _Failed]", compared: "Comparison | None") -> None:
    import json

    # What is no folder has its line on stderr, and nothing here.
    for one in (one for one in found if one.path.is_dir()):
        typer.echo(f"=== {one.path} ===")
        typer.echo(json.dumps(one.value(), ensure_ascii=False, indent=2))
    if compared is not None:
        typer.echo(f"=== {compared.first.path} and {compared.second.path} ===")
        typer.echo(json.dumps(compared.value(), ensure_ascii=False, indent=2))


def _print_tables(found: "list[Contents | _Failed]", compared: "Comparison | None") -> None:
    from rich.table import Table
    from rich.text import Text

    from sightwright import logs

    console = logs.console()
    looked = _looked(found)
    table = Table("")
    # Text, not markup: what stands in a file is shown as it stands there.
    for one in looked:
        table.add_column(Text(_safe(str(one.path))), overflow="fold")
    rows = [_facts(one) for one in looked]
    told = [name for name in (rows[0] if rows else ()) if any(row[name] for row in rows)]
    for name in told:
        table.add_row(name, *(Text(row[name]) for row in rows))
    if looked:
        console.print(table)
    if compared is not None:
        _print_differences(console, compared)


def _facts(one: "Contents") -> dict[str, str]:
    """Rows of the table: name → text."""
    config = one.config or {}
    return {
        "kind": one.kind if one.is_whole else f"{one.kind}, not written to its end",
        "base": _safe(str(config.get("base_model_name_or_path") or "")),
        "tensors": str(len(one.tensors)),
        "numbers": f"{one.num_values:,}",
        "size": f"{one.num_bytes / 1e6:,.3f} MB",
        "formats": ", ".join(one.dtypes) if len(one.dtypes) == 1 else _counts(one.dtypes),
        "rank, alpha": _rank_and_alpha(one),
        "adapted": _counts(one.targets),
        "of the adapter": _sides(one.adapter.counts()),
        "learnt in full": _sides(one.modules_to_save.counts()),
        "aligner": "\n".join(_safe(name) for name in one.aligner),
    }


def _rank_and_alpha(one: "Contents") -> str:
    alpha = (one.config or {}).get("lora_alpha")
    ranks = next(iter(one.ranks)) if len(one.ranks) == 1 else _counts(one.ranks)
    return ranks if alpha is None or not ranks else f"{ranks}; alpha {alpha}"


def _counts(counts: dict[str, int]) -> str:
    """`q_proj × 36, v_proj × 36`."""
    return ", ".join(f"{_safe(name)} × {number}" for name, number in counts.items())


def _sides(counts: dict[str, int]) -> str:
    if not counts["total"]:
        return ""
    return f"{counts['total']} (language {counts['llm']}, vision {counts['vision']})"


def _print_differences(console: "Console", compared: "Comparison") -> None:
    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    if compared.is_equal:
        say("both hold the same tensors, by name, shape and number format")
    for key, (ours, theirs) in compared.settings.items():
        if not isinstance(ours, list) and not isinstance(theirs, list):
            say(f"{key}: {_safe(str(ours))} and {_safe(str(theirs))}")
    for name, (ours, theirs) in list(compared.differing.items())[:_SHOWN]:
        say(f"{_safe(name)}: {ours} and {theirs}")
    _say_rest(say, len(compared.differing))
    for which, names in (("first", compared.only_first), ("second", compared.only_second)):
        for name in names[:_SHOWN]:
            say(f"only in the {which}: {_safe(name)}")
        _say_rest(say, len(names))


def _say_rest(say: Any, number: int) -> None:
    if number > _SHOWN:
        say(f"… and {number - _SHOWN} more (--json names all)")


def _safe(text: str) -> str:
    """A name out of a file, which may hold anything, as a terminal can show it."""
    return text if text.isprintable() else repr(text)
