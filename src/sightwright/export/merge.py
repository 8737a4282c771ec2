"""An adapter folded into its base: one model folder that needs neither PEFT nor Sightwright.

The sum is done in float32 and rounded once, to the base's own dtype of each tensor. A tensor that
the adapter does not touch is the base's, bit for bit.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from sightwright import certificate
from sightwright.certificate import Calibration, Certificate, Parity
from sightwright.chat import ChatTokenizer
from sightwright.errors import ModelError
from sightwright.export import files, parity, weights
from sightwright.export.adapter import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    base_of,
    find_adapter,
    new_certificate,
)
from sightwright.export.files import CopiedFile
from sightwright.export.weights import TensorInfo
from sightwright.vision import PixelPolicy, VisionSpec

if TYPE_CHECKING:
    from peft import PeftModel
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
    files.check_out(out, overwrite=overwrite, num_bytes=plan.num_bytes)
    cases = parity.record_cases(data, num_records, plan.identity.task) if data else None
    inputs = data.name if data else "drawn noise"
    ruler = _ruler(plan, cases, inputs, device, limit, on_parity)
    adapted, merged, in_float32 = _sum(plan, ruler)
    with files.new_folder(out) as folder:
        changed = _write_weights(plan, merged, folder)
        merged.clear()
        copied = _copy_files(plan, folder)
        as_written = ruler.judge(
            adapted, ruler.load(folder), "adapter and merged folder", plan.dtype_written
        )
        figures = (in_float32, as_written)
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


@dataclass(frozen=True)
class _Plan:
    """What is merged, and what the result must hold: known before anything is loaded."""

    adapter: Path
    base: Path
    identity: Certificate
    dtype: Dtype
    in_base: dict[str, TensorInfo]
    expected: dict[str, TensorInfo]
    shards: list[list[str]]

    @property
    def num_bytes(self) -> int:
        return sum(info.num_bytes for info in self.expected.values())

    @property
    def dtype_written(self) -> str:
        """As "float32", or "bfloat16/float32" for mixed weights."""
        return "/".join(sorted({weights.dtype_name(info) for info in self.expected.values()}))


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
    in_base = weights.list_tensors(folder)
    expected = {name: info.as_dtype(dtype) for name, info in in_base.items()}
    sizes = {name: info.num_bytes for name, info in expected.items()}
    return _Plan(
        adapter=adapter,
        base=folder,
        identity=new_certificate(adapter, base_name, calibration),
        dtype=dtype,
        in_base=in_base,
        expected=expected,
        shards=weights.plan_shards(sizes, shard_bytes),
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


def _sum(plan: _Plan, ruler: _Ruler) -> tuple[list[Tensor], dict[str, Tensor], Parity]:
    """The adapter's logits, the merged weights in float32, and how far the two are apart."""
    model = _with_adapter(ruler.load(plan.base), plan.adapter)
    adapted = ruler.logits(cast("PreTrainedModel", model))
    merged = _merged(model)
    figures = ruler.judge(adapted, merged, "adapter and merged sum", "float32")
    return adapted, _disk_names(merged, plan.in_base), figures


def _refuse_quantised(base: Path) -> None:
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    if "quantization_config" in config:
        raise ModelError(
            "a quantised base cannot take an adapter without loss",
            where=str(base),
            remedy="merge into the unquantised model it was made from, with --model",
        )


def _with_adapter(model: PreTrainedModel, adapter: Path) -> PeftModel:
    """The model under its adapter in float32, every tensor of the adapter in its place."""
    from peft import PeftConfig

    from sightwright.model.adapters import load_adapter

    kind = PeftConfig.from_pretrained(str(adapter)).peft_type
    if kind != "LORA":
        raise ModelError(
            f"an adapter of type {kind} cannot be merged", where=str(adapter / ADAPTER_CONFIG)
        )
    adapted = load_adapter(model, adapter)
    _check_nothing_left_over(adapted, adapter)
    return adapted.float().eval()


