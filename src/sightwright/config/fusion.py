"""The mixture file: which data sets a run learns from, how much of each, and how.

    targets:
      - {name: bbu, train_jsonl: bbu/train.jsonl, template: target_dense_bbu}
    sources:
      - {name: lvis, train_jsonl: lvis/train.jsonl, template: source_dense, ratio: 0.1}

*Targets* are what the model is for, and what it is evaluated on; *sources* go along. The section
that an entry stands in decides, not its kind. YAML or JSON, with `extends`. A path is looked up
beside the file that names it, then below the working folder.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, ValidationError

from sightwright.config.fields import INHERITANCE_KEYS
from sightwright.config.fusion_tree import prepare, read_prompts, repeated_names
from sightwright.config.inheritance import Gathered, gather
from sightwright.config.metric_names import is_reserved
from sightwright.config.problems import ConfigProblemsError
from sightwright.config.pydantic_problems import problems_of
from sightwright.config.section import AsTuple, Fault, Section
from sightwright.config.suggestions import did_you_mean
from sightwright.config.tree import Branch, Key, Leaf, find, nearest_place, plain

Kind = Literal["bbu", "rru", "coco", "objects365", "lvis", "flickr3k", "chat"]
Domain = Literal["target", "source"]
Mode = Literal["dense", "summary", "chat"]
Template = Literal[
    "target_dense",
    "target_dense_bbu",
    "target_dense_rru",
    "source_dense",
    "summary",
    "summary_bbu",
    "summary_rru",
    "chatml",
]
"""What the prompts registry knows; a test holds the two lists together."""

IRRELEVANT = "irrelevant_summary"
"""The name of the entry whose photographs show no equipment; its prompt alternates."""

_TOKENS: dict[Kind, str] = {"bbu": "BBU", "rru": "RRU"}
_SOURCE_CAP = 64
"""Objects of a source's record; a street scene has hundreds."""

_NAME = r"^[\w.-]+$"
# A mixture of a thousand times its records is a slip of the pen, and would fill the memory.
_Ratio = Annotated[float, Field(ge=0, le=1000)]


class Entry(Section):
    """One data set, as the file has it. `params: {…}` may hold any of the keys."""

    dataset: Kind = Field(description="kind of data; `name` where it is missing")
    name: Annotated[str, Field(pattern=_NAME)] = Field(
        description="of the data set in metrics; `dataset` where it is missing"
    )
    train_jsonl: str = Field(description="its records")
    val_jsonl: str | None = Field(default=None, description="held-out records; used for targets")
    template: Template = Field(description="which prompts ask for its answers")
    mode: Mode | None = Field(default=None, description="what is learnt; the template tells")
    use_summary: bool | None = Field(default=None, description="another name of mode: summary")
    augmentation_enabled: bool | None = Field(
        default=None, description="change its images; true for targets of photographs"
    )
    curriculum_enabled: bool | None = Field(
        default=None, description="let the changes grow; as augmentation_enabled"
    )
    max_objects_per_image: PositiveInt | None = Field(
        default=None, description=f"objects kept of a record; {_SOURCE_CAP} for sources"
    )
    poly_fallback: Literal["off", "bbox_2d"] = Field(
        default="off", description="what becomes of a polygon of too many points"
    )
    poly_max_points: PositiveInt | None = Field(
        default=None, description="points above which it is too many"
    )
    user_prompt: str | None = Field(default=None, description="over the template's; may be a .txt")
    system_prompt: str | None = Field(
        default=None, description="over the template's; may be a .txt"
    )
    seed: NonNegativeInt | None = Field(default=None, description="another one, another draw")
    sample_without_replacement: bool = Field(
        default=False, description="draw no record twice, as far as there are enough"
    )

    @property
    def learns(self) -> Mode:
        """What of the records is learnt: a conversation, the summary, or the objects."""
        if self.dataset == "chat":
            return "chat"
        return "summary" if "summary" in self.template else "dense"

    def faults(self) -> Iterator[Fault]:
        yield from self._mode_faults()
        if (self.dataset == "chat") != (self.template == "chatml"):
            hint = "conversations hold their own prompts: dataset: chat goes with template: chatml"
            yield Fault("template", f"{self.template} does not fit dataset: {self.dataset}", hint)
        elif self.name == IRRELEVANT and self.learns != "summary":
            hint = "its answer is a summary: template: summary_bbu or summary_rru"
            yield Fault("template", f"{self.template} does not fit name: {IRRELEVANT}", hint)
        if is_reserved(self.name):
            text = f"{self.name!r} would make keys of the log that mean something else"
            yield Fault("name", text, "another name, as bbu")
        if self.poly_fallback == "bbox_2d" and self.poly_max_points is None:
            hint = "add poly_max_points, as 12"
            yield Fault("poly_fallback", "does not say which polygons become boxes", hint)
        if self.poly_fallback == "off" and self.poly_max_points is not None:
            hint = "add poly_fallback: bbox_2d, or delete it"
            yield Fault("poly_max_points", "has no effect while poly_fallback is off", hint)

    def _mode_faults(self) -> Iterator[Fault]:
        wanted = {None: None, True: "summary", False: "dense"}[self.use_summary]
        if wanted and self.mode and (wanted == "summary") != (self.mode == "summary"):
            text = f"says {wanted}, and mode says {self.mode}"
            yield Fault("use_summary", text, "keep one of them")
            return
        mode = self.mode or wanted
        # A conversation's mode is `dense` where the documents' files give one.
        fitting = {"dense", "chat"} if self.dataset == "chat" else {self.learns}
        if mode is not None and mode not in fitting:
            key = "mode" if self.mode else "use_summary"
            fits = "a summary template goes with mode: summary, every other with mode: dense"
            yield Fault(key, f"{mode} does not fit template: {self.template}", fits)


