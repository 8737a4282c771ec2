"""A loss, or a weight, that is no number stops a run before it is logged or saved.

    check = LossCheck(device, over_ranks)
    check.look(losses, batches, step)   # in every step
    check.settle()                      # before anything is logged, judged or saved

On a GPU the program does not wait for the losses of a step: it looks at them when the device has
the next step to do. The weights have been touched by then, and are never written. All processes
find the same at the same place, so that none is left waiting for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.utils import gather_object
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from sightwright.errors import SightwrightError

_NUM_NAMED = 8

OverRanks = Callable[[Tensor], Tensor]
"""Adds each value up over all processes."""


@dataclass(frozen=True)
class _Found:
    """What is known of a step, on its way from the device.

    Attributes:
        places: of the records, for each micro-batch.
        flags: on the CPU, [micro-batches + 1]: 1 where the loss of one is no number; at the end
            how many there are, on all processes.
        has_come: None where nothing has to be waited for.
    """

    step: int
    places: Sequence[Sequence[str]]
    flags: Tensor
    has_come: torch.cuda.Event | None

    def require_numbers(self) -> None:
        if self.has_come is not None:
            self.has_come.synchronize()
        *own, on_all = self.flags.tolist()
        if not on_all:
            return
        named = [place for flag, places in zip(own, self.places, strict=True) if flag
                 for place in places]  # fmt: skip
        # Two processes may have computed the same batch.
        everywhere: list[str] = list(dict.fromkeys(gather_object(named)))
        raise SightwrightError(
            f"the loss is not a number at step {self.step}, in a batch of {_first(everywhere)}",
            remedy="lower training.learning_rate, and look at these records",
        )


class LossCheck:
    """See the module.

    Attributes:
        is_late: what is found of a step is told in the next one.
    """

    def __init__(self, device: torch.device, over_ranks: OverRanks) -> None:
        self.is_late = device.type == "cuda"
        self._over_ranks = over_ranks
        self._last: _Found | None = None

    def look(self, losses_M: Tensor, batches: Sequence[Mapping[str, Any]], step: int) -> None:
        """Called by all processes, once the device has the forward and backward of a step to do.

        Args:
            losses_M: [micro-batches].
            step: that is being done, from 1.

        Raises:
            SightwrightError: a loss of the step before is NaN or infinite; of this one, unless
                `is_late`. The records are named.
        """
        found = self._sent(losses_M, [batch["places"] for batch in batches], step)
        self.settle()
        self._last = found
        if not self.is_late:
            self.settle()

    def settle(self) -> None:
        """Tell of the last step now; called by all processes.

        Raises:
            SightwrightError: see `look`.
        """
        last, self._last = self._last, None
        if last is not None:
            last.require_numbers()

    def _sent(self, losses_M: Tensor, places: Sequence[Sequence[str]], step: int) -> _Found:
        own = (~torch.isfinite(losses_M)).long()
        flags = torch.cat([own, self._over_ranks(own.sum())[None]])
        # Into pinned memory, behind what the device has to do.
        copied = flags.to("cpu", non_blocking=True)
        if flags.device.type != "cuda":
            return _Found(step, places, copied, None)
        has_come = torch.cuda.Event()
        has_come.record()
        return _Found(step, places, copied, has_come)


def require_finite_weights(model: nn.Module, over_ranks: OverRanks, step: int) -> None:
    """Look at all that learns before it is saved: a gradient may overflow where the loss is one.

    Raises:
        SightwrightError: NaN or infinite weights, in any process.
    """
    learning = {name: each for name, each in model.named_parameters() if each.requires_grad}
    broken = over_ranks(torch.stack([_is_broken(each) for each in learning.values()]).long())
    named = [name for name, flag in zip(learning, broken.tolist(), strict=True) if flag]
    if named:
        raise SightwrightError(
            f"weights are not numbers after step {step}: {_first(named)}",
            where=f"checkpoint-{step}, which is not written",
            remedy="lower training.learning_rate, or training.max_grad_norm, and go on from the "
            "last checkpoint: training.resume_from_checkpoint: latest",
        )


def _is_broken(weight: Tensor) -> Tensor:
    own = weight.to_local() if isinstance(weight, DTensor) else weight
    return (~torch.isfinite(own.detach())).any()


def _first(names: Iterable[str]) -> str:
    told = list(names)
    more = len(told) - _NUM_NAMED
    return "; ".join(told[:_NUM_NAMED]) + (f" and {more} more" if more > 0 else "")
