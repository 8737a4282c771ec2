"""A whole training step, from records on disk to the optimiser, against TRL and ms-swift.

Every side trains the packaged tiny model from the same weights on the same records in the same
order, in fp32, eight records a step, without workers for the data. What is the same is checked
first: the tokens of the first step and its loss; where all weights learn, the loss of every step.

The peers pad. ms-swift can do without where flash-attn runs, on a GPU; TRL cannot with pictures.
Their environments have another torch than ours, which is printed.
"""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from transformers.utils.logging import disable_progress_bar

from benchmarks.alternating import OURS, Comparison, compare_turns
from benchmarks.our_sft import LORA, Ran, SftRun, train_ours
from benchmarks.peers.environments import MissingPeerError, Peer
from benchmarks.sft_records import write_for_peers, write_for_us, write_lists
from sightwright.model.load import resolve_folder

NUM_STEPS, BATCH_SIZE = 4, 8
TURNS = 3
MOST_APART = 1e-4
"""In the loss of a step, of its size."""


def run() -> list[Comparison]:
    """All four comparisons; none where no peer is installed."""
    disable_progress_bar()
    with ExitStack() as stack:
        peers = _installed(stack)
        if not peers:
            return []
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model = peers_model(folder / "model")
        return [
            compare_steps(folder, model, SftRun(lora, pictures, NUM_STEPS, BATCH_SIZE), peers)
            for pictures in (True, False)
            for lora in (True, False)
        ]


def _installed(stack: ExitStack) -> dict[str, Peer]:
    found: dict[str, Peer] = {}
    for name in ("trl", "ms_swift"):
        try:
            found[name] = stack.enter_context(Peer(name))
        except MissingPeerError as error:
            print(f"\nleft out: {error}")
    return found


def peers_model(folder: Path) -> Path:
    """The tiny model with a template that ends where ours stops learning.

    The line break after an answer is learnt by who renders it; by us it is not.
    """
    shutil.copytree(resolve_folder("tiny"), folder)
    template = folder / "chat_template.jinja"
    text, end = template.read_text(), "{{- '<|im_end|>\\n' -}}"
    assert text.count(end) == 1
    stops = "{{- '<|im_end|>' if loop.last and turn.role == 'assistant' else '<|im_end|>\\n' -}}"
    template.write_text(text.replace(end, stops))
    return folder


def compare_steps(folder: Path, model: Path, run: SftRun, peers: dict[str, Peer]) -> Comparison:
    """Check that every side learns the same, then time them.

    Raises:
        AssertionError: other tokens, or another loss.
    """
    data = folder / ("pictures" if run.pictures else "text")
    if not data.exists():
        data.mkdir()
        # Loaders fetch ahead: there are records for more steps than are done.
        records = write_lists(data, (run.num_steps + 2) * run.batch_size, pictures=run.pictures)
        write_for_us(data / "train.jsonl", records)
        write_for_peers(data / "peers.jsonl", records)
    numbers = count()

    def ours() -> Ran:
        out = data / f"run-{run.lora}-{next(numbers)}"
        return train_ours(resolve_folder("tiny"), data / "train.jsonl", out, run)

    asked = {"what": "step", "model": str(model), "records": str(data / "peers.jsonl")}
    asked |= {"run": asdict(run), "lora": LORA if run.lora else None}
    sides: dict[str, Callable[[], Ran]] = {OURS: ours}
    sides |= {label: _asking(peer, asked | more) for label, peer, more in _ways(peers)}
    expected = ours()
    apart = max(apart_from(expected, side(), run) for name, side in sides.items() if name != OURS)
    steps = "the first step" if run.lora else "every step"
    equality = (
        f"the same tokens; the loss of {steps} within {apart:.0e} of {expected.losses[0]:.3f}"
    )
    turns = {name: (lambda side=side: side().seconds) for name, side in sides.items()}
    title = _title(run, expected.timed_lengths)
    return compare_turns(title, turns, TURNS, equality, "step", run.num_steps - 1)


def _ways(peers: dict[str, Peer]) -> list[tuple[str, Peer, dict[str, Any]]]:
    ways: list[tuple[str, Peer, dict[str, Any]]] = []
    if (trl := peers.get("trl")) is not None:
        ways.append((f"TRL {trl.version}", trl, {"answer_rows": False}))
        ways.append(("the same, head as on a GPU", trl, {"answer_rows": True}))
    if (swift := peers.get("ms_swift")) is not None:
        ways.append((f"ms-swift {swift.version}", swift, {}))
    return ways


def _asking(peer: Peer, question: dict[str, Any]) -> Callable[[], Ran]:
    return lambda: Ran(**peer.ask(**question))


def apart_from(expected: Ran, found: Ran, run: SftRun) -> float:
    """How far the losses are apart, of their size.

    Raises:
        AssertionError: other tokens, or another loss.
    """
    # The line break after the answer, which is left out for the peers.
    assert found.tokens == [ids[:-1] for ids in expected.tokens]
    assert found.num_answer_tokens == expected.num_answer_tokens
    # Adapters are drawn anew by every library; the first loss is that of the base.
    compared = 1 if run.lora else run.num_steps
    pairs = list(zip(expected.losses, found.losses, strict=True))[:compared]
    apart = [abs(theirs - ours) / ours for ours, theirs in pairs]
    # Each for itself: max would pass over a nan.
    assert all(each <= MOST_APART for each in apart), (expected.losses, found.losses)
    return max(apart)


def _title(run: SftRun, lengths: Sequence[Sequence[int]]) -> str:
    learns = "LoRA" if run.lora else "all weights"
    shown = "pictures and JSON" if run.pictures else "text and JSON"
    every = [length for batch in lengths for length in batch]
    padded = sum(len(batch) * max(batch) for batch in lengths)
    return (
        f"Training step, {learns}, {shown}: {run.batch_size} records of {min(every)} to "
        f"{max(every)} tokens, {100 * (1 - sum(every) / padded):.0f} % padding"
    )
