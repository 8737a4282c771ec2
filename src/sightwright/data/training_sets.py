"""From a configuration to the records a run learns from and is judged on: one file, groups of its
photographs, or a mixture of several files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from sightwright.config.fusion import FusedSet, Fusion, load_fusion
from sightwright.config.schema import Config
from sightwright.config.sections.task import TaskType
from sightwright.data.augment.pipeline import Pipeline
from sightwright.data.changes import TrainingChange
from sightwright.data.conversations import (
    arrange_groups_of,
    arrange_of,
    asking_of,
    prompts_of,
    task_of,
)
from sightwright.data.dataset import Amend, Lengths, RecordDataset, TrainingRecords
from sightwright.data.encode import Arrange, Encoder
from sightwright.data.joined import JoinedRecords
from sightwright.data.mixed import MixedRecords
from sightwright.data.mixture_entries import (
    arrange_entry,
    asking_of_entry,
    task_of_entry,
    with_boxes,
    within_limits,
)
from sightwright.data.mixture_rules import evaluates, handling, not_evaluated, require_complete
from sightwright.data.pairing import PairedRecords
from sightwright.data.patch_cache import PatchCache
from sightwright.data.sources import Source, sources_of
from sightwright.data.token_budget import require_within_budget
from sightwright.inspection_records import InspectionRecord
from sightwright.sampling import entry_prompts
from sightwright.sampling.caps import boxes_for_large_polygons
from sightwright.sampling.epoch_plan import PlanRow, epoch_plan, plan_notes
from sightwright.sampling.mixture import Mixture
from sightwright.tasks.dense import DenseTask
from sightwright.tasks.extract import ExtractTask
from sightwright.tasks.inspection import Asking, Task, kind_of

MakeEncoder = Callable[[Arrange], Encoder]


@dataclass(frozen=True)
class HeldOut:
    """Records that a run is judged on.

    Attributes:
        name: of the data set in a mixture; "" for the only one.
        task: None where answers are free text.
    """

    name: str
    records: RecordDataset
    task: Task | None

    @property
    def kind(self) -> TaskType:
        match self.task:
            case None:
                return "chat"
            case ExtractTask():
                return "extract"
            case task:
                return kind_of(task)


@dataclass(frozen=True)
class TrainingSets:
    """See the module.

    Attributes:
        lengths: of every record that can be learnt, once.
        task: what the model is asked afterwards: the run's, or that of a mixture's first target.
        asking: how, where it is about photographs.
        prompts: how the records of the one file ask, and how often; empty for a mixture.
        sources: the names of its data sets, in the metrics.
        plan: what an epoch of a mixture holds; empty without one.
        notes: what deserves to be told before the run.
    """

    train: TrainingRecords
    lengths: Lengths
    held_out: tuple[HeldOut, ...]
    task: Task | None
    asking: Asking
    prompts: Counter[str]
    sources: tuple[str, ...] = ("",)
    plan: tuple[PlanRow, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def commonest_prompt(self) -> str:
        """How most records of the one file ask."""
        return self.prompts.most_common(1)[0][0]

    def marked_kind(self, preferred: TaskType) -> TaskType | None:
        """The task whose score picks the best checkpoint: the preferred one where held-out records
        are of it, else that of the first whose answers are marked; None where none are."""
        kinds: list[TaskType] = [each.kind for each in self.held_out if each.kind != "chat"]
        return preferred if preferred in kinds else next(iter(kinds), None)

    @property
    def judged(self) -> TrainingRecords | None:
        """All held-out records, one set after another."""
        sets = [each.records for each in self.held_out]
        return None if not sets else sets[0] if len(sets) == 1 else JoinedRecords(sets)


def open_sets(config: Config, make_encoder: MakeEncoder) -> TrainingSets:
    """Read and check every record of a run, from headers alone.

    Args:
        make_encoder: an encoder of the run's model for one way to arrange records.

    Raises:
        ConfigError, DataError: settings or records that cannot be learnt; named.
    """
    mixture = config.custom.fusion_config
    if mixture is None:
        sets = _one_file(config, make_encoder)
    else:
        sets = _mixture(config, load_fusion(Path(mixture)), make_encoder)
    require_within_budget(config.data.batching, sets.train)
    return sets


def _one_file(config: Config, make_encoder: MakeEncoder) -> TrainingSets:
    path = Path(_given(config.custom.train_jsonl))
    conversations = config.task.type in ("extract", "chat", "verdict")
    prompts = prompts_of(path) if conversations else Counter[str]()
    task = task_of(config, prompts)
    encoder = make_encoder(arrange_of(config, task))
    change = _change(config, objects_fixed=config.task.type == "summary")
    (source,) = sources_of(config).values()
    train, lengths = RecordDataset.open(
        path,
        encoder,
        limit=config.custom.limit("train"),
        drop_over_length=_drops(config),
        change=change,
        source=source,
        pipeline=_pipeline(config, curriculum=True),
        cache=_cache(config),
    )
    held_out = _held_out(config, "", config.custom.val_jsonl, encoder, task, source, lengths)
    return TrainingSets(
        train=_paired(config, train),
        lengths=lengths,
        held_out=tuple(held_out),
        task=task,
        asking=asking_of(config),
        prompts=prompts,
        sources=(source.name,),
        notes=(
            *_told(train, task),
            *_groups_told(config),
            *_cache_told(config, _pipeline(config, curriculum=True)),
        ),
    )


def _paired(config: Config, records: RecordDataset) -> TrainingRecords:
    pairing = config.custom.legacy_pairing
    if pairing is None:
        return records
    groups = PairedRecords(
        records,
        arrange_groups_of(config),
        group_size=pairing.group_size,
        summary_ratio=pairing.summary_ratio,
        seed=_seed(config),
        pipeline=_pipeline(config, curriculum=True),
    )
    groups.require_room()
    return groups


def _groups_told(config: Config) -> Iterator[str]:
    if config.custom.legacy_pairing is not None and evaluates(config):
        yield "groups are learnt (legacy_pairing), and held-out records are asked one by one"


def _held_out(
    config: Config,
    name: str,
    path: str | Path | None,
    encoder: Encoder,
    task: Task | None,
    source: Source,
    lengths: Lengths,
    amend: Amend | None = None,
) -> Iterator[HeldOut]:
    """The records of one file; those left out are added to `lengths.dropped`."""
    if path is None or not evaluates(config):
        return
    records, own = RecordDataset.open(
        Path(path),
        encoder,
        limit=config.custom.limit("val"),
        drop_over_length=_drops(config),
        amend=amend,
        source=source,
        cache=_cache(config),
    )
    lengths.dropped.extend(own.dropped)
    yield HeldOut(name, records, task)


def _cache(config: Config) -> PatchCache | None:
    settings = config.data.patch_cache
    return None if settings is None else PatchCache.open(Path(settings.dir), settings.max_gb)


def _cache_told(config: Config, *pipelines: Pipeline | None) -> Iterator[str]:
    if config.data.patch_cache is not None and None not in pipelines:
        yield (
            "data.patch_cache keeps held-out images alone: training images are augmented, anew in "
            "every epoch"
        )


def _drops(config: Config) -> bool:
    return config.template.truncation_strategy == "delete"


# Mixtures


def _mixture(config: Config, fusion: Fusion, make_encoder: MakeEncoder) -> TrainingSets:
    require_complete(config, fusion)
    sources = sources_of(config, fusion)
    opened, lengths = _opened(config, fusion, make_encoder, sources)
    mixture = Mixture.of(fusion, {name: len(each) for name, each in opened.items()}, _seed(config))
    held_out = [
        held
        for each in fusion.evaluated
        for held in _held_out_of(config, each, make_encoder, sources[each.name], lengths)
    ]
    told = [
        f"{each.name}: {note}"
        for each in fusion.sets
        if each.name in opened
        for note in _told(opened[each.name], task_of_entry(config, each), each)
    ]
    return TrainingSets(
        train=MixedRecords(
            tuple(opened.get(each.name) for each in fusion.sets), mixture, handling(fusion)
        ),
        lengths=lengths,
        held_out=tuple(held_out),
        task=task_of_entry(config, fusion.targets[0]),
        asking=asking_of_entry(config, fusion.targets[0]),
        prompts=Counter(),
        sources=tuple(sources),
        plan=epoch_plan(
            fusion,
            mixture,
            entry_prompts.prompt_sources(fusion.sets),
            augmentation=config.custom.augments,
            curriculum=_has_curriculum(config),
            object_ops=_skipped_ops(config),
        ),
        notes=(
            *fusion.notes,
            *plan_notes(mixture),
            *not_evaluated(config, fusion),
            *told,
            *_cache_told(config, *(_pipeline_of(config, each) for each in fusion.sets)),
        ),
    )


def _held_out_of(
    config: Config, each: FusedSet, make_encoder: MakeEncoder, source: Source, lengths: Lengths
) -> Iterator[HeldOut]:
    encoder, task = make_encoder(arrange_entry(config, each)), task_of_entry(config, each)
    amend = partial(with_boxes, each)
    yield from _held_out(config, each.name, each.val_jsonl, encoder, task, source, lengths, amend)


def _opened(
    config: Config, fusion: Fusion, make_encoder: MakeEncoder, sources: Mapping[str, Source]
) -> tuple[dict[str, RecordDataset], Lengths]:
    """The sets that are drawn from, by name, and the lengths of all their records."""
    opened: dict[str, RecordDataset] = {}
    lengths = Lengths([], [], [], [], [])
    for each in fusion.sets:
        if each.ratio == 0:
            continue
        limit = config.custom.limit("train") if each.domain == "target" else None
        arrange = arrange_entry(config, each, measures=True)
        encoder = make_encoder(partial(within_limits, each, arrange))
        opened[each.name], own = RecordDataset.open(
            each.train_jsonl,
            encoder,
            limit=limit,
            drop_over_length=_drops(config),
            change=_change_of(config, each),
            source=sources[each.name],
            pipeline=_pipeline_of(config, each),
            cache=_cache(config),
        )
        _add(lengths, own)
    return opened, lengths


def _change_of(config: Config, each: FusedSet) -> TrainingChange | None:
    pipeline = _pipeline_of(config, each)
    limits = each if each.max_objects or each.poly_max_points else None
    if pipeline is None and limits is None:
        return None
    return TrainingChange(_seed(config), pipeline, limits, objects_fixed=each.learns == "summary")


def _pipeline_of(config: Config, each: FusedSet) -> Pipeline | None:
    return _pipeline(config, curriculum=each.curriculum) if each.augmentation else None


def _change(config: Config, *, objects_fixed: bool) -> TrainingChange | None:
    pipeline = _pipeline(config, curriculum=True)
    return pipeline and TrainingChange(_seed(config), pipeline, objects_fixed=objects_fixed)


def _pipeline(config: Config, *, curriculum: bool) -> Pipeline | None:
    settings = config.custom.effective_augmentation
    if settings is None:
        return None
    return Pipeline.of(settings if curriculum else settings.model_copy(update={"curriculum": None}))


def _has_curriculum(config: Config) -> bool:
    settings = config.custom.effective_augmentation
    return settings is not None and settings.curriculum is not None


def _skipped_ops(config: Config) -> tuple[str, ...]:
    """What is left out where a text about all objects is learnt."""
    pipeline = _pipeline(config, curriculum=True)
    return () if pipeline is None else pipeline.skipped_when_fixed()


def _told(
    records: RecordDataset, task: Task | None, limits: FusedSet | None = None
) -> Iterator[str]:
    """What of a set's objects is not learnt as it stands, counted."""
    if not isinstance(task, DenseTask):
        return
    widened = over = boxed = 0
    for index in range(len(records)):
        record = records.record(index)
        assert isinstance(record, InspectionRecord)
        shapes = record.objects
        if limits is not None:
            shapes, num_boxed = boxes_for_large_polygons(shapes, limits.poly_max_points)
            boxed += num_boxed
            over += limits.max_objects is not None and len(shapes) > limits.max_objects
        # One by one: before the cap they may be more than an answer holds.
        alone = (replace(record, objects=(each,)) for each in shapes)
        widened += sum(len(task.written(each).widened) for each in alone)
    if widened:
        yield f"{widened} objects are thinner than a step of {task.norm}, and are learnt one wide"
    if limits is not None and boxed:
        yield f"{boxed} polygons of over {limits.poly_max_points} points are learnt as boxes"
    if limits is not None and over:
        yield (
            f"{over} of {len(records)} records have over {limits.max_objects} objects: so many of "
            "them are learnt, drawn anew in each epoch"
        )


def _add(lengths: Lengths, own: Lengths) -> None:
    lengths.total.extend(own.total)
    lengths.image.extend(own.image)
    lengths.supervised.extend(own.supervised)
    lengths.num_images.extend(own.num_images)
    lengths.dropped.extend(own.dropped)


def _seed(config: Config) -> int:
    own = config.training.data_seed
    return config.training.seed if own is None else own


def _given(value: str | None) -> str:
    """A setting that `require_trainable` has made sure of."""
    assert value is not None
    return value
