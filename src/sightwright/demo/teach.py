"""Teaches the tiny model to read: `python -m sightwright.demo.teach --out DIR [--resume]`.

From random weights, in a curriculum: the ViT alone names the glyphs in each patch, then short
canvases are read out, then whole pages, then pages are extracted as JSON. The glyphs come first
because the language model cannot learn where to look while there is nothing to see: without them,
reading out stayed on the plateau of guessing for hundreds of steps.

The data depend on (seed, step) alone and a checkpoint holds the optimiser, so that a run that was
killed ends with the same weights as one that was not.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F
from transformers import (
    AutoTokenizer,
    PreTrainedTokenizerFast,
    Qwen3VLForConditionalGeneration,
)

from sightwright.demo import tiny
from sightwright.demo.batches import Batch, Pool, Pools, collate, jitter
from sightwright.demo.exam import examine, report
from sightwright.demo.sight import GlyphHeads, Pointer, answer_logits, see

GLYPH_SHARE = 0.3  # of the glyphs' loss, beside the reading loss
POINTING_SHARE = 0.3  # of the attention's loss, likewise


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the curriculum: for `steps` steps, a mixture of sources of one page size."""

    steps: int
    batch: int
    mixture: dict[str, float]
    glyphs_only: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole run. `pool` pages are drawn for each source; each use of one is jittered anew."""

    stages: tuple[Stage, ...]
    seed: int = 0
    peak_lr: float = 1e-3
    warmup: int = 100
    cooldown: int = 700
    pool: int = 6000
    held_out: int = 96
    jitter_px: int = 2
    checkpoint_every: int = 100

    @property
    def steps(self) -> int:
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> Stage:
        """The stage of a step (counted from 0)."""
        for stage in self.stages:
            if step < stage.steps:
                return stage
            step -= stage.steps
        return self.stages[-1]

    def lr_at(self, step: int) -> float:
        """Warm-up, plateau, then a straight line down to a twentieth over the last `cooldown`."""
        rising = min(1.0, (step + 1) / self.warmup)
        falling = min(1.0, max(0.05, (self.steps - step) / self.cooldown))
        return self.peak_lr * rising * falling


CURRICULUM = Plan(
    stages=(
        Stage(150, 16, {"drill:8x8": 1.0}, glyphs_only=True),
        Stage(250, 48, {"drill:4x2": 1.0}),
        Stage(500, 16, {"drill:8x8": 0.25, "read": 0.35, "extract": 0.4}),
        Stage(1400, 16, {"read": 0.15, "extract": 0.4, "shuffled": 0.35, "form": 0.1}),
    )
)


def batch_at(plan: Plan, pools: Pools, step: int, image_id: int) -> tuple[str, Batch]:
    """The batch of a step: a source by the stage's weights, then pages of it, jittered."""
    rng = np.random.default_rng([plan.seed, step])
    stage = plan.stage_at(step)
    weights = np.array(list(stage.mixture.values()))
    source = list(stage.mixture)[rng.choice(len(weights), p=weights / weights.sum())]
    pool = pools.get(source)
    chosen = rng.choice(len(pool.answers), stage.batch, replace=False).tolist()
    pixels = jitter(pool.pixels[chosen], plan.jitter_px, rng)
    return source, collate(pool, chosen, pixels, image_id)


@torch.no_grad()
def mark(model: Qwen3VLForConditionalGeneration, pool: Pool, image_id: int) -> tuple[float, float]:
    """(share of answer tokens right, share of pages wholly right), the answer so far given.

    A page is wholly right here exactly when greedy decoding would write its answer.
    """
    right, total, whole = 0, 0, 0
    for first in range(0, len(pool.answers), 32):
        chosen = list(range(first, min(first + 32, len(pool.answers))))
        batch = collate(pool, chosen, pool.pixels[chosen], image_id)
        logits, wanted = answer_logits(model, batch)
        hits = (logits.argmax(-1) == wanted).split([len(pool.answers[i]) for i in chosen])
        right += sum(int(page.sum()) for page in hits)
        total += sum(len(page) for page in hits)
        whole += sum(bool(page.all()) for page in hits)
    return right / total, whole / len(pool.answers)


@dataclass(frozen=True, slots=True)
class Losses:
    """Of one step: the answer tokens, the glyphs' names, the attention's place."""

    reading: float
    naming: float
    pointing: float


@dataclass(frozen=True, slots=True)
class Pupil:
    """What is taught: the model, the heads that only teaching needs, and their optimiser."""

    model: Qwen3VLForConditionalGeneration
    heads: GlyphHeads
    pointers: tuple[Pointer, ...]
    optimizer: torch.optim.Optimizer
    image_id: int


