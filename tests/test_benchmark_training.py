"""What the benchmarks of training check before they print a time; the times themselves are no
tests, and the peers' environments are not there."""

import importlib
import json
import pkgutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from benchmarks.alternating import OURS
from benchmarks.cpu import answer_rows, padding_free
from benchmarks.cpu.sft_step import apart_from, peers_model
from benchmarks.our_sft import Ran, SftRun, train_ours
from benchmarks.peers.environments import PEERS, ROOT
from benchmarks.random_batches import (
    farthest_apart,
    padding_of,
    random_samples,
    spread_lengths,
)
from benchmarks.sft_records import write_for_peers, write_for_us, write_lists
from transformers import AutoTokenizer

from benchmarks import cpu
from sightwright.chat import ChatTokenizer
from sightwright.model.load import load_vision_spec, resolve_folder
from sightwright.vision import VisionSpec


@pytest.fixture
def tokenizer() -> ChatTokenizer:
    return ChatTokenizer.from_folder(resolve_folder("tiny"))


@pytest.fixture
def spec() -> VisionSpec:
    return load_vision_spec(resolve_folder("tiny"))


def test_every_benchmark_can_be_run_by_its_name() -> None:
    for module in pkgutil.iter_modules(cpu.__path__):
        assert callable(importlib.import_module(f"benchmarks.cpu.{module.name}").run)


def test_every_peer_has_its_requirements() -> None:
    for name in PEERS:
        assert (ROOT / "requirements" / f"{name}.txt").is_file()


def test_lengths_leave_the_padding_that_is_asked_for() -> None:
    lengths = spread_lengths(5, 256, 1024, 0.5)
    assert lengths == [256, 277, 383, 620, 1024]
    assert padding_of(lengths) == pytest.approx(0.5, abs=1e-4)
    assert padding_of([1, 2, 3, 4]) == 1 - 10 / 16
    with pytest.raises(ValueError, match="cannot leave"):
        spread_lengths(4, 900, 1000, 0.5)


def test_random_samples_begin_with_an_image_and_end_with_an_answer(
    tokenizer: ChatTokenizer, spec: VisionSpec
) -> None:
    (sample,) = random_samples([50], tokenizer, spec, grid=(1, 4, 8))
    ids = sample.encoded.ids
    # 4 x 8 patches are 8 tokens; a fifth of 50 tokens is learnt.
    assert ids[:10] == [tokenizer.vision_start, *[tokenizer.image_pad] * 8, tokenizer.vision_end]
    assert not tokenizer.control_ids.intersection(ids[10:])
    assert sample.encoded.supervised == [False] * 40 + [True] * 10
    assert sample.patches[0].shape == (32, 768)


@pytest.mark.parametrize("image", [None, (1, 4, 4)])
def test_layouts_come_to_the_same_and_a_difference_is_noticed(
    tokenizer: ChatTokenizer, spec: VisionSpec, image: tuple[int, int, int] | None
) -> None:
    samples = random_samples([24, 40, 96], tokenizer, spec, image)
    models, losses = padding_free.ways(samples, tokenizer, spec)
    assert len(models) == 3
    assert "the same gradients of every part" in padding_free.equal_work(models, losses)
    with torch.no_grad():
        models[OURS].lm_head.weight[30] *= 1.01
    with pytest.raises(AssertionError):
        padding_free.equal_work(models, losses)


def test_the_loss_on_answer_rows_is_the_stock_loss() -> None:
    ours, stock = answer_rows.widened(2000)
    assert ours.lm_head.weight.shape == (2000, 128)
    batch = answer_rows.one_sample(60)
    seen = answer_rows.against_stock(ours, stock, batch, turns=1)
    assert "60 tokens, 12 of them answers, a vocabulary of 2000" in seen.title
    rows, ids = batch["answer_index"], batch["answer_ids"]
    hidden = torch.randn(60, 128)
    _, total, grad_hidden, grad_weight = answer_rows.our_loss(
        hidden, stock.lm_head.weight.detach(), rows, ids
    )
    logits = hidden[rows] @ stock.lm_head.weight.detach().T
    expected = torch.nn.functional.cross_entropy(logits, ids, reduction="sum").item()
    assert total == pytest.approx(expected, rel=1e-6)
    assert set(grad_hidden.abs().sum(1).nonzero().flatten().tolist()) == set(rows.tolist())
    assert grad_weight.shape == (2000, 128)


