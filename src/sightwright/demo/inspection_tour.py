"""The inspection story on a CPU: draw cabinets, check them, train on a mixture, score, look.

The packaged model has only ever read print. Here it learns to find parts (`dense`) or to say what
a cabinet holds (`summary`), from `configs/demo/<task>.yaml`: a mixture of sets, with augmentation.
"""

import time
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sightwright import canonical, logs
from sightwright.demo.story import Story
from sightwright.draw.scene_sets import draw_irrelevants, draw_scenes
from sightwright.draw.scenes import PARTS, Domain, Part
from sightwright.shipped import shipped

InspectionDemo = Literal["dense", "summary"]
INSPECTION_DEMOS: tuple[InspectionDemo, ...] = get_args(InspectionDemo)

# Scenes of 128 x 128 px, 16 image tokens, with one or two parts.
CELLS, MOST_PARTS = 4, 2
# What is to be found, and what is to be summarised: the second in the words of a domain.
DOMAINS: dict[InspectionDemo, Domain] = {"dense": "scene", "summary": "bbu"}
DENSE_PARTS: tuple[Part, ...] = ("unit", "plate", "cable", "label", "screw")
HELD_OUT = 60
# What the demo promises of held-out scenes: at most this before, at least that after.
MAX_BASE_F1, MIN_TUNED_F1 = 0.05, {"dense": 0.20, "summary": 0.50}


@dataclass(kw_only=True)
class InspectionTour(Story):
    """One run of the inspection demo: so many scenes, drawn and learnt from by one seed."""

    task: InspectionDemo
    scenes: int
    seed: int

    def run(self, *, overwrite: bool) -> dict[str, Any]:
        """Go the whole way; returns the summary that is also written to `summary.json`.

        Raises:
            DataError: `out` holds something already, and `overwrite` is not given.
        """
        started = time.monotonic()
        self.begin("scenes", overwrite=overwrite)
        self._draw()
        self._check()
        self._write_config()
        # Asked as the run will ask, so that the two scores differ in the weights alone.
        base = self._evaluate("base", ["--model", "tiny", "--config", self.path("train.yaml")])
        tuned = self._evaluate("tuned", ["--model", self._train()])
        summary: dict[str, Any] = {
            "task": self.task,
            "scenes": self.scenes,
            "held_out": HELD_OUT,
            "seed": self.seed,
            "base_f1": base,
            "tuned_f1": tuned,
        }
        summary["kept"] = base < MAX_BASE_F1 and tuned >= MIN_TUNED_F1[self.task]
        return self.finish(summary, started)

    def _draw(self) -> None:
        folder, few = self.out / "scenes", max(1, self.scenes // 5)
        # Seeds of different runs do not overlap, nor do those of one run's files.
        first = self.seed * 1_000_000
        others, held = first + self.scenes, first + self.scenes + few
        parts = DENSE_PARTS if self.task == "dense" else PARTS
        how: Any = {"parts": parts, "most": MOST_PARTS, "cells": CELLS}
        domain = DOMAINS[self.task]
        with self.step("draw", f"draw {self.scenes} cabinets to learn from, and {HELD_OUT} others"):
            known = draw_scenes(self.scenes, first, folder, domain=domain, name="train", **how)
            known += draw_scenes(few, others, folder, name="single", **{**how, "most": 1})
            draw_scenes(HELD_OUT, held, folder, domain=domain, name="val", apart_from=known, **how)
            if self.task == "summary":
                draw_irrelevants(few, first, folder, cells=CELLS)
                draw_irrelevants(HELD_OUT // 5, held, folder, name="irrelevant-val", cells=CELLS)

    def _check(self) -> None:
        train, val = self.path("scenes", "train.jsonl"), self.path("scenes", "val.jsonl")
        every = [str(path) for path in sorted((self.out / "scenes").glob("*.jsonl"))]
        self.verb("validate", ["data", "validate", *every])
        self.verb("doctor", ["data", "doctor", train, val, "--out", self.path("doctor")])

    def _write_config(self) -> None:
        recipe = shipped(f"configs/demo/{self.task}.yaml")
        # The mixture's paths start from its own folder: it is laid beside the scenes.
        mixture = shipped(f"configs/dataset_mix/demo_{self.task}.yaml").read_text(encoding="utf-8")
        here = self.out.resolve()
        canonical.write_text(here / "mixture.yaml", mixture.replace("demo-run/", ""))
        settings = {
            "extends": str(recipe),
            "custom": {"fusion_config": str(here / "mixture.yaml")},
            "training": {"output_dir": str(here / "training"), "seed": self.seed},
        }
        # JSON is YAML, and every path in it is quoted.
        canonical.write_json(self.out / "train.yaml", settings)

    def _train(self) -> str:
        """Returns the folder of the tuned model."""
        self.verb("train", ["train", "--config", self.path("train.yaml")])
        outcome = self.read("training", self.task, "run.json")
        return self.path("training", self.task, f"checkpoint-{outcome['num_steps']}")

    def _evaluate(self, name: str, model: list[str]) -> float:
        """F1 of held-out scenes: of objects in place and class at IoU 0.5, or of facts."""
        data, out = self.path("scenes", "val.jsonl"), self.path("evaluation", name)
        self.verb(f"eval {name}", ["eval", *model, "--data", data, "--out", out])
        report = self.read("evaluation", name, "report.json")
        if self.task == "summary":
            return float(report["facts"]["f1"])
        return float(report["place_and_class"]["all"]["f1_50"])


def print_summary(summary: dict[str, Any]) -> None:
    """The scores, where the pictures lie, and whether the promise was kept."""
    from rich.table import Table

    console, folder = logs.console(), summary["folder"]
    what = "objects, F1 at IoU 0.5" if summary["task"] == "dense" else "facts, F1"
    table = Table(title=f"{summary['held_out']} held-out scenes", title_justify="left")
    table.add_column("")
    table.add_column(what, justify="right")
    for name in ("base", "tuned"):
        table.add_row(name, f"{summary[f'{name}_f1']:.3f}")
    console.print(table)
    for name in ("scenes", "doctor", f"training/{summary['task']}", "evaluation"):
        console.print(f"{name:<17} {folder}/{name}")
    verdict = "kept" if summary["kept"] else "NOT kept"
    least, seconds = MIN_TUNED_F1[summary["task"]], summary["seconds"]["all"]
    console.print(
        f"promise (base F1 below {MAX_BASE_F1}, tuned at least {least:.2f}): "
        f"{verdict} · {seconds:.0f} s in all · {folder}/summary.json"
    )
