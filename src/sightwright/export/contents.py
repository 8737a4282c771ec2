"""What a checkpoint's folder holds, and how two of them differ; from headers and configs alone.

No weight is read, and torch is not imported: adapters, sharded models and adapters in a folder of
their own name (`default/`, as multi-adapter tuners save) take milliseconds on any machine.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from sightwright.errors import ModelError
from sightwright.export.adapter import DEFAULT_ADAPTER, read_settings
from sightwright.export.headers import TensorInfo, list_tensors, read_header
from sightwright.model.checkpoints import ADAPTER_CONFIG, ADAPTER_WEIGHTS, is_torn

_PREFIX = "base_model.model."
# The factor whose shape tells an adapter's rank, and which of its two sizes that is: the first.
_RANK_FACTORS = ("lora_A", "lora_embedding_A", "vera_lambda_d")
# How the tensors of each kind that can be merged are called (AdaLoRA's are LoRA's).
_FACTORS = ("lora_", "boft_", "fourierft_", "vera_")
# VeRA's shared matrices are of no module: they lie here.
_OF_NO_MODULE = "base_model"
_SAMPLE = 20


@dataclass(frozen=True)
class Group:
    """Tensors of one kind, by name. Those of the vision part have `vision` or `visual` in it."""

    names: tuple[str, ...]

    @property
    def num_vision(self) -> int:
        return sum("vision" in name or "visual" in name for name in self.names)

    def counts(self) -> dict[str, int]:
        total, vision = len(self.names), self.num_vision
        return {"total": total, "llm": total - vision, "vision": vision}

    def value(self) -> dict[str, Any]:
        return {**self.counts(), "sample_first_20": list(self.names[:_SAMPLE])}


@dataclass(frozen=True)
class Contents:
    """What a folder holds.

    Attributes:
        files: names in the folder.
        tensors: of the adapter where there is one, else of the model; in the order of their names.
        config: of the adapter (`adapter_config.json`); None for a model.
        is_whole: False for a checkpoint of ours that was not written to its end.
    """

    path: Path
    files: tuple[str, ...]
    has_adapter_config: bool
    has_default_adapter_config: bool
    tensors: Mapping[str, TensorInfo]
    config: Mapping[str, Any] | None
    is_whole: bool

    @property
    def kind(self) -> str:
        """LORA, DORA, …, or "model"."""
        if self.config is None:
            return "model"
        return "DORA" if self.config.get("use_dora") else str(self.config.get("peft_type", "?"))

    @property
    def num_values(self) -> int:
        return sum(info.num_values for info in self.tensors.values())

    @property
    def num_bytes(self) -> int:
        return sum(info.num_bytes for info in self.tensors.values())

    @property
    def dtypes(self) -> dict[str, int]:
        """How many tensors are in which number format."""
        return _counted(info.dtype for info in self.tensors.values())

    @property
    def lora(self) -> Group:
        return Group(tuple(name for name in self.tensors if "lora_" in name))

    @property
    def adapter(self) -> Group:
        """Tensors of the adapter's kind, LoRA or another."""
        return Group(tuple(name for name in self.tensors if any(map(_is_factor, name.split(".")))))

    @cached_property
    def modules_to_save(self) -> Group:
        """Tensors of modules that learnt in full. PEFT leaves `modules_to_save` out of their names
        on disk, so that the config has to say which they are."""
        saved = [f".{entry}." for entry in _texts((self.config or {}).get("modules_to_save"))]
        adapter = set(self.adapter.names)
        return Group(
            tuple(
                name
                for name in self.tensors
                if ".modules_to_save." in f".{name}."
                or (name not in adapter and any(entry in f".{name}." for entry in saved))
            )
        )

    @property
    def ranks(self) -> dict[str, int]:
        """Rank → how many modules have an adapter of it, by the tensors' shapes."""
        found = [self._rank(name, info) for name, info in self.tensors.items()]
        return _counted(str(rank) for rank in sorted(rank for rank in found if rank is not None))

    def _rank(self, name: str, info: TensorInfo) -> int | None:
        if not any(factor in name.split(".") for factor in _RANK_FACTORS) or not info.shape:
            return None
        rows, config = info.shape[0], self.config or {}
        # A parameter of E experts has its factors stacked: E times r rows.
        parameters = _texts(config.get("target_parameters"))
        stacked = [f".{parameter.rpartition('.')[0]}." for parameter in parameters]
        rank = config.get("r")
        if isinstance(rank, int) and rank > 0 and any(part in f".{name}" for part in stacked):
            return rank if rows % rank == 0 else rows
        return rows

    @property
    def targets(self) -> dict[str, int]:
        """Last name of a module → how many modules of it have an adapter."""
        modules = {_module_of(name) for name in self.adapter.names} - {_OF_NO_MODULE}
        return _counted(sorted(module.rpartition(".")[2] for module in modules))

    @property
    def aligner(self) -> tuple[str, ...]:
        """The mergers between vision and language that have tensors here, by their whole names."""
        found = (_merger_of(name) for name in self.tensors)
        return tuple(sorted({merger for merger in found if merger is not None}))

    def value(self) -> dict[str, Any]:
        """As JSON: first what the documents' script told, under its names, then the rest."""
        config = self.config or {}
        return {
            "path": str(self.path),
            "files": list(self.files),
            "has_adapter_config": self.has_adapter_config,
            "has_default_adapter_config": self.has_default_adapter_config,
            "num_parameters_total": len(self.tensors),
            "lora": self.lora.value(),
            "modules_to_save": self.modules_to_save.value(),
            "kind": self.kind,
            "is_whole": self.is_whole,
            "base_model": config.get("base_model_name_or_path"),
            "num_values": self.num_values,
            "num_bytes": self.num_bytes,
            "dtypes": self.dtypes,
            "ranks": self.ranks,
            "alpha": config.get("lora_alpha"),
            "targets": self.targets,
            "adapter": self.adapter.value(),
            "aligner": list(self.aligner),
        }


