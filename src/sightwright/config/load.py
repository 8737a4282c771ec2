"""Read a configuration: files → one checked `Config`, with where each value came from.

loaded = load_config(Path("configs/extract/lora_8b.yaml"))
loaded.config.tuner.lora_rank              # 16
loaded.provenance["tuner.lora_rank"]       # "configs/extract/lora_8b.yaml:31"
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from sightwright.config.derive import (
    apply_global_max_length,
    imply_four_bits,
    infer_task_type,
    locate_mixture,
    read_deepspeed_file,
    read_text_files,
)
from sightwright.config.inheritance import Gathered, gather, gather_text
from sightwright.config.problems import ConfigProblemsError
from sightwright.config.pydantic_problems import problems_of
from sightwright.config.schema import Config
from sightwright.config.tree import Branch, find, plain
from sightwright.config.warn import warnings_of

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration and its history.

    Attributes:
        config: the values.
        provenance: dotted key → `file:line`, or `default`; one entry for every value.
        warnings: what deserves a look, as `file:line: key: what`.
        notes: older names that were translated.
    """

    config: Config
    provenance: dict[str, str]
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()


def load_config(path: Path, base_config: Path | None = None) -> Loaded:
    """Read the YAML at `path` with its bases, over `base_config`.

    Raises:
        ConfigProblemsError: everything that is wrong in any of the files, at once.
    """
    return _loaded(gather(Path(path), None if base_config is None else Path(base_config)))


def load_text(text: str, name: str = "<text>", folder: Path | None = None) -> Loaded:
    """Read YAML from memory; what it extends is looked up in `folder`."""
    return _loaded(gather_text(text, name, folder or Path()))


def _loaded(gathered: Gathered) -> Loaded:
    root = gathered.root
    warnings = list(apply_global_max_length(root))
    gathered.add_problems(list(read_text_files(root, gathered.folders)))
    locate_mixture(root, gathered.folders)
    gathered.add_problems(list(read_deepspeed_file(root, gathered.folders)))
    imply_four_bits(root)
    infer_task_type(root)
    try:
        config = Config.model_validate(plain(root))
    except ValidationError as error:
        gathered.add_problems(list(problems_of(error, root)))
        raise ConfigProblemsError(gathered.problems) from None
    if gathered.problems:
        raise ConfigProblemsError(gathered.problems)
    warnings += warnings_of(config, root)
    notes = tuple(str(note) for note in gathered.notes)
    return Loaded(config, dict(_provenance(config, root, ())), tuple(warnings), notes)


def _provenance(model: BaseModel, root: Branch, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for name in type(model).model_fields:
        value, here = getattr(model, name), (*path, name)
        if isinstance(value, BaseModel):
            yield from _provenance(value, root, here)
        else:
            node = find(root, here)
            yield ".".join(here), DEFAULT if node is None else str(node.place)
