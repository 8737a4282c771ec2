"""The score that picks the best checkpoint is one that the evaluations of the run give.

What they give follows from the held-out records alone, so that a wrong name is told before the
weights are loaded. `loss` and `token_acc` are always there; of a data set with a name:

| key | there where |
|---|---|
| bbu_loss, bbu_token_acc | always |
| bbu_desc_token_acc, … | `custom.token_type_metrics`; of shapes that its records have |
| object_f1, bbu_object_f1, … | `eval.generate`; the first is the mean over the sets that have it |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from sightwright.config.schema import Config
from sightwright.config.sections.training import GENERATED_METRICS
from sightwright.data.training_sets import HeldOut
from sightwright.errors import ConfigError
from sightwright.inspection_records import InspectionRecord
from sightwright.train.telemetry import KINDS_TOLD

_SHAPES = {"bbox_2d": "bbox", "poly": "poly", "line": "line"}
_OF_ANY_SHAPE = "coord"
_NUM_NEAREST = 4


def require_known_metric(config: Config, held_out: Sequence[HeldOut]) -> None:
    """
    Raises:
        ConfigError: `metric_for_best_model` is nothing that these records are judged by.
    """
    wanted = config.training.best_metric
    if wanted is None or not held_out:
        return
    names = evaluation_names(config, held_out)
    if wanted in names:
        return
    near = get_close_matches(wanted, names, n=_NUM_NEAREST, cutoff=0.5) or names
    raise ConfigError(
        f"no evaluation of this run gives {wanted}",
        where="training.metric_for_best_model",
        remedy=f"nearest: {', '.join(near)}",
    )


def evaluation_names(config: Config, held_out: Sequence[HeldOut]) -> list[str]:
    """What evaluation logs, without `eval_`; each name once."""
    names = ["loss", "token_acc"]
    for each in held_out:
        label = each.records.source.name
        prefix = f"{label}_" if label else ""
        names += [f"{prefix}{name}" for name in ("loss", "token_acc", *_typed(each))]
        if config.eval.generate:
            marks = list(_marks(each, config.eval.max_records))
            names += [*marks, *(f"{prefix}{name}" for name in marks)]
    return list(dict.fromkeys(names))


def _typed(held: HeldOut) -> Iterator[str]:
    if held.records.source.is_typed:
        told = _without_absent_shapes(KINDS_TOLD, held, None)
        yield from (f"{kind}_token_acc" for kind in told)


def _marks(held: HeldOut, limit: int | None) -> Iterator[str]:
    yield from _without_absent_shapes(GENERATED_METRICS[held.kind], held, limit)


def _without_absent_shapes(names: Sequence[str], held: HeldOut, limit: int | None) -> Iterator[str]:
    """`poly_f1` and `poly` go where no record has a polygon."""
    shapes = _shapes(held, limit)
    for name in names:
        shape = name.partition("_")[0]
        if shape in shapes or shape not in (*_SHAPES.values(), _OF_ANY_SHAPE):
            yield name


def _shapes(held: HeldOut, limit: int | None) -> set[str]:
    """What the objects that the first records are asked for look like."""
    if held.kind != "dense":
        return set()
    records = (held.records.record(index) for index in range(len(held.records))[:limit])
    found = {
        _SHAPES[each.geometry.kind]
        for record in records
        if isinstance(record, InspectionRecord)
        for each in record.objects
    }
    return {*found, _OF_ANY_SHAPE} if found else set()
