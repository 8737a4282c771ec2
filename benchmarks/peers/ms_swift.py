"""ms-swift's training step. Runs in an environment of its own, imports nothing of ours."""

import json
import os
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

# A neighbour of this file has the name of a library that ms-swift imports.
sys.path = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).parent]
_CACHE = tempfile.TemporaryDirectory()
os.environ |= {
    "HF_DATASETS_CACHE": _CACHE.name,
    "MODELSCOPE_CACHE": _CACHE.name,
    "LOG_LEVEL": "ERROR",
}
import torch  # noqa: E402
import transformers  # noqa: E402
from swift.arguments import SftArguments  # noqa: E402  # pyright: ignore
from swift.pipelines.train.sft import SwiftSft  # noqa: E402  # pyright: ignore

sys.path.append(str(Path(__file__).parent))
from answering import answer_questions  # noqa: E402  # pyright: ignore
from clock import Clock  # noqa: E402  # pyright: ignore


class TimedSft(SwiftSft):
    """`swift sft` with a clock beside it."""

    def __init__(self, arguments: Any, image_token_id: int) -> None:
        super().__init__(arguments)
        self.clock = Clock()
        # Qwen's own id stands in the template's class; the tiny model has another.
        self.template.image_token_id = image_token_id
        # The line break after an answer would be learnt; by us it is not.
        self.template.template_meta.suffix = ["<|im_end|>"]

    def train(self, trainer: Any) -> Any:
        trainer.add_callback(self.clock)
        self.trainer = trainer
        return super().train(trainer)


def step(
    model: str, records: str, run: dict[str, Any], lora: dict[str, Any] | None
) -> dict[str, Any]:
    """Some steps of `swift sft`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "train.jsonl")
        file.write_text("".join(map(conversation, Path(records).read_text().splitlines())))
        image_token_id = json.loads(Path(model, "config.json").read_text())["image_token_id"]
        sft = TimedSft(arguments(model, file, run, lora), image_token_id)
        told = sft.main()
        batch = next(iter(sft.trainer.get_train_dataloader()))
    ends = sft.clock.ends
    return {
        "seconds": ends[-1] - ends[0],
        "losses": [line["loss"] for line in told["log_history"] if "loss" in line],
        "tokens": [
            ids[mask.bool()].tolist()
            for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
        ],
        "num_answer_tokens": int((batch["labels"] != -100).sum()),
    }


def conversation(line: str) -> str:
    """A record as ms-swift takes it."""
    record = json.loads(line)
    image = record["image"]
    question = record["question"] if image is None else f"<image>{record['question']}"
    turns = [
        {"role": "user", "content": question},
        {"role": "assistant", "content": record["answer"]},
    ]
    return json.dumps({"messages": turns} | ({} if image is None else {"images": [image]})) + "\n"


def arguments(model: str, file: Path, run: dict[str, Any], lora: dict[str, Any] | None) -> Any:
    if lora is None:
        frozen = not run["pictures"]
        tuner = {"tuner_type": "full", "freeze_vit": frozen, "freeze_aligner": frozen}
    else:
        own = {"lora_rank" if key == "r" else key: value for key, value in lora.items()}
        tuner = {"tuner_type": "lora", **own}
    return SftArguments(
        model=model,
        model_type="qwen3_vl",
        dataset=[str(file)],
        output_dir=str(file.with_name("run")),
        torch_dtype="float32",
        attn_impl="sdpa",
        max_steps=run["num_steps"],
        per_device_train_batch_size=run["batch_size"],
        gradient_accumulation_steps=1,
        learning_rate=run["learning_rate"],
        lr_scheduler_type="constant",
        dataset_shuffle=False,
        train_dataloader_shuffle=False,
        # ms-swift's own choices are others; we keep activations, and load without workers.
        gradient_checkpointing=False,
        weight_decay=0.0,
        adam_beta2=0.999,
        dataloader_num_workers=0,
        logging_steps=1,
        save_strategy="no",
        eval_strategy="no",
        report_to=["none"],
        use_cpu=True,
        disable_tqdm=True,
        **tuner,
    )


versions = f"torch {torch.__version__}, transformers {transformers.__version__}"
answer_questions(f"{metadata.version('ms-swift')} ({versions})", {"step": step})
