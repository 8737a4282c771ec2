"""A part of a set of annotated images, chosen by what is on them; the same part every time.

| strategy | which records |
|---|---|
| random | any |
| stratified | each main class as often as in the whole set |
| uniform | class by class in turn, the rarest first: rare ones weigh as much as frequent ones |
| top_k | those with one of the k most frequent classes, at random |

A record's main class is the one that most of its objects have; it counts once for each class on
it in `uniform` and `top_k`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from sightwright import jsonl
from sightwright.errors import DataError
from sightwright.ingest.split import shuffled
from sightwright.inspection_records import read_inspection_record, write_inspection_record
from sightwright.metrics.descriptions import label_of
from sightwright.rebase import Rebase

Strategy = Literal["random", "stratified", "uniform", "top_k"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)


@dataclass(frozen=True)
class SampleReport:
    """Records there were, records chosen, and images of each class among the chosen."""

    num_read: int
    num_chosen: int
    classes: dict[str, int]


def sample_file(
    file: Path, out: Path, strategy: Strategy, number: int, *, seed: int = 17, top_k: int = 10
) -> SampleReport:
    """Write the chosen records of a JSONL of inspection data, in its order.

    Raises:
        DataError: a bad record (with its line), none at all, or `out` is the file itself.
    """
    if file.resolve() == out.resolve():
        raise DataError("the sample would overwrite the file it is taken from", where=str(file))
    classes = _read_classes(file)
    chosen = set(choose(classes, strategy, number, seed=seed, top_k=top_k))
    rebase = Rebase.between(file.parent, out.parent)
    counts: Counter[str] = Counter()
    with jsonl.Writer(out) as writer:
        for index, (_, value) in enumerate(jsonl.read_values(file)):
            if index in chosen:
                record = rebase.record(read_inspection_record(value))
                writer.write(write_inspection_record(record))
                counts.update(set(classes[index]))
    ordered = dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))
    return SampleReport(len(classes), len(chosen), ordered)


def _read_classes(file: Path) -> list[list[str]]:
    """The class of every object, record by record."""
    found: list[list[str]] = []
    for line, value in jsonl.read_values(file):
        try:
            record = read_inspection_record(value)
        except DataError as error:
            raise DataError(error.message, where=line.where, remedy=error.remedy) from None
        found.append([label_of(each.desc) for each in record.objects])
    if not found:
        raise DataError("no records in it", where=str(file))
    return found


def choose(
    classes: Sequence[Sequence[str]],
    strategy: Strategy,
    number: int,
    *,
    seed: int = 17,
    top_k: int = 10,
) -> list[int]:
    """Indices of the chosen records, at most `number`, in the order of the set.

    Args:
        classes: of the objects of each record.
    """
    order = sorted(range(len(classes)), key=lambda index: shuffled(index.to_bytes(8, "big"), seed))
    match strategy:
        case "random":
            chosen = order[:number]
        case "stratified":
            chosen = _stratified(classes, order, number)
        case "uniform":
            chosen = _uniform(classes, order, number)
        case "top_k":
            counts = Counter(name for record in classes for name in record)
            ranked = sorted(counts, key=lambda name: (-counts[name], name))
            wanted = set(ranked[:top_k])
            chosen = [index for index in order if wanted.intersection(classes[index])][:number]
    return sorted(chosen)


def _stratified(classes: Sequence[Sequence[str]], order: Sequence[int], number: int) -> list[int]:
    strata: dict[str, list[int]] = {}
    for index in order:
        strata.setdefault(_main_class(classes[index]), []).append(index)
    quotas = _quotas({name: len(members) for name, members in strata.items()}, number)
    return [index for name, members in strata.items() for index in members[: quotas[name]]]


def _main_class(record: Sequence[str]) -> str:
    counts = Counter(record)
    return min(counts, key=lambda name: (-counts[name], name), default="")


def _quotas(sizes: Mapping[str, int], number: int) -> dict[str, int]:
    """Whole shares of `number` in proportion, by largest remainder."""
    total = sum(sizes.values())
    number = min(number, total)
    exact = {name: size * number / total for name, size in sizes.items()}
    quotas = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (quotas[name] - exact[name], name))
    for name in by_remainder[: number - sum(quotas.values())]:
        quotas[name] += 1
    return quotas


def _uniform(classes: Sequence[Sequence[str]], order: Sequence[int], number: int) -> list[int]:
    holders: dict[str, list[int]] = {}
    for index in reversed(order):
        for name in set(classes[index]) or {""}:
            holders.setdefault(name, []).append(index)
    rarest_first = sorted(holders, key=lambda name: (len(holders[name]), name))
    chosen: dict[int, None] = {}
    while len(chosen) < min(number, len(classes)):
        for name in rarest_first:
            left = holders[name]
            while left and left[-1] in chosen:
                left.pop()
            if left and len(chosen) < number:
                chosen[left.pop()] = None
        rarest_first = [name for name in rarest_first if holders[name]]
    return list(chosen)
