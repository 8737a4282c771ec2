"""An adapter folded into its base: one model folder that needs neither PEFT nor Sightwright.

The sum is done in float32 and rounded once, to the base's own dtype of each tensor. A tensor that
the adapter does not touch is the base's, bit for bit.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from sightwright import certificate
from sightwright.certificate import Calibration, Certificate, Parity
from sightwright.chat import ChatTokenizer
from sightwright.errors import ModelError
from sightwright.export import files, folding, headers, parity, weights
from sightwright.export.adapter import base_of, find_adapter, new_certificate
from sightwright.export.files import CopiedFile
from sightwright.export.headers import TensorInfo
from sightwright.vision import PixelPolicy, VisionSpec

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

Dtype = Literal["keep", "float32", "bfloat16", "float16"]
OnParity = Callable[[Parity], None]
MAX_DIFFERENCE = 1e-3
_PROMPT = "Write the document as JSON."


@dataclass(frozen=True)
class MergeReport:
    """What was done.

    Attributes:
        changed: names of the tensors that the adapter changed.
        num_tensors: all tensors written; those not `changed` are the base's, bit for bit.
        files: every file of the base that is no weight, and what became of it.
        parity: the adapter against the sum in float32, and against the folder as written.
    """

    out: Path
    base: Path
    adapter: Path
    changed: tuple[str, ...]
    num_tensors: int
    num_bytes: int
    num_shards: int
    files: tuple[CopiedFile, ...]
    parity: tuple[Parity, ...]
    seconds: float


def merge(
    adapter: Path,
    out: Path,
    *,
    base: str | None = None,
    dtype: Dtype = "keep",
    data: Path | None = None,
    num_records: int = parity.NUM_RECORDS,
    calibration: Calibration | None = None,
    max_shard_size: str = "5GB",
    limit: float = MAX_DIFFERENCE,
    device: str | None = "cpu",
    overwrite: bool = False,
    on_parity: OnParity | None = None,
) -> MergeReport:
    """Merge `adapter` into its base and write the model folder `out`, whole or not at all.

    Args:
        adapter: an adapter's folder, or a run folder (its best checkpoint is taken).
        base: hub id, folder or "tiny"; by default what the adapter was trained on.
        dtype: "keep" gives each tensor the base's dtype.
        data: chat records for the comparison, the first `num_records`; drawn inputs without.
        calibration: of the adapter's confidences; by default the one that its folder carries.
        limit: the largest difference of logits in float32.
        on_parity: told each comparison as it is made, before it is judged.

    Raises:
        ModelError: base and adapter do not fit, a calibration of other weights, `out` exists, no
            space, or a difference of logits over `limit`; nothing is left at `out` then.
    """
    started = time.monotonic()
    shard_bytes = weights.parse_size(max_shard_size)
    plan = _plan(find_adapter(adapter).folder, base, dtype, shard_bytes, calibration)
    files.refuse_in_use(out, overwrite=overwrite)
    files.require_space(out, plan.num_bytes)
    cases = parity.record_cases(data, num_records, plan.identity.task) if data else None
    inputs = data.name if data else "drawn noise"
    ruler = _ruler(plan, cases, inputs, device, limit, on_parity)
    done = _sum(plan, ruler)
    return _written(plan.with_head_of(done), done, ruler, out, started)


@dataclass(frozen=True)
class _Plan:
    """What is merged, and what the result must hold: known before anything is loaded."""

    adapter: Path
    base: Path
    identity: Certificate
    dtype: Dtype
    in_base: dict[str, TensorInfo]
    expected: dict[str, TensorInfo]
    shard_bytes: int
    unties: bool = False

    @property
    def num_bytes(self) -> int:
        return sum(info.num_bytes for info in self.expected.values())

    @property
    def shards(self) -> list[list[str]]:
        sizes = {name: info.num_bytes for name, info in self.expected.items()}
        return weights.plan_shards(sizes, self.shard_bytes)

    @property
    def dtype_written(self) -> str:
        """As "float32", or "bfloat16/float32" for mixed weights."""
        return "/".join(sorted({headers.dtype_name(info) for info in self.expected.values()}))

    def with_head_of(self, done: _Sum) -> _Plan:
        """The plan with a head of its own, where the sum has one and the base's files do not."""
        heads = {name: self.expected[like] for name, like in done.new_heads.items()}
        return replace(self, expected={**self.expected, **heads}, unties=done.unties)


def _plan(
    adapter: Path,
    base: str | None,
    dtype: Dtype,
    shard_bytes: int,
    calibration: Calibration | None,
) -> _Plan:
    from sightwright.model.load import resolve_folder

    base_name = base or base_of(adapter)
    folder = resolve_folder(base_name)
    _refuse_quantised(folder)
    in_base = headers.list_tensors(folder)
    return _Plan(
        adapter=adapter,
        base=folder,
        identity=new_certificate(adapter, base_name, calibration),
        dtype=dtype,
        in_base=in_base,
        expected={name: info.as_dtype(dtype) for name, info in in_base.items()},
        shard_bytes=shard_bytes,
    )


