"""`sightwright`: every verb of a model's life, in the order of that life.

Exit codes: 0 done · 1 a bug of ours (with its traceback) · 2 something the user can mend (bad
input, bad settings, failed documents) · 3 a missing optional dependency · 130 interrupted.
"""

import errno
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from sightwright import __version__
from sightwright.cli import config, data, ingest
from sightwright.cli.calibrate import calibrate
from sightwright.cli.compare import compare
from sightwright.cli.demo import demo
from sightwright.cli.evaluate import evaluate
from sightwright.cli.export import merge
from sightwright.cli.infer import infer
from sightwright.cli.inspect import inspect
from sightwright.cli.ranks import is_first_to_tell
from sightwright.cli.serve import serve
from sightwright.cli.swift_spelling import AsSwiftSpells
from sightwright.cli.train import train
from sightwright.errors import SightwrightError


class _InTheOrderOfALife(TyperGroup):
    """typer would list the verbs that have verbs of their own last."""

    _ORDER = ("config", "ingest", "data", "train", "eval", "compare", "calibrate", "merge")

    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        return [*self._ORDER, *(name for name in names if name not in self._ORDER)]


app = typer.Typer(
    cls=_InTheOrderOfALife,
    context_settings={"max_content_width": 100},
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
app.command()(compare)
app.command()(calibrate)
app.command(cls=AsSwiftSpells)(merge)
app.command("export", cls=AsSwiftSpells, hidden=True)(merge)
app.command()(inspect)
app.command(cls=AsSwiftSpells)(infer)
app.command()(serve)
app.command()(demo)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sightwright {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Say more: which files are loaded, what runs.")
    ] = False,
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


# What the file system refuses is the user's to mend; a file that is gone may be a bug of ours.
_REFUSALS = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT,
    errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG,
)  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Run one command line; the user's mistakes end in a message, ours in a traceback."""
    try:
        # The scripts call this too: what they were started as knows no verbs.
        app(arguments, prog_name="sightwright")
    except SightwrightError as error:
        _tell(str(error))
        raise SystemExit(error.exit_code) from None
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        place = f"{error.filename2 or error.filename}: " if error.filename else ""
        _tell(f"{place}{error.strerror}")
        raise SystemExit(2) from None


def _tell(error: str) -> None:
    if is_first_to_tell():
        typer.echo(f"error: {error}", err=True)