@dataclass(frozen=True)
class Comparison:
    """How two folders differ.

    Attributes:
        settings: keys of the adapters' configs with other values → the two values.
        only_first, only_second: names that the other does not have.
        differing: names of tensors with another shape or number format → the two.
    """

    first: Contents
    second: Contents
    settings: dict[str, tuple[Any, Any]]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    differing: dict[str, tuple[TensorInfo, TensorInfo]]

    @property
    def is_equal(self) -> bool:
        return not (self.settings or self.only_first or self.only_second or self.differing)

    def value(self) -> dict[str, Any]:
        both = (self.first, self.second)
        return {
            "paths": [str(one.path) for one in both],
            "num_parameters_total": [len(one.tensors) for one in both],
            "lora": _side_by_side([one.lora.counts() for one in both]),
            "modules_to_save": _side_by_side([one.modules_to_save.counts() for one in both]),
            "ranks": [one.ranks for one in both],
            "targets": [one.targets for one in both],
            "settings": {key: list(values) for key, values in self.settings.items()},
            "only_in_first": list(self.only_first),
            "only_in_second": list(self.only_second),
            "differing": {name: [str(i) for i in infos] for name, infos in self.differing.items()},
        }


def read_contents(folder: Path) -> Contents:
    """Look into a folder.

    Raises:
        ModelError: no folder, no weights in it, or a file that cannot be read or is broken.
    """
    if not folder.is_dir():
        raise ModelError(
            "a file, not a folder" if folder.exists() else "no such folder", where=str(folder)
        )
    place = _adapter_folder(folder)
    tensors = list_tensors(folder) if place is None else read_header(place / ADAPTER_WEIGHTS)
    return Contents(
        path=folder,
        files=file_names(folder),
        has_adapter_config=(folder / ADAPTER_CONFIG).is_file(),
        has_default_adapter_config=(folder / DEFAULT_ADAPTER / ADAPTER_CONFIG).is_file(),
        tensors=dict(sorted(tensors.items())),
        config=None if place is None else _settings(place),
        is_whole=not is_torn(folder),
    )