@dataclass(frozen=True)
class _Ruler:
    """Measures parity: the same inputs, device and limit for every set of weights."""

    cases: Sequence[parity.Case]
    tokenizer: ChatTokenizer
    spec: VisionSpec
    inputs: str
    device: str | None
    limit: float
    on_parity: OnParity | None

    def load(self, folder: Path) -> PreTrainedModel:
        """Always in float32, whatever the folder stores, so that only the weights differ."""
        from sightwright.model.load import load_model

        return load_model(folder, "float32", "sdpa", self.device)

    def logits(self, model: PreTrainedModel) -> list[Tensor]:
        return parity.logits_of(model, self.cases, self.tokenizer, self.spec)

    def judge(
        self, adapted: list[Tensor], other: PreTrainedModel, compared: str, dtype: str
    ) -> Parity:
        """Compare, tell, and refuse a difference over the limit."""
        figures = parity.compare(
            adapted,
            self.logits(other),
            compared=compared,
            dtype=dtype,
            # Rounding to fewer bits moves logits by what the model makes of it: told, not judged.
            limit=self.limit if dtype == "float32" else None,
            inputs=self.inputs,
        )
        if self.on_parity is not None:
            self.on_parity(figures)
        # Not "max_abs > limit": a NaN must fail too.
        if figures.limit is not None and not figures.max_abs <= figures.limit:
            raise ModelError(
                f"{compared}: logits differ by up to {figures.max_abs:.3g}, "
                f"over the limit of {figures.limit:g}; nothing was written",
                remedy="report it with the adapter's config; --limit accepts more, knowingly",
            )
        return figures


def _ruler(
    plan: _Plan,
    cases: Sequence[parity.Case] | None,
    inputs: str,
    device: str | None,
    limit: float,
    on_parity: OnParity | None,
) -> _Ruler:
    from sightwright.model.load import load_chat_tokenizer, load_vision_spec

    pixels, task = plan.identity.pixels, plan.identity.task
    policy = PixelPolicy(pixels.min_pixels, pixels.max_pixels) if pixels else None
    return _Ruler(
        cases=cases or parity.drawn_cases(task.prompt if task else _PROMPT),
        tokenizer=load_chat_tokenizer(plan.base),
        spec=load_vision_spec(plan.base, policy),
        inputs=inputs,
        device=device,
        limit=limit,
        on_parity=on_parity,
    )


@dataclass(frozen=True)
class _Sum:
    """What came of the sum in memory.

    Attributes:
        adapted: the adapter's logits.
        merged: the weights in float32, by their names on disk.
        new_heads: a head that the base's files do not have → the embedding it was tied to.
        unties: head and embedding were one tensor in the base and are two now.
        parity: the adapter against the sum.
    """

    adapted: list[Tensor]
    merged: dict[str, Tensor]
    new_heads: dict[str, str]
    unties: bool
    parity: Parity


def _sum(plan: _Plan, ruler: _Ruler) -> _Sum:
    from sightwright.model.tied_head import is_tied

    model = folding.with_adapter(ruler.load(plan.base), plan.adapter)
    was_tied = is_tied(model)
    logits = ruler.logits(cast("PreTrainedModel", model))
    sum_model = folding.fold(model)
    figures = ruler.judge(logits, sum_model, "adapter and merged sum", "float32")
    merged = folding.disk_tensors(sum_model, plan.in_base)
    tied_to = cast("dict[str, str]", sum_model.all_tied_weights_keys)
    new_heads = {name: tied_to[name] for name in merged.keys() - plan.in_base.keys()}
    unties = was_tied and not is_tied(sum_model)
    return _Sum(logits, merged, new_heads, unties, figures)


def _refuse_quantised(base: Path) -> None:
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    if (found := files.quantization_of(config)) is not None:
        raise ModelError(
            f"the base is quantised ({found}), and cannot take an adapter without loss",
            where=str(base),
            remedy="merge into the unquantised model it was made from, with --model; an adapter "
            "of a qlora run fits it",
        )


def _written(plan: _Plan, done: _Sum, ruler: _Ruler, out: Path, started: float) -> MergeReport:
    # A head of its own takes room that nobody could know of before the sum.
    files.require_space(out, plan.num_bytes)
    with files.new_folder(out) as folder:
        changed = _write_weights(plan, done.merged, folder)
        done.merged.clear()
        copied = _copy_files(plan, folder)
        as_written = ruler.judge(
            done.adapted, ruler.load(folder), "adapter and merged folder", plan.dtype_written
        )
        figures = (done.parity, as_written)
        certificate.write(folder, replace(plan.identity, parity=figures))
    return MergeReport(
        out=out,
        base=plan.base,
        adapter=plan.adapter,
        changed=tuple(changed),
        num_tensors=len(plan.expected),
        num_bytes=plan.num_bytes,
        num_shards=len(plan.shards),
        files=(*copied, CopiedFile(certificate.FILE_NAME, "written")),
        parity=figures,
        seconds=time.monotonic() - started,
    )


def _write_weights(plan: _Plan, merged: dict[str, Tensor], folder: Path) -> list[str]:
    """Write every tensor of the base; returns the names of those that the adapter changed."""
    changed: list[str] = []

    def tensor_of(name: str) -> Tensor:
        found, new = plan.in_base.get(name), merged.get(name)
        original = weights.load_tensor(name, found) if found is not None else None
        if original is not None and (new is None or _is_equal(original, new)):
            return weights.as_stored(original, plan.expected[name])
        changed.append(name)
        return weights.as_stored(cast("Tensor", new).cpu(), plan.expected[name])

    weights.write_shards(folder, plan.shards, tensor_of)
    weights.check_equal(headers.list_tensors(folder), plan.expected)
    return sorted(changed)


def _is_equal(original: Tensor, new: Tensor) -> bool:
    import torch

    return torch.equal(original.to(new.dtype), new.cpu())


def _copy_files(plan: _Plan, folder: Path) -> list[CopiedFile]:
    copied = files.copy_files(plan.base, headers.weight_files(plan.base), folder)
    changed = files.set_dtype(folder, plan.dtype) if plan.dtype != "keep" else []
    if plan.unties:
        changed += files.set_untied(folder)
    if plan.identity.pixels is not None:
        changed += files.set_pixels(folder, plan.identity.pixels)
    return files.told_once(copied, changed)
