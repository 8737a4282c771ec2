"""The folder of an export: written beside its place, complete, then moved there at once."""

import json
import re
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightwright import canonical, certificate
from sightwright.certificate import Pixels
from sightwright.errors import ModelError
from sightwright.export.headers import INDEX

_WEIGHT_SUFFIXES = {
    *(".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".h5", ".msgpack", ".onnx"),
}
# What a run keeps in its checkpoints beside the model.
_OF_A_RUN = re.compile(r"(trainer_state|progress|complete|sums-\d+)\.json|resolved\.yaml")
_SPARE_BYTES = 64 * 2**20


@dataclass(frozen=True)
class CopiedFile:
    """A file that is no weight. `what` is copied, changed (and why) or left out (and why)."""

    name: str
    what: str


def refuse_in_use(out: Path, *, overwrite: bool) -> None:
    """
    Raises:
        ModelError: `out` is there and may not be replaced.
    """
    if out.exists() and not overwrite:
        raise ModelError(
            "exists already", where=str(out), remedy="choose another --out, or give --overwrite"
        )
    if out.exists() and not (out.is_dir() and (out / "config.json").is_file()):
        # Overwriting removes the old folder whole: never one that is no model.
        raise ModelError("is no model folder, and is not overwritten", where=str(out))


def require_space(out: Path, num_bytes: int) -> None:
    """
    Raises:
        ModelError: a disk that is too small, with what is needed and what is there.
    """
    parent = out.absolute().parent
    while not parent.exists():
        parent = parent.parent
    free = shutil.disk_usage(parent).free
    needed = num_bytes + _SPARE_BYTES
    if free < needed:
        raise ModelError(
            f"{needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free",
            where=str(parent),
            remedy="free some space, or choose another --out",
        )


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` that becomes `out` when the block ends well, and vanishes otherwise."""
    out = out.absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.{secrets.token_hex(4)}.partial")
    partial.mkdir()
    try:
        yield partial
        if out.exists():
            old = out.with_name(f".{out.name}.{secrets.token_hex(4)}.old")
            out.rename(old)
            partial.rename(out)
            shutil.rmtree(old)
        else:
            partial.rename(out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def copy_files(base: Path, weights: Sequence[Path], folder: Path) -> list[CopiedFile]:
    """Copy every file of the base that is no weight: tokenizer, processor, template, licence."""
    copied: list[CopiedFile] = []
    for source in sorted(path for path in base.rglob("*") if path.is_file()):
        relative = source.relative_to(base)
        if any(part in (".git", ".cache") for part in relative.parts[:-1]):
            continue
        if source in weights or relative == Path(INDEX):
            continue
        if relative == Path(certificate.FILE_NAME):
            copied.append(CopiedFile(relative.as_posix(), "left out: a new one is written"))
        elif _OF_A_RUN.fullmatch(relative.as_posix()):
            copied.append(CopiedFile(relative.as_posix(), "left out: of the run, not of the model"))
        elif source.suffix in _WEIGHT_SUFFIXES:
            copied.append(CopiedFile(relative.as_posix(), "left out: other weights, not merged"))
        else:
            target = folder / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            copied.append(CopiedFile(relative.as_posix(), "copied"))
    return copied


def set_pixels(folder: Path, pixels: Pixels) -> list[CopiedFile]:
    """Write the pixel policy into the processor files, for servers that read only those."""
    changed: list[CopiedFile] = []
    for name in ("preprocessor_config.json", "processor_config.json"):
        path = folder / name
        if not path.is_file():
            continue
        old: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        new = _with_pixels(old, pixels)
        if "image_processor" in old:
            new = {**old, "image_processor": _with_pixels(old["image_processor"], pixels)}
        elif name == "processor_config.json":
            continue
        if new != old:
            canonical.write_json(path, new)
            changed.append(CopiedFile(name, "changed: the pixel policy of training"))
    return changed


def _with_pixels(settings: dict[str, Any], pixels: Pixels) -> dict[str, Any]:
    size = {"shortest_edge": pixels.min_pixels, "longest_edge": pixels.max_pixels}
    older = {"min_pixels": pixels.min_pixels, "max_pixels": pixels.max_pixels}
    in_use = {key: value for key, value in older.items() if settings.get(key) is not None}
    return {**settings, "size": size, **in_use}


def set_dtype(folder: Path, dtype: str) -> list[CopiedFile]:
    """Say in `config.json` which dtype the weights have now."""
    path = folder / "config.json"
    old: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    new = {**_with_dtype(old, dtype), ("torch_dtype" if "torch_dtype" in old else "dtype"): dtype}
    if new == old:
        return []
    canonical.write_json(path, new)
    return [CopiedFile("config.json", f"changed: the weights are {dtype} now")]


def set_untied(folder: Path) -> list[CopiedFile]:
    """Say in `config.json` that the head is no longer the embedding: at its top and for the text,
    since some servers read the one and some the other."""
    path = folder / "config.json"
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    config["tie_word_embeddings"] = False
    if isinstance(text := config.get("text_config"), dict):
        config["text_config"] = {**text, "tie_word_embeddings": False}
    canonical.write_json(path, config)
    return [CopiedFile("config.json", "changed: head and embedding are two tensors now")]


def told_once(copied: Sequence[CopiedFile], changed: Sequence[CopiedFile]) -> list[CopiedFile]:
    """One entry a file: "copied", or all that was changed in it."""
    whats = {file.name: file.what for file in copied}
    changes: dict[str, list[str]] = {}
    for file in changed:
        changes.setdefault(file.name, []).append(file.what)
    return [CopiedFile(name, what) for name, what in (whats | _joined(changes)).items()]


def _joined(changes: dict[str, list[str]]) -> dict[str, str]:
    return {
        name: "; ".join([whats[0], *(what.removeprefix("changed: ") for what in whats[1:])])
        for name, whats in changes.items()
    }


def quantization_of(config: dict[str, Any]) -> str | None:
    """How the weights beside this `config.json` are quantised, as its method names itself."""
    parts = [config, *(part for part in config.values() if isinstance(part, dict))]
    for part in parts:
        if isinstance(found := part.get("quantization_config"), dict):
            return str(found.get("quant_method", "method not named"))
    return None


def _with_dtype(config: dict[str, Any], dtype: str) -> dict[str, Any]:
    changed = dict(config)
    for key, value in config.items():
        if key in ("dtype", "torch_dtype"):
            changed[key] = dtype
        elif isinstance(value, dict):
            changed[key] = _with_dtype(value, dtype)
    return changed