def test_the_farthest_part_tells_how_far_gradients_are_apart() -> None:
    expected = {
        "model.visual.blocks.0.a": torch.tensor([3.0, 0.0]),
        "model.visual.blocks.1.a": torch.tensor([0.0, 4.0]),
        "lm_head.weight": torch.tensor([2.0]),
    }
    found = {**expected, "model.visual.blocks.1.a": torch.tensor([0.0, 4.5])}
    assert farthest_apart(found, expected) == pytest.approx(0.1)  # 0.5 of sqrt(9 + 16)
    broken = {**expected, "lm_head.weight": torch.tensor([float("nan")])}
    assert not farthest_apart(broken, expected) <= 1e30


def test_records_are_the_same_for_us_and_for_the_peers(tmp_path: Path) -> None:
    records = write_lists(tmp_path, 3, pictures=True)
    write_for_us(tmp_path / "ours.jsonl", records)
    write_for_peers(tmp_path / "peers.jsonl", records)
    lines = [(tmp_path / f"{name}.jsonl").read_text().splitlines() for name in ("ours", "peers")]
    for ours, theirs in zip(*(map(json.loads, side) for side in lines), strict=True):
        question, answer = ours["messages"]
        image, text = question["content"]
        assert (image["image"], text["text"]) == (theirs["image"], theirs["question"])
        assert answer["content"] == theirs["answer"]
        assert 1 <= len(json.loads(theirs["answer"])["rows"]) <= 30
    assert [record.image for record in write_lists(tmp_path, 2, pictures=False)] == [None, None]


def test_the_peers_template_ends_with_what_we_learn(tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(peers_model(tmp_path / "model"))
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "you"}]
    assert tokenizer.apply_chat_template(turns, tokenize=False) == (
        "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\nyou<|im_end|>"
    )
    assert tokenizer.apply_chat_template(turns[:1], tokenize=False, add_generation_prompt=True) == (
        "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    )


def test_another_loss_or_other_tokens_are_refused() -> None:
    ours = Ran(1.0, [4.0, 3.0], [[5, 6, 7]], 1)
    theirs = Ran(2.0, [4.0004, 2.0], [[5, 6]], 1)
    lora = SftRun(lora=True, pictures=False, num_steps=2, batch_size=1)
    with pytest.raises(AssertionError):
        apart_from(ours, theirs, replace(lora, lora=False))
    with pytest.raises(AssertionError):
        apart_from(ours, replace(theirs, losses=[4.0, float("nan")]), replace(lora, lora=False))
    assert apart_from(ours, replace(theirs, losses=[4.0002, 2.0]), lora) == pytest.approx(5e-5)
    with pytest.raises(AssertionError):
        apart_from(ours, replace(theirs, tokens=[[5, 7]]), lora)


def test_our_side_runs_some_steps(tmp_path: Path) -> None:
    records = write_lists(tmp_path, 4, pictures=True)
    write_for_us(tmp_path / "train.jsonl", records)
    run = SftRun(lora=True, pictures=True, num_steps=2, batch_size=1)
    ran = train_ours(resolve_folder("tiny"), tmp_path / "train.jsonl", tmp_path / "run", run)
    assert ran.seconds > 0 and len(ran.losses) == 2
    assert len(ran.tokens) == 1 and ran.num_answer_tokens < len(ran.tokens[0])
    assert [len(batch) for batch in ran.timed_lengths] == [1]
