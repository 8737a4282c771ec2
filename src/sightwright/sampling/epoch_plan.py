"""What an epoch of a mixture holds, a line for each data set, as it is printed before a run."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sightwright.config.fusion import Domain, Fusion, Mode
from sightwright.sampling.mixture import Mixture

if TYPE_CHECKING:
    from rich.table import Table


# A name up to here is not broken, however narrow the console.
_NAME_WIDTH = 24


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One data set in one epoch.

    Attributes:
        count: rows of the epoch.
        pool: records they are drawn from.
        mode: what is learnt of them.
        max_objects_per_image: objects kept of a record; None for all.
        poly_max_points: polygons of more points become boxes; None for none.
        prompt_source: default, domain or dataset: who asks for the answer.
        fallback_to_replacement: records repeat although they should not: there are too few.
        skipped_ops: operations of the augmentation that add or drop objects, and are left out here
            because the record's text is fixed.
    """

    name: str
    domain: Domain
    count: int
    pool: int
    mode: Mode
    template: str
    augmentation: bool
    curriculum: bool
    max_objects_per_image: int | None
    poly_max_points: int | None
    prompt_source: str
    sample_without_replacement: bool
    fallback_to_replacement: bool
    skipped_ops: tuple[str, ...] = ()

    def value(self) -> dict[str, Any]:
        return asdict(self)


def epoch_plan(
    fusion: Fusion,
    mixture: Mixture,
    prompt_sources: Mapping[str, str],
    *,
    augmentation: bool = True,
    curriculum: bool = True,
    object_ops: Sequence[str] = (),
) -> tuple[PlanRow, ...]:
    """One row for each data set of the file, in its order; the same in every epoch.

    Args:
        prompt_sources: name → who asks.
        augmentation, curriculum: whether the run has any.
        object_ops: those of its operations that add or drop objects.
    """
    quotas = mixture.quotas
    rows: list[PlanRow] = []
    for index, each in enumerate(fusion.sets):
        changed = each.augmentation and augmentation
        rows.append(
            PlanRow(
                name=each.name,
                domain=each.domain,
                count=quotas[index],
                pool=mixture.pools[index].size,
                mode=each.learns,
                template=each.template,
                augmentation=changed,
                curriculum=each.curriculum and changed and curriculum,
                max_objects_per_image=each.max_objects,
                poly_max_points=each.poly_max_points,
                prompt_source=prompt_sources[each.name],
                sample_without_replacement=each.sample_without_replacement,
                fallback_to_replacement=mixture.repeats(index),
                skipped_ops=tuple(object_ops) if changed and each.learns == "summary" else (),
            )
        )
    return tuple(rows)


def plan_notes(mixture: Mixture) -> tuple[str, ...]:
    """What of the plan its reader may not expect, a line each."""
    notes: list[str] = []
    for index, (pool, quota) in enumerate(zip(mixture.pools, mixture.quotas, strict=True)):
        if pool.ratio > 0 and not quota:
            notes.append(f"{pool.name}: ratio {pool.ratio:g} is less than one row, and so none")
        if mixture.repeats(index):
            notes.append(
                f"{pool.name}: {quota} rows of {pool.size} records cannot be drawn without "
                "replacement: records repeat"
            )
    return tuple(notes)


def plan_table(rows: Sequence[PlanRow]) -> "Table":
    """The plan for a console."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    longest = max((len(row.name) for row in rows), default=0)
    table.add_column("data set", overflow="fold", min_width=min(longest, _NAME_WIDTH))
    for name in ("rows", "of"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("learns", "drawn", "prompts", "changes"):
        table.add_column(name, overflow="fold")
    for row in rows:
        cells = (
            row.name, f"{row.count:,}", f"{row.pool:,}", f"{row.mode}, {row.domain}", _drawn(row),
            f"{row.template} ({row.prompt_source})", "; ".join(_changes(row)) or "none",
        )  # fmt: skip
        table.add_row(*(Text(cell) for cell in cells))
    table.add_section()
    table.add_row("an epoch", f"{sum(row.count for row in rows):,}")
    return table


def _changes(row: PlanRow) -> Iterator[str]:
    if row.augmentation:
        yield "augmented, growing" if row.curriculum else "augmented"
    if row.skipped_ops:
        yield f"without {', '.join(row.skipped_ops)}"
    if row.max_objects_per_image is not None:
        yield f"at most {row.max_objects_per_image} objects"
    if row.poly_max_points is not None:
        yield f"polygons over {row.poly_max_points} points as boxes"


def _drawn(row: PlanRow) -> str:
    if row.domain == "target":
        return "each once" if row.count == row.pool else "as even as can be"
    if row.fallback_to_replacement:
        return "with replacement: too few to draw without"
    return "without replacement" if row.sample_without_replacement else "with replacement"
