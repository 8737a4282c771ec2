"""One epoch of a mixture as a file of records, to look into or to train from.

The same file, byte for byte, comes of the same mixture, records, seed and epoch, in whatever
process. A record keeps what its set learns of it: objects over the cap are left out, polygons of
too many points become boxes. What the mixture knows of a row stands in its `metadata`:

| key | holds |
|---|---|
| `_fusion_source` | the name of the set |
| `_fusion_template` | the template that asks for the answer |
| `_fusion_domain` | target or source |
| `_fusion_domain_token` | BBU or RRU; no such key for other data |
| `_fusion_mode` | dense, summary or chat |
| `summary_ref` | the summary, where that is learnt |
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sightwright import jsonl
from sightwright.config.fusion import FusedSet, Fusion
from sightwright.errors import DataError
from sightwright.inspection_records import InspectionRecord, write_inspection_record
from sightwright.logs import progress
from sightwright.rebase import Rebase
from sightwright.record_formats import Record
from sightwright.records import write_chat_record
from sightwright.sampling.caps import limit_objects
from sightwright.sampling.entry_prompts import prompt_sources
from sightwright.sampling.epoch_plan import PlanRow, epoch_plan, plan_notes
from sightwright.sampling.mixture import Mixture
from sightwright.sampling.pools import Pools, read_pools, record_of
from sightwright.tasks.irrelevant import template_of


@dataclass
class FuseReport:
    """What was written.

    Attributes:
        plan: the rows of each set.
        notes: what its reader may not expect.
        num_boxed: set → polygons of too many points, written as boxes.
        num_left_out: set → objects over the cap.
        num_renamed: rows whose id another row has already, so that `#2`, `#3`, … was added.
    """

    plan: tuple[PlanRow, ...]
    notes: tuple[str, ...]
    num_records: int = 0
    num_boxed: Counter[str] = field(default_factory=Counter[str])
    num_left_out: Counter[str] = field(default_factory=Counter[str])
    num_renamed: int = 0


def default_output(fusion: Fusion) -> Path:
    """`bbu_train_fused.jsonl` beside the records of bbu, the first target."""
    first = fusion.targets[0]
    return first.train_jsonl.with_name(f"{first.name}_train_fused.jsonl")


def fuse_file(
    fusion: Fusion, out: Path, *, seed: int, epoch: int = 0, shuffle: bool = True
) -> FuseReport:
    """Write one epoch of a mixture to `out`: all of it, or nothing.

    Relative image paths are written as seen from `out`'s folder.

    Args:
        shuffle: in an order drawn for the epoch; else set by set, in the order of the files.

    Raises:
        DataError: a record that breaks its contract, or holds nothing of what its set learns; a
            set with a ratio above 0 and no records; `out` is a file that the mixture names.
    """
    _require_another_file(fusion, out)
    pools = read_pools(fusion)
    mixture = Mixture.of(fusion, {name: len(lines) for name, lines in pools.items()}, seed)
    plan = epoch_plan(fusion, mixture, prompt_sources(fusion.sets))
    report = FuseReport(plan, (*fusion.notes, *plan_notes(mixture)))
    rows = mixture.shuffled(epoch) if shuffle else mixture.rows(epoch)
    fuser = _Fuser(fusion, pools, out, seed, epoch, report)
    with jsonl.Writer(out) as writer:
        for index, record in progress(rows.tolist(), f"writing {out.name}"):
            try:
                writer.write(fuser.value(index, record))
            except DataError as error:
                where = error.where or fuser.where(index, record)
                raise DataError(error.message, where=where, remedy=error.remedy) from None
        report.num_records = writer.num_records
    return report


def _require_another_file(fusion: Fusion, out: Path) -> None:
    named = {path.resolve() for each in fusion.sets for path in (each.train_jsonl, each.val_jsonl)
             if path is not None}  # fmt: skip
    if out.resolve() in named:
        raise DataError(
            "the mixture would overwrite a file that it names", where=str(out),
            remedy="choose another --out",
        )  # fmt: skip


class _Fuser:
    """Makes rows of records, and counts what that took."""

    def __init__(
        self, fusion: Fusion, pools: Pools, out: Path, seed: int, epoch: int, report: FuseReport
    ) -> None:
        self._sets = fusion.sets
        self._pools = pools
        self._seed = seed
        self._epoch = epoch
        self._report = report
        self._rebases = {
            each.name: Rebase.between(each.train_jsonl.parent, out.parent) for each in fusion.sets
        }
        self._used: set[str] = set()
        self._times = Counter[str]()

    def where(self, index: int, number: int) -> str:
        """File and line of record `number` of set `index`."""
        return self._pools[self._sets[index].name][number].where

    def value(self, index: int, number: int) -> dict[str, Any]:
        """The JSON value of record `number` of set `index`."""
        each = self._sets[index]
        record = record_of(self._pools[each.name][number], each)
        if isinstance(record, InspectionRecord):
            record = self._limited(record, each)
        meta = {**record.meta, **fusion_meta(record, each, self._epoch)}
        record = replace(record, id=self._id(record.id), meta=meta)
        # The template of an irrelevant photograph goes by its path as the file has it.
        record = self._rebases[each.name].record(record)
        if isinstance(record, InspectionRecord):
            return write_inspection_record(record)
        return write_chat_record(record)

    def _limited(self, record: InspectionRecord, each: FusedSet) -> InspectionRecord:
        limited = limit_objects(
            record.objects, each, seed=self._seed, epoch=self._epoch, key=record.key
        )
        if limited.num_boxed:
            self._report.num_boxed[each.name] += limited.num_boxed
        if limited.num_left_out:
            self._report.num_left_out[each.name] += limited.num_left_out
        return replace(record, objects=limited.objects)

    def _id(self, record_id: str) -> str:
        """Ids are unique within a file; a row that comes again, or from another set, is told apart.

        `cab-7` for the first, then `cab-7#2`, `cab-7#3`.
        """
        if not record_id:
            return record_id
        name = record_id
        # A file that was fused before holds `cab-7#2` itself.
        while name in self._used:
            self._times[record_id] += 1
            name = f"{record_id}#{self._times[record_id] + 1}"
        self._used.add(name)
        self._report.num_renamed += name != record_id
        return name


def fusion_meta(record: Record, each: FusedSet, epoch: int | None) -> dict[str, Any]:
    """What a mixture says of a row; see the module.

    Args:
        epoch: None in evaluation.
    """
    image = next(iter(record.images), "")
    meta: dict[str, Any] = {
        "_fusion_source": each.name,
        "_fusion_template": template_of(each.name, each.template, image, epoch=epoch),
        "_fusion_domain": each.domain,
        "_fusion_mode": each.learns,
    }
    if each.domain_token is not None:
        meta["_fusion_domain_token"] = each.domain_token
    if each.learns == "summary" and isinstance(record, InspectionRecord):
        meta["summary_ref"] = record.summary
    return meta