def new_pupil(plan: Plan, tokenizer: PreTrainedTokenizerFast) -> Pupil:
    """An untaught model, the same for the same seed."""
    config = tiny.build_config(tokenizer)
    model = tiny.build_model(config, plan.seed)
    vision: Any = config.vision_config
    heads = GlyphHeads(vision.out_hidden_size, 1 + len(vision.deepstack_visual_indexes))
    optimizer = torch.optim.AdamW(
        [*model.parameters(), *heads.parameters()], lr=plan.peak_lr, betas=(0.9, 0.98)
    )
    # Layer 1 finds where the last token stood, layer 2 where the next one stands.
    pointers = (Pointer(model, 1, 0, num_heads=2), Pointer(model, 2, 1, num_heads=4))
    return Pupil(model, heads, pointers, optimizer, config.image_token_id)


def teach(
    plan: Plan, out: Path, tokenizer: PreTrainedTokenizerFast, *, resume: bool = False
) -> list[float]:
    """Run the plan, with checkpoints in `out`; returns the losses of the steps that were run."""
    pupil = new_pupil(plan, tokenizer)
    out.mkdir(parents=True, exist_ok=True)
    step = load_checkpoint(out, pupil) if resume else 0
    pools = Pools(tokenizer, out / "pages", plan.seed, plan.pool, plan.held_out)
    losses: list[float] = []
    started = time.perf_counter()
    while step < plan.steps:
        source, batch = batch_at(plan, pools, step, pupil.image_id)
        glyphs_only = plan.stage_at(step).glyphs_only
        taken = take_step(pupil, batch, plan.lr_at(step), glyphs_only=glyphs_only)
        losses.append(taken.reading)
        step += 1
        if step % 20 == 0:
            seconds = round(time.perf_counter() - started, 1)
            _log(out, {"step": step, "source": source, **asdict(taken), "seconds": seconds})
        if step % plan.checkpoint_every == 0 or step == plan.steps:
            if not glyphs_only:
                _examine(plan, pupil, pools, step, out)
            save_checkpoint(out, step, pupil)
    tiny.save_folder(out / "model", pupil.model, tokenizer)
    return losses


def _examine(plan: Plan, pupil: Pupil, pools: Pools, step: int, out: Path) -> None:
    for source in plan.stage_at(step - 1).mixture:
        pool = pools.get(source, held_out=True)
        tokens, pages = mark(pupil.model, pool, pupil.image_id)
        _log(out, {"step": step, "held_out": source, "tokens": tokens, "pages": pages})


def take_step(pupil: Pupil, batch: Batch, lr: float, *, glyphs_only: bool) -> Losses:
    """One AdamW step on the mean loss of the answer tokens, and on the two teaching aids."""
    for group in pupil.optimizer.param_groups:
        group["lr"] = lr
    seen = see(pupil.model, batch.patches_BND, batch.grid)
    naming = pupil.heads.loss(seen, batch.glyphs_BNS)
    reading, pointing = torch.zeros(()), torch.zeros(())
    if not glyphs_only:
        reading = F.cross_entropy(*answer_logits(pupil.model, batch, seen))
        first = int((batch.ids_BL[0] == pupil.image_id).nonzero()[0])
        pointing = torch.stack([p.loss(batch, first) for p in pupil.pointers]).sum()
    share = 1.0 if glyphs_only else GLYPH_SHARE
    pupil.optimizer.zero_grad(set_to_none=True)
    (reading + share * naming + POINTING_SHARE * pointing).backward()
    torch.nn.utils.clip_grad_norm_(pupil.model.parameters(), 1.0)
    pupil.optimizer.step()
    return Losses(float(reading.detach()), float(naming.detach()), float(pointing.detach()))


def _log(out: Path, entry: dict[str, Any]) -> None:
    line = json.dumps(entry)
    print(line, flush=True)
    with (out / "teach.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def save_checkpoint(out: Path, step: int, pupil: Pupil) -> None:
    """Write `checkpoint-N.pt` through a neighbour and a rename; keep the newest two."""
    state = {
        "step": step,
        "model": pupil.model.state_dict(),
        "heads": pupil.heads.state_dict(),
        "optimizer": pupil.optimizer.state_dict(),
        "rng": torch.get_rng_state(),
    }
    partial = out / "checkpoint.partial"
    torch.save(state, partial)
    partial.replace(out / f"checkpoint-{step:06d}.pt")
    for old in _checkpoints(out)[:-2]:
        old.unlink()


def load_checkpoint(out: Path, pupil: Pupil) -> int:
    """Load the newest checkpoint, if there is one; returns the step to go on from."""
    found = _checkpoints(out)
    if not found:
        return 0
    state = torch.load(found[-1], weights_only=True)
    pupil.model.load_state_dict(state["model"])
    pupil.heads.load_state_dict(state["heads"])
    pupil.optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["rng"])
    return int(state["step"])


def _checkpoints(out: Path) -> list[Path]:
    return sorted(out.glob("checkpoint-*.pt"))


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    # The packaged tokenizer, which `tiny.build_tokenizer` made: weights and tokens stay a pair.
    tokenizer = AutoTokenizer.from_pretrained(tiny.FOLDER)
    teach(CURRICULUM, options.out, tokenizer, resume=options.resume)
    print(report(examine(options.out / "model", 96)))


if __name__ == "__main__":
    main()