def file_names(folder: Path) -> tuple[str, ...]:
    """Names in a folder, sorted; none where there is no folder."""
    return tuple(sorted(path.name for path in folder.iterdir())) if folder.is_dir() else ()


def compare(first: Contents, second: Contents) -> Comparison:
    ours, theirs = first.tensors, second.tensors
    both = [name for name in ours if name in theirs]
    return Comparison(
        first=first,
        second=second,
        settings=_differing_settings(first.config or {}, second.config or {}),
        only_first=tuple(name for name in ours if name not in theirs),
        only_second=tuple(name for name in theirs if name not in ours),
        differing={
            name: (ours[name], theirs[name])
            for name in both
            if (ours[name].shape, ours[name].dtype) != (theirs[name].shape, theirs[name].dtype)
        },
    )


def _adapter_folder(folder: Path) -> Path | None:
    """Where the adapter lies: in the folder, or in `default`; None for a model.

    Raises:
        ModelError: an adapter's config without its weights, or no weights of any kind.
    """
    for place in (folder, folder / DEFAULT_ADAPTER):
        if (place / ADAPTER_WEIGHTS).is_file():
            return place
        if (place / ADAPTER_CONFIG).is_file():
            raise ModelError(
                f"no {ADAPTER_WEIGHTS} beside {ADAPTER_CONFIG}",
                where=str(place),
                remedy="adapters are read from safetensors only",
            )
    if any(folder.glob("model*.safetensors*")):
        return None
    inside = sorted(path.parent.name for path in folder.glob("*/*model*.safetensors"))
    raise ModelError(
        "neither an adapter nor a model",
        where=str(folder),
        remedy=f"look into {', '.join(inside)}" if inside else None,
    )


def _settings(place: Path) -> dict[str, Any]:
    return read_settings(place) if (place / ADAPTER_CONFIG).is_file() else {}


def _differing_settings(
    ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """Lists are sets here: PEFT writes the names of modules in any order."""
    pairs = {key: (ours.get(key), theirs.get(key)) for key in sorted(ours.keys() | theirs.keys())}
    return {key: pair for key, pair in pairs.items() if _as_set(pair[0]) != _as_set(pair[1])}


def _as_set(value: object) -> object:
    return sorted(map(str, cast("list[object]", value))) if isinstance(value, list) else value


def _side_by_side(counts: list[dict[str, int]]) -> dict[str, list[int]]:
    return {key: [one[key] for one in counts] for key in counts[0]}


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values))


def _texts(value: object) -> list[str]:
    entries = cast("list[object]", value) if isinstance(value, list) else []
    return [entry for entry in entries if isinstance(entry, str)]


def _module_of(name: str) -> str:
    """`base_model.model.model.….q_proj.lora_A.weight` → `model.….q_proj`.

    The second parameter of a module with two adapters (gate_up_proj and down_proj of experts) is
    written as if it were inside the first: `experts.base_layer.lora_A.weight`.
    """
    parts = name.removeprefix(_PREFIX).split(".")
    steps = [part for part in parts if part != "base_layer"]
    end = next((i for i, part in enumerate(steps) if _is_factor(part)), len(steps))
    return ".".join(steps[:end])


def _is_factor(part: str) -> bool:
    return part.startswith(_FACTORS)


def _merger_of(name: str) -> str | None:
    """The merger that a tensor belongs to, as `modules_to_save` names it; None for any other.

    >>> _merger_of("base_model.model.model.visual.deepstack_merger_list.2.norm.weight")
    'model.visual.deepstack_merger_list.2'
    """
    parts = name.removeprefix(_PREFIX).split(".")
    for listed, length in (("merger", 1), ("deepstack_merger_list", 2)):
        if listed in parts:
            return ".".join(parts[: parts.index(listed) + length])
    return None
