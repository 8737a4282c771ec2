"""A model by folder, hub id or the name "tiny": its weights, its tokenizer, its pixel settings.

Only safetensors are read and no code of a checkpoint is run.
"""

from __future__ import annotations

import importlib.resources
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from sightwright import extras
from sightwright.chat import ChatTokenizer
from sightwright.config.sections.model import TINY, misnamed
from sightwright.config.sections.quantization import Quantization
from sightwright.errors import ModelError
from sightwright.model.checkpoints import refuse_torn
from sightwright.model.template_check import require_our_template
from sightwright.vision import PixelPolicy, VisionSpec

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)

Triple = tuple[float, float, float]

_KINDS = ("qwen3_vl", "qwen3_vl_moe")
_DTYPES = {
    **dict.fromkeys(("bfloat16", "bf16"), "bfloat16"),
    **dict.fromkeys(("float16", "fp16", "half"), "float16"),
    **dict.fromkeys(("float32", "fp32", "float"), "float32"),
    "auto": "auto",
}
Attention = Literal["eager", "sdpa", "flash_attention_2"]
_ATTENTIONS: dict[str, Attention] = {
    **dict.fromkeys(("flash_attention_2", "flash_attn"), "flash_attention_2"),
    "sdpa": "sdpa",
    "eager": "eager",
}


@dataclass(frozen=True)
class AttentionChoice:
    """What was asked for, what runs, and why they differ ("" when they do not)."""

    asked: str
    used: Attention
    reason: str = ""


def resolve_folder(model: str | Path, revision: str | None = None) -> Path:
    """The local folder of a model: "tiny" is the packaged one; else a folder or a hub id.

    Raises:
        ModelError: neither a folder nor reachable on the hub, or a checkpoint that was not written
            to its end.
    """
    if str(model) == TINY:
        return Path(str(importlib.resources.files("sightwright") / "demo" / "tiny"))
    folder = Path(model)
    if folder.is_dir():
        refuse_torn(folder)
        return folder
    if folder.exists():
        raise ModelError("a model is a folder, this is a file", where=str(folder))
    return _download(str(model), revision)


