"""`sightwright`: every verb of a model's life, in the order of that life.

Exit codes: 0 done · 1 a bug of ours (with its traceback) · 2 something the user can mend (bad
input, bad settings, failed documents) · 3 a missing optional dependency · 130 interrupted.
"""

from typing import Annotated

import typer

from sightwright import __version__
from sightwright.cli import config, data, ingest
from sightwright.cli.demo import demo
from sightwright.cli.evaluate import evaluate
from sightwright.cli.export import merge
from sightwright.cli.serve import serve
from sightwright.cli.train import train
from sightwright.errors import SightwrightError

app = typer.Typer(
    help="Qwen3-VL from raw pages to a served model that answers in strict JSON.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
app.add_typer(ingest.app, name="ingest")
app.add_typer(data.app, name="data")
app.add_typer(config.app, name="config")
app.command()(train)
app.command("eval")(evaluate)
app.command()(merge)
app.command()(serve)
app.command()(demo)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sightwright {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    verbose: Annotated[bool, typer.Option("--verbose", help="Log more.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    import os
    import sys

    from sightwright import logs

    logs.configure(verbose)
    if not sys.stderr.isatty():
        # The hub's bars redraw themselves; in a log file every redraw is a line.
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def main(arguments: list[str] | None = None) -> None:
    """Run one command line; the user's mistakes end in a message, ours in a traceback."""
    try:
        app(arguments)
    except SightwrightError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(error.exit_code) from None