def _check_nothing_left_over(model: PeftModel, adapter: Path) -> None:
    """Whole modules saved with the adapter (`modules_to_save`, biases) must have found a place."""
    from peft import get_peft_model_state_dict
    from safetensors import safe_open

    placed = get_peft_model_state_dict(model, save_embedding_layers=False)
    with safe_open(adapter / ADAPTER_WEIGHTS, framework="pt") as opened:
        left_over = sorted(set(opened.keys()) - set(placed))
    if left_over:
        raise ModelError(
            f"tensors of the adapter without a place in the base: {', '.join(left_over[:10])}",
            where=str(adapter),
            remedy="name the base it was trained on with --model",
        )


def _merged(model: PeftModel) -> PreTrainedModel:
    tied = bool(model.config.tie_word_embeddings)
    try:
        with warnings.catch_warnings():
            # PEFT would untie the model's config; whether that is needed is judged below.
            warnings.filterwarnings("ignore", "Input and output embeddings are no longer tied")
            merged: PreTrainedModel = cast("Any", model).merge_and_unload(safe_merge=True)
    except ValueError as error:
        # PEFT's own check: the sum holds NaN or infinity.
        raise ModelError(f"the merge failed: {error}") from None
    if tied:
        _refuse_untied(merged)
        merged.config.tie_word_embeddings = True
    return merged


def _refuse_untied(model: PreTrainedModel) -> None:
    """Tied weights that the adapter trained apart have one place in the base's files, not two."""
    import torch

    head, embeddings = model.get_output_embeddings(), model.get_input_embeddings()
    if not torch.equal(cast("Any", head).weight, cast("Any", embeddings).weight):
        raise ModelError(
            "the adapter trained lm_head and the token embeddings apart, but the base ties them",
            remedy="train both, tied, or neither",
        )


def _disk_names(model: PreTrainedModel, in_base: dict[str, TensorInfo]) -> dict[str, Tensor]:
    """The merged weights in float32 under the names and in the layout of the base's files.

    Raises:
        ModelError: a merged tensor for which the base has no place.
    """
    from transformers.core_model_loading import revert_weight_conversion

    merged = dict(revert_weight_conversion(model, model.state_dict()))
    if model.config.tie_word_embeddings:
        # Equal to the embeddings (checked); written only if the base writes it.
        for name in model.all_tied_weights_keys:
            if name not in in_base:
                merged.pop(name, None)
    if homeless := sorted(merged.keys() - in_base.keys()):
        raise ModelError(f"merged tensors without a place in the base: {', '.join(homeless[:10])}")
    return merged


def _write_weights(plan: _Plan, merged: dict[str, Tensor], folder: Path) -> list[str]:
    """Write every tensor of the base; returns the names of those that the adapter changed."""
    import torch

    changed: list[str] = []

    def tensor_of(name: str) -> Tensor:
        original = weights.load_tensor(name, plan.in_base[name])
        rounds = plan.dtype != "keep" and original.is_floating_point()
        wanted = getattr(torch, plan.dtype) if rounds else original.dtype
        new = merged.get(name)
        if new is None or torch.equal(original.to(new.dtype), new.cpu()):
            return original.to(wanted)
        changed.append(name)
        return new.cpu().to(wanted)

    weights.write_shards(folder, plan.shards, tensor_of)
    weights.check_equal(weights.list_tensors(folder), plan.expected)
    return sorted(changed)


def _copy_files(plan: _Plan, folder: Path) -> list[CopiedFile]:
    copied = files.copy_files(plan.base, weights.weight_files(plan.base), folder)
    changed = files.set_dtype(folder, plan.dtype) if plan.dtype != "keep" else []
    if plan.identity.pixels is not None:
        changed += files.set_pixels(folder, plan.identity.pixels)
    last_word = {file.name: file for file in (*copied, *changed)}
    return list(last_word.values())