class Target(Entry):
    """What the model is for."""

    ratio: _Ratio = Field(default=1.0, description="times its records are learnt in an epoch")


class Source(Entry):
    """What goes along."""

    ratio: _Ratio = Field(description="rows in an epoch, as a share of all targets' rows")


class FusionFile(Section):
    """The file as it is written."""

    targets: Annotated[tuple[Target, ...], AsTuple] = Field(
        description="what the model is for, and is evaluated on"
    )
    sources: Annotated[tuple[Source, ...], AsTuple] = Field(
        default=(), description="what goes along"
    )

    def faults(self) -> Iterator[Fault]:
        if not self.targets:
            hint = "sources alone have nothing to go along with"
            yield Fault("targets", "holds no entry, and must hold one at least", hint)


@dataclass(frozen=True, slots=True)
class FusedSet:
    """One data set of a mixture, every default filled in.

    Attributes:
        domain: the section it stands in.
        learns: what of its records is learnt.
        ratio: for a target, times its records are learnt in an epoch; for a source, its rows as a
            share of all targets' rows.
        max_objects: objects kept of a record; None for all.
        poly_max_points: polygons of more points become boxes; None for none.
    """

    name: str
    kind: Kind
    domain: Domain
    train_jsonl: Path
    val_jsonl: Path | None
    template: Template
    learns: Mode
    ratio: float
    augmentation: bool
    curriculum: bool
    max_objects: int | None
    poly_max_points: int | None
    user_prompt: str | None = None
    system_prompt: str | None = None
    seed: int = 0
    sample_without_replacement: bool = False

    @property
    def domain_token(self) -> str | None:
        """BBU or RRU; None for other data."""
        return _TOKENS.get(self.kind)

    @property
    def is_irrelevant(self) -> bool:
        return self.name == IRRELEVANT

    @property
    def asks_for_header(self) -> bool:
        """Whether it is asked for `<DOMAIN=…>, <TASK=…>` above an answer, where the run has it."""
        return self.domain == "target" and self.domain_token is not None

    @property
    def writes_header(self) -> bool:
        """Whether its answers have it: what shows no equipment is of no domain."""
        return self.asks_for_header and not self.is_irrelevant


@dataclass(frozen=True, slots=True)
class Fusion:
    """A mixture, ready to be counted out.

    Attributes:
        sets: the targets in the order of the file, then the sources.
        notes: settings that have no effect, as `file:line: key: why`.
    """

    sets: tuple[FusedSet, ...]
    notes: tuple[str, ...] = ()

    @property
    def targets(self) -> tuple[FusedSet, ...]:
        return tuple(each for each in self.sets if each.domain == "target")

    @property
    def sources(self) -> tuple[FusedSet, ...]:
        return tuple(each for each in self.sets if each.domain == "source")

    @property
    def dataset_domains(self) -> dict[str, Domain]:
        """Name → target or source."""
        return {each.name: each.domain for each in self.sets}

    @property
    def evaluated(self) -> tuple[FusedSet, ...]:
        """What the run is evaluated on, in order: targets alone, those with held-out records."""
        return tuple(each for each in self.targets if each.val_jsonl is not None)


