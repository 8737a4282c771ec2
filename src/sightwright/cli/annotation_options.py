"""The options of `ingest annotations`, and what the verbs beside it have of them too."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sightwright.cli.paths import file_option, folder_option, given_path

MIN_PIXELS = 4 * 32 * 32


class Format(StrEnum):
    bbu = "bbu"
    rru = "rru"
    coco = "coco"
    lvis = "lvis"
    labelme = "labelme"
    cvat = "cvat"
    voc = "voc"
    ms_swift = "ms-swift"


class ErrorMode(StrEnum):
    strict = "strict"
    lenient = "lenient"
    warn = "warn"


class PixelFrame(StrEnum):
    auto = "auto"
    upright = "upright"
    stored = "stored"


class SampleStrategy(StrEnum):
    random = "random"
    stratified = "stratified"
    uniform = "uniform"
    top_k = "top_k"


Json = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")]
OutFile = Annotated[Path, file_option("The JSONL to write.")]
MaxPixels = Annotated[int, typer.Option(min=MIN_PIXELS, help="Most pixels of an image.")]
ImageFactor = Annotated[
    int, typer.Option(min=1, help="Both sides of an image become multiples of it.")
]

Source = Annotated[
    Path,
    typer.Argument(
        parser=given_path, metavar="SOURCE", help="A file of annotations, or a folder of them."
    ),
]
WrittenBy = Annotated[Format, typer.Option(help="What wrote them.")]
Images = Annotated[Path, folder_option("Where the images lie.")]
OutFolder = Annotated[Path, folder_option("Folder for the records.")]
Mode = Annotated[
    ErrorMode,
    typer.Option(help="An invalid object fails the run, is left out, or is kept where it can be."),
]
Resize = Annotated[
    bool, typer.Option("--resize/--no-resize", help="Bring images onto the model's grid.")
]
PolyMaxPoints = Annotated[
    int | None, typer.Option(min=3, help="A polygon with more points becomes its box.")
]
Boxes = Annotated[
    bool, typer.Option("--boxes/--polygons", help="COCO and LVIS: boxes, or polygons.")
]
KeepCrowd = Annotated[
    bool, typer.Option("--keep-crowd", help="Take crowd regions and masks (RLE) as their boxes.")
]
ClipBoxes = Annotated[
    bool,
    typer.Option(
        "--clip-boxes/--no-clip-boxes",
        help="Cut off what reaches over the edge, or call it invalid.",
    ),
]
Frame = Annotated[
    PixelFrame,
    typer.Option(
        help="Pixels that coordinates of a turned photograph are of; auto: by the stated size."
    ),
]
OneBased = Annotated[
    bool, typer.Option("--one-based", help="VOC: the first pixel is 1, as in the VOC sets.")
]
IgnoreLabel = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LABEL",
        help="Leave out objects of it; __ignore__ and _background_ unless given.",
    ),
]
Attributes = Annotated[
    bool, typer.Option("--attributes", help="Append attributes to class names (not bbu, rru).")
]
StripOcclusion = Annotated[
    bool,
    typer.Option(
        "--strip-occlusion/--keep-occlusion", help="bbu, rru: drop words about occlusion."
    ),
]
SanitizeText = Annotated[
    bool,
    typer.Option(
        "--sanitize-text/--keep-text", help="bbu, rru: put white space of labels in order."
    ),
]
StandardizeLabels = Annotated[
    bool,
    typer.Option(
        "--standardize-labels/--keep-labels", help="bbu, rru: a label without text is 不可读."
    ),
]
ValRatio = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="Share of the images for val.jsonl.")
]
Seed = Annotated[int, typer.Option(help="Of the split.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Only so many samples.")]
NumWorkers = Annotated[
    int | None,
    typer.Option(min=0, help="Processes; one per core unless given, 0 for none beside this."),
]
AbsolutePaths = Annotated[
    bool, typer.Option("--absolute-paths", help="Name images by their whole path.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Write anew over another conversion in DIR.")
]
