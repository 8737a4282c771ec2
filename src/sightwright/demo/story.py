"""What the tours share: a folder of their own, verbs of the command line told as they are run."""

import contextlib
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sightwright import canonical, logs
from sightwright.errors import DataError

RunVerb = Callable[[list[str]], None]


@dataclass
class Story:
    """One run of a tour.

    Attributes:
        out: the folder that everything goes into.
        run_verb: runs `sightwright ARGUMENTS` in this process.
        seconds: of each step so far.
    """

    out: Path
    run_verb: RunVerb
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    def path(self, *parts: str) -> str:
        """A place in the folder, as a verb's argument."""
        return str(self.out.joinpath(*parts))

    def begin(self, mark: str, *, overwrite: bool) -> None:
        """Make the folder, or empty it where an earlier tour left one.

        Args:
            mark: a folder that every run of this tour makes first.

        Raises:
            DataError: it holds something, and `overwrite` is not given or it is not a tour's.
        """
        if self.out.exists() and any(self.out.iterdir()):
            if not overwrite:
                raise DataError(
                    "the folder holds something already",
                    where=str(self.out),
                    remedy="give another --out, or --overwrite to replace it",
                )
            if not (self.out / mark).is_dir():
                raise DataError(
                    f"this is not the folder of a demo: it holds no {mark}",
                    where=str(self.out),
                    remedy="give another --out; only what this demo made is replaced",
                )
            shutil.rmtree(self.out)
        self.out.mkdir(parents=True, exist_ok=True)

    def verb(self, name: str, arguments: list[str]) -> None:
        """Run `sightwright ARGUMENTS` as the step `name`."""
        # The summary alone goes to stdout; what the verbs print is the story.
        title = f"sightwright {shlex.join(arguments)}"
        with self.step(name, title), contextlib.redirect_stdout(sys.stderr):
            self.run_verb(arguments)

    @contextlib.contextmanager
    def step(self, name: str, title: str) -> Generator[None]:
        """Tell a step and take its time."""
        console = logs.console(stderr=True)
        console.print(f"\n$ {title}", style="bold", markup=False, soft_wrap=True)
        started = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - started, 1)

    def read(self, *parts: str) -> Any:
        """A JSON file of the folder."""
        return canonical.loads((self.out.joinpath(*parts)).read_bytes())

    def finish(self, summary: dict[str, Any], started: float) -> dict[str, Any]:
        """Add the times and the folder to a summary, and write it as `summary.json`."""
        whole = round(time.monotonic() - started, 1)
        summary |= {"seconds": {**self.seconds, "all": whole}, "folder": str(self.out)}
        canonical.write_json(self.out / "summary.json", summary)
        return summary
