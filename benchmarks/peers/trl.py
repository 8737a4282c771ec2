"""TRL's training step and its loss. Runs in an environment of its own, imports nothing of ours."""

import json
import os
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path
from typing import Any

# This file has the name of what it measures.
sys.path = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).parent]
# `SFTTrainer` tells the hub of each trainer that is made, beside the steps that are timed.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
import datasets  # noqa: E402  # pyright: ignore
import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from peft import LoraConfig  # noqa: E402
from transformers.trainer_callback import PrinterCallback  # noqa: E402
from trl import SFTConfig, SFTTrainer  # noqa: E402  # pyright: ignore
from trl.kernels import ChunkedLogProbFunction  # noqa: E402  # pyright: ignore
from trl.trainer import utils  # noqa: E402  # pyright: ignore

sys.path.append(str(Path(__file__).parent))
from answering import answer_questions  # noqa: E402  # pyright: ignore
from clock import Clock  # noqa: E402  # pyright: ignore


def step(
    model: str,
    records: str,
    run: dict[str, Any],
    lora: dict[str, Any] | None,
    answer_rows: bool,
) -> dict[str, Any]:
    """Some steps of `SFTTrainer`.

    Args:
        answer_rows: give the head the answer rows alone. TRL does so by itself on a GPU; on a CPU
            it scores every row.
    """
    # What TRL asks to learn whether it is on a GPU.
    utils._use_triton = lambda device: answer_rows
    processor = transformers.AutoProcessor.from_pretrained(model)
    weights = transformers.Qwen3VLForConditionalGeneration.from_pretrained(
        model, dtype=torch.float32, attn_implementation="sdpa"
    )
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(  # pyright: ignore
            model=weights,
            args=SFTConfig(  # pyright: ignore
                output_dir=folder,
                max_steps=run["num_steps"],
                per_device_train_batch_size=run["batch_size"],
                learning_rate=run["learning_rate"],
                train_sampling_strategy="sequential",
                lr_scheduler_type="constant",
                max_length=None,
                # TRL's own choices are both on; we train in fp32 and keep activations.
                bf16=False,
                gradient_checkpointing=False,
                logging_steps=1,
                save_strategy="no",
                report_to="none",
                use_cpu=True,
                disable_tqdm=True,
                dataloader_pin_memory=False,
            ),
            train_dataset=prompts_and_completions(records),
            processing_class=processor,
            peft_config=None if lora is None else LoraConfig(task_type="CAUSAL_LM", **lora),
            callbacks=[clock],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        batch = next(iter(trainer.get_train_dataloader()))
    history = trainer.state.log_history
    return {
        "seconds": clock.ends[-1] - clock.ends[0],
        "losses": [line["loss"] for line in history if "loss" in line],
        "tokens": [
            ids[mask.bool()].tolist()
            for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
        ],
        "num_answer_tokens": int((batch["labels"] != -100).sum()),
    }


def prompts_and_completions(records: str) -> Any:
    """The records as TRL takes them: an `images` column makes them vision data."""
    rows: list[dict[str, Any]] = []
    for line in Path(records).read_text().splitlines():
        record = json.loads(line)
        row: dict[str, Any] = {
            "prompt": [{"role": "user", "content": record["question"]}],
            "completion": [{"role": "assistant", "content": record["answer"]}],
        }
        rows.append(row if record["image"] is None else {**row, "images": [record["image"]]})
    found = datasets.Dataset.from_list(rows)
    if "images" not in rows[0]:
        return found
    return found.cast_column("images", datasets.List(datasets.Image()))


_arrays: dict[str, dict[str, torch.Tensor]] = {}


def loss(file: str, answer_rows: bool, save: str | None = None) -> dict[str, Any]:
    """The loss from hidden states [T, H], forward and backward, as `SFTTrainer` computes it."""
    if file not in _arrays:
        with np.load(file) as found:
            _arrays[file] = {name: torch.from_numpy(found[name]) for name in found.files}
    given = _arrays[file]
    hidden, weight = (given[name].clone().requires_grad_() for name in ("hidden", "weight"))
    rows = given["rows"]
    targets = torch.zeros(len(hidden), dtype=torch.long).index_copy(0, rows, given["ids"])
    started = time.perf_counter()
    log_probs, *_ = ChunkedLogProbFunction.apply(
        hidden[rows] if answer_rows else hidden,
        weight,
        None,
        given["ids"] if answer_rows else targets,
        1.0,
        utils._CHUNKED_LOGPROB_CHUNK_SIZE,
        None,
        1.0,
        ("log_probs", "is_top1"),
    )
    total = -(log_probs if answer_rows else log_probs[rows]).sum()
    total.backward()
    seconds = time.perf_counter() - started
    if save is not None:
        assert hidden.grad is not None and weight.grad is not None
        np.savez(save, hidden=hidden.grad.numpy(), weight=weight.grad.numpy())
    return {"seconds": seconds, "loss": total.item()}


transformers.utils.logging.disable_progress_bar()
datasets.disable_progress_bars()
version = f"{metadata.version('trl')} (torch {torch.__version__})"
answer_questions(version, {"step": step, "loss": loss})
