"""`sightwright config explain` and `config schema`: what a YAML may hold."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sightwright.cli.paths import file_option

if TYPE_CHECKING:
    from sightwright.config.describe import Entry

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def explain(
    key: Annotated[
        str | None,
        typer.Argument(
            help="tuner.lora_rank, lora_rank, a section, an older name, or ms-swift's place for "
            "it. Without one: the sections."
        ),
    ] = None,
    mixture: Annotated[
        bool, typer.Option("--mixture", help="A key of the file that `fusion_config` names.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what a key means, what it takes, its default, its other names, and who reads it."""
    from dataclasses import asdict

    from sightwright import canonical
    from sightwright.config import describe, describe_mixture

    of_mixture = mixture or (key is not None and describe_mixture.is_of_mixture(key))
    surface = describe_mixture if of_mixture else describe
    found = surface.sections() if key is None else surface.explained(key)
    if as_json:
        print(canonical.dumps({"keys": [asdict(entry) for entry in found]}))
    elif key is None:
        _print_table(found)
    else:
        for entry in found:
            _print_entry(entry)
            if below := surface.keys_below(entry.key):
                print()
                _print_table(below)


def _print_entry(entry: "Entry") -> None:
    from sightwright import canonical, logs

    default = "required" if entry.required else canonical.dumps(entry.default)
    is_section = entry.type == "mapping" and entry.default is None
    lines = [
        (entry.key, entry.meaning),
        ("  type", entry.type),
        ("  values", ", ".join(entry.allowed)),
        ("  default", "" if is_section else default),
        ("  also", "; ".join(entry.also)),
        ("  read by", ", ".join(entry.read_by) or "no verb of this version"),
        *(("  note", limit) for limit in entry.limits),
    ]
    width = max(len(name) for name, _ in lines)
    console = logs.console()
    for name, text in lines:
        if text:
            console.print(f"{name:<{width}}  {text}", markup=False, soft_wrap=True)
    example = "".join(f"    {line}\n" for line in entry.example.splitlines())
    console.print(f"  example\n{example}", markup=False, soft_wrap=True, end="")


def _takes(entry: "Entry") -> str:
    """The values, where there are few, in place of the type's name."""
    if not 0 < len(entry.allowed) <= 6:
        return entry.type.replace("one of the values below", "one of a list")
    return entry.type.replace("one of the values below", ", ".join(entry.allowed))


def _print_table(found: "list[Entry]") -> None:
    from rich.markup import escape
    from rich.table import Table

    from sightwright import logs

    table = Table("key", "type", "meaning", box=None, pad_edge=False)
    for entry in found:
        table.add_row(escape(entry.key), escape(_takes(entry)), escape(entry.meaning))
    console = logs.console()
    if not console.is_terminal:
        console.width = 200
    console.print(table)


def schema(
    out: Annotated[Path | None, file_option("Write it into this file.")] = None,
    mixture: Annotated[
        bool, typer.Option("--mixture", help="Of the file that `fusion_config` names.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="On one line.")] = False,
) -> None:
    """Print the JSON Schema of a configuration, for editors that complete and check YAML.

    Give the file as the first line of a YAML, for the YAML language server of most editors:

    # yaml-language-server: $schema=sightwright.schema.json
    """
    import json

    from sightwright import canonical
    from sightwright.config.json_schema import HINT, json_schema
    from sightwright.config.mixture_schema import mixture_schema

    value = mixture_schema() if mixture else json_schema()
    if out is None:
        print(canonical.dumps(value) if as_json else json.dumps(value, indent=2))
        return
    canonical.write_json(out, value)
    if as_json:
        print(canonical.dumps({"file": str(out), "hint": f"{HINT}{out}"}))
    else:
        print(f"wrote {out}; first line of a YAML: {HINT}{out}")
