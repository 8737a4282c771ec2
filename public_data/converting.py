"""What the converters of public sets have in common: their options, and the command behind them."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from sightwright.cli.main import main

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class PublicSet:
    """Where a set's files lie unless the options say otherwise."""

    format: str
    annotations: Callable[[str], Path]
    images: Callable[[str], Path]
    out: Path


def parser(public: PublicSet) -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=f"`sightwright ingest annotations` for {public.format}"
    )
    made.add_argument("--split", choices=("train", "val"), default="train")
    made.add_argument("--annotations", type=Path, help="instead of the split's own file")
    made.add_argument("--images", type=Path, help="instead of the split's own folder")
    made.add_argument("--out", type=Path, help="instead of a folder named by the options")
    made.add_argument("--use-polygon", action="store_true", help="polygons; else boxes")
    made.add_argument("--poly-max-points", type=int, help="a polygon with more becomes its box")
    made.add_argument("--smart-resize", action="store_true", help="bring images onto the grid")
    made.add_argument("--image-factor", type=int, default=32)
    made.add_argument("--max-side", type=int, default=768, help="its square is the pixel budget")
    made.add_argument("--keep-crowd", action="store_true")
    made.add_argument("--no-clip-boxes", action="store_true")
    made.add_argument("--absolute-paths", action="store_true")
    made.add_argument("--max_samples", "--max-samples", type=int)
    made.add_argument("--num-workers", type=int)
    made.add_argument("--test", action="store_true", help="ten samples, into a folder of their own")
    return made


def convert(public: PublicSet, arguments: list[str] | None = None) -> None:
    """Read the options and run the command."""
    options_of = parser(public)
    given = options_of.parse_args(arguments)
    if given.poly_max_points is not None and not given.use_polygon:
        options_of.error("--poly-max-points is of polygons: give --use-polygon with it")
    source = given.annotations or public.annotations(given.split)
    images = given.images or public.images(given.split)
    limit = 10 if given.test and given.max_samples is None else given.max_samples
    options = ["--format", public.format, "--images", str(images), "--mode", "lenient"]
    options += ["--out", str(given.out or public.out / folder_name(given))]
    options += ["--val-ratio", "0" if given.split == "train" else "1"]
    options += ["--polygons" if given.use_polygon else "--boxes"]
    options += ["--resize" if given.smart_resize else "--no-resize"]
    options += ["--max-pixels", str(given.max_side**2), "--image-factor", str(given.image_factor)]
    for name in ("keep_crowd", "no_clip_boxes", "absolute_paths"):
        options += [f"--{name.replace('_', '-')}"] if getattr(given, name) else []
    for name, value in (
        ("--poly-max-points", given.poly_max_points), ("--limit", limit),
        ("--num-workers", given.num_workers),
    ):  # fmt: skip
        options += [name, str(value)] if value is not None else []
    main(["ingest", "annotations", str(source), *options])


def folder_name(given: argparse.Namespace) -> str:
    """Such as `rescale_32_768_poly_max_12`, with the split where it is not train."""
    name = f"rescale_{given.image_factor}_{given.max_side}" if given.smart_resize else "original"
    name += "_poly" if given.use_polygon else "_bbox"
    name += f"_max_{given.poly_max_points}" if given.poly_max_points else ""
    name += "" if given.split == "train" else f"_{given.split}"
    return name + ("_test" if given.test else "")
