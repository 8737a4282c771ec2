"""A head and an embedding that are one tensor (Qwen3-VL-2B and 4B), and learn apart.

An adapter changes what its own module computes, and `modules_to_save` trains a copy: the shared
weights stay as they are, and so does the other of the two. A merged model has both by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from torch import nn

from sightwright.config.sections.tuner import Tuner
from sightwright.errors import ModelError
from sightwright.model.parts import part_of
from sightwright.model.shards import whole_size


def is_tied(model: nn.Module) -> bool:
    """Whether the base ties the two, whatever lies beside them."""
    return bool(getattr(getattr(model, "config", None), "tie_word_embeddings", False))


def refuse_rewritten(model: nn.Module, tuner: Tuner, adapted: Sequence[str]) -> None:
    """
    Raises:
        ModelError: a start that takes the head's update out of weights that the embedding shares.
    """
    head = [name for name in adapted if part_of(name) == "lm_head"]
    if head and tuner.rewrites_base and is_tied(model):
        raise ModelError(
            f"{tuner.init_weights} takes its update out of the weights of lm_head, and here these "
            "are the embedding as well, which would lose it",
            where="tuner.init_weights",
            remedy="init_weights: true, or leave lm_head out of the targets",
        )


def untying_note(model: nn.Module) -> str | None:
    """What a run whose head and embedding were one tensor leads to; None of any other."""
    if not (is_tied(model) and learns_apart(model)):
        return None
    shared = innermost(_ends(model)[0]).weight
    size = whole_size(shared) * shared.element_size() / 1e6
    return (
        "head and embedding of the base are one tensor and learn apart: merged they are two, "
        f"{size:,.1f} MB more, and config.json says so (tie_word_embeddings: false)"
    )


def learns_apart(model: nn.Module) -> bool:
    """Whether an adapter or a copy lies beside the head or the embedding."""
    return any(innermost(end) is not end for end in _ends(model))


def give_the_head_its_own(model: nn.Module) -> None:
    """A copy of the shared weights for the head, where the two learnt apart.

    Folded into one shared tensor, the adapter of the one would change the other too.
    """
    if not learns_apart(model):
        return
    embedding, head = (innermost(end) for end in _ends(model))
    if head.weight is embedding.weight:
        head.weight = nn.Parameter(head.weight.detach().clone(), head.weight.requires_grad)


def innermost(module: Any) -> Any:
    """The module of the base, whatever PEFT has put around it."""
    while True:
        inner = getattr(module, "original_module", None) or getattr(module, "base_layer", None)
        if inner is None:
            return module
        module = inner


def _ends(model: nn.Module) -> tuple[Any, Any]:
    """Embedding and head, as they run."""
    whole = cast("Any", model)
    return whole.get_input_embeddings(), whole.get_output_embeddings()