def _download(hub_id: str, revision: str | None) -> Path:
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    reachable = "give the path of a model folder, or a hub id that this machine can reach"
    remedy = misnamed(hub_id) or reachable
    try:
        return Path(
            snapshot_download(
                hub_id, revision=revision, allow_patterns=["*.json", "*.safetensors", "*.jinja",
                "*.txt", "*.model", "LICENSE*", "README.md"],
            )
        )  # fmt: skip
    except HFValidationError:
        raise ModelError("no such folder, and no hub id", where=hub_id, remedy=remedy) from None
    except (HfHubHTTPError, LocalEntryNotFoundError, httpx.HTTPError, OSError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelError(
            f"no such folder, and the hub does not give it: {lines[0]}",
            where=hub_id, remedy=remedy,
        ) from error  # fmt: skip


def model_type(folder: Path) -> str:
    """`qwen3_vl` (dense) or `qwen3_vl_moe`, by the folder's `config.json`.

    Raises:
        ModelError: no `config.json`, or another kind of model.
    """
    if not (folder / "config.json").exists() and (folder / "adapter_config.json").exists():
        raise ModelError(
            "this folder holds an adapter, not a model", where=str(folder),
            remedy="give the base model here and this folder as the adapters",
        )  # fmt: skip
    kind = _read_json(folder / "config.json").get("model_type")
    if kind not in _KINDS:
        raise ModelError(
            f"model_type {kind!r} cannot be run", where=str(folder / "config.json"),
            remedy=f"a Qwen3-VL checkpoint has {' or '.join(_KINDS)}",
        )  # fmt: skip
    return str(kind)


def load_model(
    folder: Path,
    dtype: str = "auto",
    attn_impl: str = "sdpa",
    device: str | None = None,
    *,
    quantization: Quantization | None = None,
) -> PreTrainedModel:
    """Load the weights, in evaluation mode; what attention runs is in the model's config.

    Args:
        dtype: `auto` keeps the checkpoint's.
        device: None chooses the first GPU, or else the CPU.
        quantization: with `quant_bits` set, quantised while loading (QLoRA).

    Raises:
        ModelError: another architecture, missing or broken weights.
        MissingExtraError: bitsandbytes is needed and absent.
    """
    from safetensors import SafetensorError

    from sightwright.model.patch_embedding import take_uint8_patches
    from sightwright.model.qwen3_vl import CLASSES

    cls = cast("Any", CLASSES[model_type(folder)])
    attention = resolve_attention(attn_impl)
    if attention.reason:
        log.warning("attention %s: %s", attention.used, attention.reason)
    place = choose_device(device)
    settings = _quantization_settings(quantization, dtype, place)
    try:
        model, found = cls.from_pretrained(
            folder, dtype=torch_dtype(dtype), attn_implementation=attention.used,
            use_safetensors=True, trust_remote_code=False, output_loading_info=True, **settings,
        )  # fmt: skip
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ModelError(
            f"the weights cannot be read: {error}", where=str(folder),
            remedy="check that config.json and the *.safetensors files belong together",
        ) from error  # fmt: skip
    _refuse_gaps(found, folder)
    take_uint8_patches(model.model.visual.patch_embed, *_pixel_statistics(folder))
    model.eval()
    return model if settings else model.to(place)


def torch_dtype(name: str) -> torch.dtype | Literal["auto"]:
    """The number format by its name in the YAML or on the command line.

    Raises:
        ModelError: an unknown name.
    """
    import torch

    if name not in _DTYPES:
        raise ModelError(f"number format {name!r} is none of {', '.join(_DTYPES)}")
    known = _DTYPES[name]
    return "auto" if known == "auto" else cast("torch.dtype", getattr(torch, known))


def resolve_attention(attn_impl: str) -> AttentionChoice:
    """The attention that runs: `sdpa`, the exact equivalent, where flash-attn is missing.

    Raises:
        ModelError: an unknown name.
    """
    from transformers.utils.import_utils import is_flash_attn_2_available

    if attn_impl not in _ATTENTIONS:
        raise ModelError(f"attn_impl {attn_impl!r} is none of {', '.join(_ATTENTIONS)}")
    wanted = _ATTENTIONS[attn_impl]
    if wanted == "flash_attention_2" and not is_flash_attn_2_available():
        reason = "flash-attn or a GPU is missing; sdpa computes the same attention exactly"
        return AttentionChoice(attn_impl, "sdpa", reason)
    return AttentionChoice(attn_impl, wanted)


def choose_device(device: str | None) -> str:
    """`device`, or the first GPU, or the CPU.

    Raises:
        ModelError: a GPU is asked for and there is none.
    """
    import torch

    if device in (None, "auto"):
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ModelError(f"device {device!r}: this machine has no usable GPU", remedy="cpu")
    return device


def load_chat_tokenizer(folder: Path) -> ChatTokenizer:
    """The folder's tokenizer.

    Raises:
        ModelError: no `tokenizer.json`, one without Qwen's control tokens, or a chat template that
            lays conversations out in another way than `chat.render`.
    """
    tokenizer = ChatTokenizer.from_folder(folder)
    require_our_template(folder, tokenizer)
    return tokenizer


def load_vision_spec(folder: Path, pixels: PixelPolicy | None = None) -> VisionSpec:
    """The folder's pixel settings; `pixels`, where given, wins over its budget. No torch.

    Both spellings of the budget are read: `size.shortest_edge`/`longest_edge`, which are areas in
    pixels whatever their names say, and the older `min_pixels`/`max_pixels`.

    Raises:
        ModelError: no `preprocessor_config.json` (nor the newer `processor_config.json`), or one
            without a budget.
    """
    path = folder / "preprocessor_config.json"
    content = _image_processor(folder)
    vision = cast("dict[str, Any]", _read_json(folder / "config.json").get("vision_config", {}))
    spec = VisionSpec(pixels=pixels or _budget(content, path))
    return replace(
        spec,
        patch_size=content.get("patch_size", vision.get("patch_size", spec.patch_size)),
        temporal_patch_size=content.get("temporal_patch_size", spec.temporal_patch_size),
        merge_size=content.get("merge_size", spec.merge_size),
        mean=tuple(content.get("image_mean", spec.mean)),
        std=tuple(content.get("image_std", spec.std)),
        num_position_embeddings=vision.get("num_position_embeddings", spec.num_position_embeddings),
    )


def _pixel_statistics(folder: Path) -> tuple[Triple, Triple]:
    """Mean and standard deviation by channel; Qwen's where the folder says nothing of pixels."""
    names = ("preprocessor_config.json", "processor_config.json")
    content = _image_processor(folder) if any((folder / name).exists() for name in names) else {}
    usual = VisionSpec.mean, VisionSpec.std
    return (
        tuple(content.get("image_mean", usual[0])),
        tuple(content.get("image_std", usual[1])),
    )


def _image_processor(folder: Path) -> dict[str, Any]:
    newer = folder / "processor_config.json"
    if not (folder / "preprocessor_config.json").exists() and newer.exists():
        return cast("dict[str, Any]", _read_json(newer).get("image_processor", {}))
    return _read_json(folder / "preprocessor_config.json")


def _budget(content: Mapping[str, Any], path: Path) -> PixelPolicy:
    size = cast("dict[str, int]", content.get("size") or {})
    low = content.get("min_pixels") or size.get("shortest_edge")
    high = content.get("max_pixels") or size.get("longest_edge")
    if not low or not high:
        raise ModelError(
            "no pixel budget: neither size.shortest_edge/longest_edge nor min_pixels/max_pixels",
            where=str(path),
        )
    return PixelPolicy(min_pixels=int(low), max_pixels=int(high))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"no {path.name} in the model folder", where=str(path.parent)) from None
    except ValueError as error:
        raise ModelError(f"not JSON: {error}", where=str(path)) from None
    if not isinstance(content, dict):
        raise ModelError("a JSON object is expected", where=str(path))
    return cast("dict[str, Any]", content)


