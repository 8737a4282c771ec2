"""The loss on answer rows alone, against the stock loss, which has logits of every row, and against
TRL's, which goes through the vocabulary in pieces.

The first comparison is a forward and backward of the tiny model's body with the vocabulary of a
real Qwen3-VL; the second is the loss alone, from hidden states on. TRL computes its gradients in a
second pass, and has a kernel for GPUs in place of the torch code that runs here.
"""

import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
import transformers
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from benchmarks.alternating import OURS, Comparison, compare_turns, timed
from benchmarks.peers.environments import MissingPeerError, Peer
from benchmarks.random_batches import farthest_apart, gradients, random_samples
from sightwright.chat import ChatTokenizer
from sightwright.data.collate import Batch, Collator, model_inputs
from sightwright.model.answer_head import score_answers
from sightwright.model.load import load_model, load_vision_spec, resolve_folder

VOCABULARY = 151_936
LENGTH = 1550
"""Tokens of a page with its JSON."""
TURNS = 7


def run() -> list[Comparison]:
    disable_progress_bar()
    ours, stock = widened(VOCABULARY)
    batch = one_sample(LENGTH)
    found = [against_stock(ours, stock, batch, TURNS)]
    try:
        peer = Peer("trl")
    except MissingPeerError as error:
        print(f"\nleft out: {error}")
        return found
    with peer, tempfile.TemporaryDirectory() as folder:
        return [*found, against_trl(peer, Path(folder), ours, batch)]


def widened(vocabulary: int) -> tuple[PreTrainedModel, PreTrainedModel]:
    """Our class and transformers' own with the same weights: the tiny model's, and random rows for
    the words that it has not."""
    folder = resolve_folder("tiny")
    ours = load_model(folder, "float32", device="cpu").train()
    stock = transformers.Qwen3VLForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="sdpa"
    ).train()
    for model in (ours, stock):
        torch.manual_seed(0)
        model.resize_token_embeddings(vocabulary, mean_resizing=False)
    return ours, stock


def one_sample(length: int) -> Batch:
    """Text alone, so that no road has padding and the body is the same."""
    folder = resolve_folder("tiny")
    tokenizer, spec = ChatTokenizer.from_folder(folder), load_vision_spec(folder)
    collate = Collator("padded", tokenizer.end_of_text, spec)
    return collate(random_samples([length], tokenizer, spec))


def against_stock(
    ours: PreTrainedModel, stock: PreTrainedModel, batch: Batch, turns: int
) -> Comparison:
    """Check that both come to the same loss and gradients, then time them.

    Raises:
        AssertionError: they do not.
    """
    labels = torch.full_like(batch["input_ids"], -100)
    labels.flatten()[batch["answer_index"] + 1] = batch["answer_ids"]
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}

    def our_step() -> float:
        ours.zero_grad()
        total = ours(**model_inputs(batch)).total
        total.backward()
        return total.item()

    def stock_step() -> float:
        stock.zero_grad()
        # Divided by one item, the stock loss is the sum, as ours is.
        total = stock(**inputs, labels=labels, use_cache=False, num_items_in_batch=1).loss
        total.backward()
        return total.item()

    expected, found = stock_step(), our_step()
    loss_apart = abs(found - expected) / expected
    apart = farthest_apart(gradients(ours), gradients(stock))
    assert loss_apart <= 1e-6 and apart <= 1e-5, (loss_apart, apart)
    rows, answers = batch["input_ids"].numel(), len(batch["answer_ids"])
    return compare_turns(
        f"Forward and backward, {rows} tokens, {answers} of them answers, a vocabulary of "
        f"{stock.config.text_config.vocab_size}",
        {
            OURS: timed(our_step),
            f"transformers {metadata.version('transformers')}, labels given": timed(stock_step),
        },
        turns,
        f"the same summed loss within {loss_apart:.0e}, the same gradients within {apart:.0e}",
        "batch",
    )


def against_trl(peer: Peer, folder: Path, model: PreTrainedModel, batch: Batch) -> Comparison:
    """The same for the loss alone, from the hidden states of the batch.

    Raises:
        AssertionError: they do not come to the same.
    """
    with torch.no_grad():
        states = model.model(
            input_ids=batch["input_ids"],
            attention_mask=batch["attention_mask"],
            use_cache=False,
        )
    hidden, weight = states.last_hidden_state[0], model.lm_head.weight.detach()
    given, saved = folder / "given.npz", folder / "saved.npz"
    rows, ids = batch["answer_index"], batch["answer_ids"]
    arrays = {"hidden": hidden, "weight": weight, "rows": rows, "ids": ids}
    np.savez(given, **{name: array.numpy() for name, array in arrays.items()})

    def ask(answer_rows: bool) -> Callable[[], float]:
        asked = {"what": "loss", "file": str(given), "answer_rows": answer_rows}
        return lambda: float(peer.ask(**asked)["seconds"])

    def ours() -> float:
        return our_loss(hidden, weight, rows, ids)[0]

    _, total, *expected = our_loss(hidden, weight, rows, ids)
    apart: list[float] = []
    for answer_rows in (True, False):
        answer = peer.ask(what="loss", file=str(given), answer_rows=answer_rows, save=str(saved))
        assert abs(answer["loss"] - total) <= 1e-6 * total, (answer["loss"], total)
        with np.load(saved) as theirs:
            for name, gradient in zip(("hidden", "weight"), expected, strict=True):
                difference = torch.from_numpy(theirs[name]) - gradient
                apart.append(float(difference.norm() / gradient.norm()))
    # Each for itself: max would pass over a nan.
    assert all(each <= 1e-5 for each in apart), apart
    return compare_turns(
        f"The loss alone, of {len(ids)} answer tokens among {len(hidden)}, a vocabulary of "
        f"{len(weight)}",
        {
            OURS: ours,
            f"TRL {peer.version}, answer rows": ask(True),
            "the same, every row, as TRL on a CPU": ask(False),
        },
        TURNS,
        f"the same summed loss within 1e-06, the same gradients within {max(apart):.0e}",
        "batch",
    )


def our_loss(
    hidden: Tensor, weight: Tensor, rows: Tensor, ids: Tensor
) -> tuple[float, float, Tensor, Tensor]:
    """Seconds, the summed loss, and the gradients of hidden states and weight."""
    head = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
    head.weight = nn.Parameter(weight.clone())
    states = hidden.clone().requires_grad_()
    started = time.perf_counter()
    total = score_answers(head, states[rows], ids).total
    assert total is not None
    total.backward()
    seconds = time.perf_counter() - started
    assert states.grad is not None and head.weight.grad is not None
    return seconds, total.item(), states.grad, head.weight.grad
