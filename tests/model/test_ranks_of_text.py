"""A rank without an image takes part in what the others exchange: two processes, one of them with
text alone."""

import os
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as processes
from torch import Tensor
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from sightwright.data.collate import model_inputs
from sightwright.model.attention import attend_by_document
from sightwright.model.load import load_model, resolve_folder

_VIT = "model.visual.blocks.0.attn.qkv.weight"
_LLM = "model.language_model.layers.0.mlp.up_proj.weight"


def batch_with_an_image() -> dict[str, Any]:
    from sightwright.data.vision_inputs import vision_inputs

    grids = [(1, 2, 4)]
    patches = torch.randint(256, (8, 768), dtype=torch.uint8, generator=torch.manual_seed(0))
    batch = batch_of_text()
    return batch | {
        "patches": patches,
        "image_grid_thw": torch.tensor(grids),
        "image_index": torch.tensor([2, 3]),
        "vision": vision_inputs(grids, 2, 256),
    }


def batch_of_text() -> dict[str, Any]:
    ids = torch.arange(20, 30)[None]
    return {
        "input_ids": ids,
        "position_ids": torch.arange(10).expand(4, 1, -1),
        "document_starts": torch.tensor([0, 10], dtype=torch.int32),
        "longest_document": 10,
        "answer_index": torch.tensor([7, 8]),
        "answer_ids": torch.tensor([28, 29]),
        "use_cache": False,
    }


def tiny() -> Any:
    model = load_model(resolve_folder("tiny"), "float32", device="cpu")
    attend_by_document(model)
    return model.train()


def gradients_by_ddp(batch: dict[str, Any]) -> dict[str, Tensor]:
    wrapped = DistributedDataParallel(tiny())
    wrapped(**model_inputs(batch)).total.backward()
    parameters = dict(wrapped.module.named_parameters())
    return {name: parameters[name].grad for name in (_VIT, _LLM)}  # type: ignore[misc]


def loss_under_shards(batch: dict[str, Any]) -> float:
    """A frozen ViT whose weights are gathered block by block."""
    model = tiny()
    model.model.visual.requires_grad_(False)
    for layer in (*model.model.visual.blocks, *model.model.language_model.layers):
        fully_shard(layer)
    fully_shard(model)
    output = model(**model_inputs(batch))
    output.total.backward()
    with torch.no_grad():
        return model.eval()(**model_inputs(batch)).total.item()


def work(rank: int, port: int, folder: str) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    patience = timedelta(seconds=120)
    dist.init_process_group("gloo", rank=rank, world_size=2, timeout=patience)
    batch = batch_with_an_image() if rank == 0 else batch_of_text()
    found = {"ddp": gradients_by_ddp(batch), "shards": loss_under_shards(batch)}
    torch.save(found, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


def test_gradients_are_the_mean_of_both_and_shards_are_gathered_by_both(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes.spawn(work, (port, str(tmp_path)), nprocs=2)  # type: ignore[no-untyped-call]
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    alone = []
    for batch in (batch_with_an_image(), batch_of_text()):
        model = tiny()
        output = model(**model_inputs(batch))
        output.total.backward()
        alone.append((output.total.item(), dict(model.named_parameters())))
    (image_loss, of_image), (text_loss, of_text) = alone
    assert of_text[_VIT].grad is None  # Alone, text does not touch the ViT.
    for found in (first, second):
        torch.testing.assert_close(found["ddp"][_VIT], of_image[_VIT].grad / 2)
        torch.testing.assert_close(
            found["ddp"][_LLM], (of_image[_LLM].grad + of_text[_LLM].grad) / 2, rtol=1e-4, atol=1e-5
        )
    assert first["shards"] == pytest.approx(image_loss, rel=1e-5)
    assert second["shards"] == pytest.approx(text_loss, rel=1e-5)
