"""The loss of a step is the mean over its answer tokens, however the step is cut."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sightwright.config.sections.tuner import Tuner
from sightwright.data.collate import model_inputs
from sightwright.data.pixels import to_pixel_values
from sightwright.errors import ModelError, SightwrightError
from sightwright.train.trainer import SftTrainer

MakeTrainer = Callable[..., SftTrainer]

STOCK = ("input_ids", "attention_mask", "mm_token_type_ids", "image_grid_thw", "use_cache")
RAGGED = [
    "a",
    '{"total":"12.50"}',
    "yes",
    '{"date":"2024-01-31","total":null}',
    "no",
    '{"name":"North Pier Supplies","total":"7.00"}',
    "b",
    '{"x":1}',
]


def first_log(trainer: SftTrainer) -> dict[str, float]:
    trainer.train()
    return trainer.state.log_history[0]


def weights(trainer: SftTrainer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in trainer.model.parameters() if p.requires_grad])


def token_mean(trainer: SftTrainer) -> float:
    """Over the whole dataset in one plain batch, by the stock forward: the reference."""
    collator = replace(trainer._parts.collator, layout="padded")
    batch = collator([trainer.train_dataset[i] for i in range(len(RAGGED))])
    inputs = {key: value for key, value in model_inputs(batch).items() if key in STOCK}
    inputs["pixel_values"] = to_pixel_values(batch["patches"], trainer._parts.spec)
    with torch.no_grad():
        logits = trainer.model.eval()(**inputs).logits
    chosen = logits.flatten(0, 1)[batch["answer_index"]]
    return torch.nn.functional.cross_entropy(chosen, batch["answer_ids"]).item()


@pytest.mark.parametrize("layout", ["padding_free", "padded"])
def test_accumulation_is_the_token_mean(make_trainer: MakeTrainer, layout: str) -> None:
    trainer = make_trainer(
        RAGGED, layout=layout, per_device_train_batch_size=2, gradient_accumulation_steps=4
    )
    expected = token_mean(trainer)
    assert first_log(trainer)["loss"] == pytest.approx(expected, rel=1e-5)


def test_a_mean_of_micro_batch_means_would_be_another_number(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(RAGGED, per_device_train_batch_size=2, gradient_accumulation_steps=4)
    means = []
    for batch in trainer.get_train_dataloader():
        loss = trainer._answer_loss(trainer.model.eval(), batch)
        means.append(loss.total.item() / len(batch["answer_ids"]))
    assert abs(sum(means) / len(means) - token_mean(trainer)) > 0.01


def test_accumulation_moves_the_weights_as_one_batch_does(
    make_trainer: MakeTrainer, tmp_path: Path
) -> None:
    # SGD, because Adam would divide the size of the gradient away.
    plain = {"optim": "sgd", "learning_rate": 0.1, "max_grad_norm": 0.0}
    whole = make_trainer(RAGGED, per_device_train_batch_size=8, **plain)
    start = weights(whole).clone()
    whole.train()
    after_whole = weights(whole).clone()
    with torch.no_grad():
        trainable = [p for p in whole.model.parameters() if p.requires_grad]
        for parameter, old in zip(
            trainable, start.split([p.numel() for p in trainable]), strict=True
        ):
            parameter.copy_(old.view_as(parameter))
    cut = make_trainer(
        RAGGED, per_device_train_batch_size=2, gradient_accumulation_steps=4, **plain
    )
    cut.train()
    moved = (after_whole - start).norm()
    assert moved > 0
    assert (weights(cut) - after_whole).norm() <= 1e-4 * moved


def test_the_last_incomplete_window_is_the_mean_of_its_own_tokens(
    make_trainer: MakeTrainer,
) -> None:
    trainer = make_trainer(
        RAGGED[:6],
        per_device_train_batch_size=1,
        gradient_accumulation_steps=4,
        max_steps=2,
        learning_rate=0.0,
    )
    batches = list(trainer.get_train_dataloader())
    trainer.train()
    logged = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    for window, loss in zip((batches[:4], batches[4:]), logged, strict=True):
        sums = [trainer._answer_loss(trainer.model.eval(), batch).total.item() for batch in window]
        count = sum(len(batch["answer_ids"]) for batch in window)
        assert loss == pytest.approx(sum(sums) / count, rel=1e-5)


def test_every_key_gets_one_name(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(RAGGED, per_device_train_batch_size=8)
    trainer.train()
    step, summary = trainer.state.log_history
    assert 0 <= step["token_acc"] <= 1
    assert {"loss", "grad_norm", "learning_rate"} <= set(step)
    assert {"mean_loss", "runtime"} <= set(summary)
    assert not [key for key in summary if key.startswith("train_")]


def test_evaluation_is_the_token_mean_too(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(RAGGED, per_device_eval_batch_size=3)
    metrics = trainer.evaluate()
    assert metrics["eval_loss"] == pytest.approx(token_mean(trainer), rel=1e-5)


def test_a_loss_that_is_no_number_names_its_records(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(RAGGED[:2], per_device_train_batch_size=2)
    with torch.no_grad():
        trainer.model.get_output_embeddings().weight[:] = float("nan")
    with pytest.raises(SightwrightError, match=r"not a number at step 1.*doc-"):
        trainer.train()


def test_a_model_that_was_not_prepared_is_refused(make_trainer: MakeTrainer) -> None:
    with pytest.raises(ModelError, match=r"sightwright\.train\.prepare_model"):
        make_trainer(RAGGED, prepare=False)


def test_only_the_adapter_is_saved(make_trainer: MakeTrainer, tmp_path: Path) -> None:
    trainer = make_trainer(
        RAGGED, tuner=Tuner(lora_rank=4), save_strategy="steps", save_steps=1, max_steps=1
    )
    trainer.train()
    folder = tmp_path / "run" / "checkpoint-1"
    assert (folder / "adapter_model.safetensors").stat().st_size < 300_000
    assert not list(folder.glob("model*.safetensors"))
    assert (folder / "complete.json").is_file()


def test_loading_consumes_none_of_the_global_randomness(make_trainer: MakeTrainer) -> None:
    trainer = make_trainer(RAGGED)
    before = torch.random.get_rng_state()
    for loader in (trainer.get_train_dataloader(), trainer.get_eval_dataloader()):
        next(iter(loader))
    assert torch.equal(torch.random.get_rng_state(), before)
