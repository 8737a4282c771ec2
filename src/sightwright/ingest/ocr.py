"""Words of a page that has no text layer, as an OCR engine reads them.

An engine is anything with a name and `reads`; the one at hand is the `tesseract` program, run as
a process of its own, so that nothing of it is ever linked or needed.
"""

import math
import os
import resource
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Literal, Protocol

from sightwright.errors import DataError, MissingExtraError
from sightwright.ingest.words import Word

if TYPE_CHECKING:
    from PIL.Image import Image

Engine = Literal["none", "tesseract"]

_PROGRAM = "tesseract"
_WORD_LEVEL = "5"
_HEADER = (
    "level", "page_num", "block_num", "par_num", "line_num", "word_num",
    "left", "top", "width", "height", "conf", "text",
)  # fmt: skip


class OcrError(DataError):
    """An image that the OCR engine could not read."""


class WordReader(Protocol):
    """Reads the words of an image. It travels to other processes, so it must pickle."""

    @property
    def name(self) -> str:
        """The engine and what its reading depends on, e.g. `tesseract-eng`."""
        ...

    def reads(self, image: "Image") -> list[Word]:
        """The words of an image in reading order, with boxes in its pixels.

        Raises:
            OcrError: the engine failed, or took too long.
        """
        ...


@dataclass(frozen=True)
class TesseractReader:
    """The `tesseract` program.

    Attributes:
        language: as tesseract names them, e.g. `eng` or `deu+eng`.
        seconds: for one image.
    """

    language: str = "eng"
    seconds: float = 100.0

    @property
    def name(self) -> str:
        return f"{_PROGRAM}-{self.language}"

    def check(self) -> None:
        """Make sure that it can run here.

        Raises:
            MissingExtraError: no tesseract, or not this language.
        """
        if shutil.which(_PROGRAM) is None:
            raise MissingExtraError(
                "OCR needs the program tesseract, which is not installed here",
                remedy="apt-get install tesseract-ocr (or brew install tesseract), or --ocr none",
            )
        answer = subprocess.run(
            [_PROGRAM, "--list-langs"], capture_output=True, text=True, timeout=self.seconds
        )
        there = answer.stdout.splitlines()[1:]
        if missing := [name for name in self.language.split("+") if name not in there]:
            raise MissingExtraError(
                f"tesseract does not have the language {', '.join(missing)}; "
                f"it has {', '.join(there) or 'none'}",
                remedy=f"apt-get install tesseract-ocr-{missing[0]}, or another --ocr-language",
            )

    def reads(self, image: "Image") -> list[Word]:
        output = self._run(image)
        try:
            return parse_tsv(output, image.width, image.height)
        except ValueError as error:
            raise OcrError(f"tesseract's answer cannot be understood: {error}") from None

    def _run(self, image: "Image") -> str:
        command = [_PROGRAM, "stdin", "stdout", "-l", self.language]
        if "dpi" in image.info:
            command += ["--dpi", str(round(image.info["dpi"][0]))]
        content = BytesIO()
        image.convert("L").save(content, format="PPM")
        with _start([*command, "tsv"]) as process:
            self._bound(process.pid)
            try:
                output, complaint = process.communicate(content.getvalue(), timeout=self.seconds)
            except subprocess.TimeoutExpired:
                raise OcrError(f"tesseract was not done after {self.seconds:g} s") from None
            finally:
                process.kill()
        if process.returncode != 0:
            why = complaint.decode(errors="replace").strip().splitlines()[-1:]
            raise OcrError(f"tesseract ended with {process.returncode}: {''.join(why)[:300]}")
        return output.decode("utf-8", errors="replace")

    def _bound(self, process_id: int) -> None:
        # Should this worker be ended meanwhile, nobody is left to end what it started.
        seconds = math.ceil(self.seconds)
        with suppress(ProcessLookupError):
            resource.prlimit(process_id, resource.RLIMIT_CPU, (seconds, seconds))


def _start(command: list[str]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Every core has a worker already.
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
    except OSError as error:
        raise OcrError(f"{command[0]} cannot be started: {error.strerror}") from None


def make_reader(engine: Engine, language: str = "eng") -> TesseractReader | None:
    """The OCR engine of this name, ready to read; None for `none`.

    Raises:
        MissingExtraError: the engine is not installed.
    """
    if engine == "none":
        return None
    reader = TesseractReader(language)
    reader.check()
    return reader


def parse_tsv(text: str, width: int, height: int) -> list[Word]:
    """The words in tesseract's TSV of an image of so many pixels.

    Raises:
        ValueError: text of another shape.
    """
    header, *lines = text.splitlines() or [""]
    if tuple(header.split("\t")) != _HEADER:
        raise ValueError(f"the header {header[:80]!r}")
    words = [_word(line, width, height) for line in lines if line.startswith(_WORD_LEVEL + "\t")]
    return [word for word in words if word is not None]


def _word(line: str, width: int, height: int) -> Word | None:
    cells = line.split("\t", len(_HEADER) - 1)
    if len(cells) != len(_HEADER):
        raise ValueError(f"a row of {len(cells)} columns")
    left, top, wide, high = map(int, cells[6:10])
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(width, left + wide), min(height, top + high)
    written = cells[11].strip()
    if not written or x0 >= x1 or y0 >= y1:
        return None
    return Word(written, (x0, y0, x1, y1), round(max(0.0, float(cells[10])) / 100, 4))