def _quantization_settings(
    quantization: Quantization | None, dtype: str, device: str
) -> dict[str, Any]:
    """What `from_pretrained` takes for quantised weights; nothing for ordinary ones."""
    if quantization is None or quantization.quant_bits is None:
        return {}
    if quantization.quant_method not in (None, "bnb"):
        raise ModelError(
            f"quant_method {quantization.quant_method!r} cannot be loaded by this version",
            remedy="quant_method: bnb",
        )
    extras.require("bitsandbytes", "quant")
    if not device.startswith("cuda"):
        log.warning("quant_bits %d: slower on a CPU than whole weights", quantization.quant_bits)
    from transformers import BitsAndBytesConfig

    # The vision part is a small share of the memory and the first to lose accuracy.
    whole = ["lm_head", "visual", "model.visual"]
    if quantization.quant_bits == 8:
        eight_bit = BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=whole)
        return {"quantization_config": eight_bit, "device_map": device}
    compute = quantization.bnb_4bit_compute_dtype or ("bfloat16" if dtype == "auto" else dtype)
    four_bit = BitsAndBytesConfig(
        load_in_4bit=True,
        llm_int8_skip_modules=whole,
        bnb_4bit_compute_dtype=torch_dtype(compute),
        bnb_4bit_quant_type=quantization.bnb_4bit_quant_type,
        bnb_4bit_use_double_quant=quantization.bnb_4bit_use_double_quant,
        bnb_4bit_quant_storage=quantization.bnb_4bit_quant_storage,
    )
    return {"quantization_config": four_bit, "device_map": device}


def _refuse_gaps(found: Mapping[str, Any], folder: Path) -> None:
    """Weights that are not in the files would be random numbers: refused, by name."""
    missing = sorted(str(name) for name in found.get("missing_keys") or ())
    mismatched = sorted(str(item) for item in found.get("mismatched_keys") or ())
    if missing or mismatched:
        names = missing + mismatched
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        raise ModelError(
            f"{len(names)} tensors are missing or have another shape: {shown}", where=str(folder)
        )
    if unexpected := sorted(str(name) for name in found.get("unexpected_keys") or ()):
        log.warning("%s: %d tensors belong to no part of the model and are left out: %s",
                    folder, len(unexpected), ", ".join(unexpected[:5]))  # fmt: skip