def is_mixture(path: Path) -> bool:
    """Whether a file is a mixture rather than a run's configuration, by its keys."""
    root = gather(path, prepare=prepare).root
    return not {"targets", "target", "sources"}.isdisjoint(root.children)


def load_fusion(path: Path) -> Fusion:
    """Read the mixture at `path` with its bases. No record is looked at.

    Raises:
        ConfigProblemsError: everything that is wrong in any of the files, at once.
    """
    gathered = gather(path, prepare=prepare)
    root = gathered.root
    if gathered.problems and not root.children:  # nothing was read, so all would be missing
        raise ConfigProblemsError(gathered.problems)
    gathered.add_problems(list(repeated_names(root)))
    gathered.add_problems(list(read_prompts(root, gathered.folders)))
    try:
        file = FusionFile.model_validate(plain(root))
    except ValidationError as error:
        gathered.add_problems(list(problems_of(error, root, _unknown_key_hint)))
        raise ConfigProblemsError(gathered.problems) from None
    if gathered.problems:
        raise ConfigProblemsError(gathered.problems)
    entries = [("targets", i, entry) for i, entry in enumerate(file.targets)]
    entries += [("sources", i, entry) for i, entry in enumerate(file.sources)]
    notes = tuple(note for entry in entries for note in _notes(*entry, root))
    return Fusion(tuple(_fused(*entry, gathered) for entry in entries), notes)


def _unknown_key_hint(path: tuple[Key, ...]) -> str:
    *parents, last = path
    known = list(Target.model_fields) if parents else ["targets", "sources", *INHERITANCE_KEYS]
    return did_you_mean(str(last), known) or f"known here: {', '.join(known)}"


def _fused(section: str, index: int, entry: Target | Source, gathered: Gathered) -> FusedSet:
    def located(key: str, text: str) -> Path:
        node = find(gathered.root, (section, index, key))
        assert isinstance(node, Leaf)
        return _located(text, gathered.folders[node.place.file])

    domain: Domain = "target" if section == "targets" else "source"
    augmentation = entry.learns != "chat" and _or(entry.augmentation_enabled, domain == "target")
    most = entry.max_objects_per_image or (_SOURCE_CAP if domain == "source" else None)
    return FusedSet(
        name=entry.name,
        kind=entry.dataset,
        domain=domain,
        train_jsonl=located("train_jsonl", entry.train_jsonl),
        val_jsonl=located("val_jsonl", entry.val_jsonl) if entry.val_jsonl else None,
        template=entry.template,
        learns=entry.learns,
        ratio=entry.ratio,
        augmentation=augmentation,
        curriculum=augmentation and _or(entry.curriculum_enabled, True),
        max_objects=most if entry.learns == "dense" else None,
        poly_max_points=entry.poly_max_points if entry.learns == "dense" else None,
        user_prompt=entry.user_prompt,
        system_prompt=entry.system_prompt,
        seed=entry.seed or 0,
        sample_without_replacement=entry.sample_without_replacement,
    )


def _or(given: bool | None, default: bool) -> bool:
    return default if given is None else given


def _located(text: str, folder: Path) -> Path:
    written = Path(text.replace("\\", "/"))
    beside = folder / written
    return written if not beside.exists() and written.exists() else beside


def _notes(section: str, index: int, entry: Target | Source, root: Branch) -> Iterator[str]:
    for key, why in _without_effect(section, entry):
        if entry.given(key) and getattr(entry, key):
            place = nearest_place(root, (section, index, key))
            yield f"{place}: {section}[{index}].{key}: {why}"


def _without_effect(section: str, entry: Entry) -> Iterator[tuple[str, str]]:
    """The keys that change nothing here, if they are given."""
    if entry.learns != "dense":
        for key in ("max_objects_per_image", "poly_max_points"):
            yield key, "has no effect: no objects are learnt"
    if entry.learns == "chat":
        for key in ("augmentation_enabled", "curriculum_enabled", "user_prompt", "system_prompt"):
            yield key, "has no effect: a conversation is learnt as it stands"
    elif entry.augmentation_enabled is False or (
        section == "sources" and not entry.augmentation_enabled
    ):
        yield "curriculum_enabled", "has no effect: augmentation_enabled is false"
    if section == "sources":
        yield "val_jsonl", "has no effect: sources are not evaluated"
