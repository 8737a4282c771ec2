"""Split records into train, validation and test: whole documents, and whole groups, on one side."""

import hashlib
import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from sightwright import canonical, jsonl
from sightwright.errors import DataError
from sightwright.inspection_records import InspectionRecord
from sightwright.rebase import Rebase
from sightwright.record_formats import Record, read_any_record, write_any_record

Side = Literal["train", "val", "test"]
SIDES: tuple[Side, ...] = get_args(Side)


@dataclass(frozen=True)
class SplitReport:
    """How much went where: records, documents and groups per side."""

    records: dict[Side, int]
    documents: dict[Side, int]
    groups: dict[Side, int]


def check_ratios(ratios: Mapping[Side, float]) -> None:
    """Raises:
    DataError: a ratio outside 0..1, or a sum that is not one (within 1e-6).
    """
    if any(not (0 <= ratio <= 1) for ratio in ratios.values()):
        raise DataError(f"ratios lie in 0..1, not {_written(ratios)}")
    if not math.isclose(total := sum(ratios.values()), 1.0, rel_tol=0, abs_tol=1e-6):
        raise DataError(f"the ratios {_written(ratios)} sum to {total:g}, not to 1")


def split_file(
    file: Path,
    out: Path,
    ratios: Mapping[Side, float],
    *,
    seed: int = 42,
    group_by: str | None = None,
) -> SplitReport:
    """Write `train.jsonl`, `val.jsonl` and `test.jsonl` into `out` (none for a ratio of zero).

    The same records, ratios and seed give the same split, in whatever order the file holds them.
    The records of one document (`meta.document`, else `id`; of photographs the image, whatever
    they are called) stay together, and so do those with the same value at `group_by`, a dotted key
    such as `meta.vendor`.

    Raises:
        DataError: ratios that make no sense, a bad record (with its line), or fewer groups than
            sides with a ratio above zero.
    """
    check_ratios(ratios)
    if file.resolve() in [(out / f"{side}.jsonl").resolve() for side in SIDES]:
        raise DataError(
            "the split would overwrite the file it splits", where=str(file),
            remedy="choose another --out",
        )  # fmt: skip
    groups = _read_groups(file, group_by)
    side_of = assign({key: len(documents) for key, documents in groups.items()}, ratios, seed)
    out.mkdir(parents=True, exist_ok=True)
    rebase = Rebase.between(file.parent, out)
    records = dict.fromkeys(SIDES, 0)
    with ExitStack() as files:
        writers = {
            side: files.enter_context(jsonl.Writer(out / f"{side}.jsonl"))
            for side in SIDES
            if ratios.get(side, 0) > 0
        }
        for line, record in _records(file):
            side = side_of[_group_key(record, group_by, line)]
            writers[side].write(write_any_record(rebase.record(record)))
            records[side] += 1
        # From here to the end of the block the new files appear one after another; an old one
        # beside a new one would mix two splits, a missing one is noticed.
        for side in SIDES:
            (out / f"{side}.jsonl").unlink(missing_ok=True)
    return _report(records, groups, side_of)


def assign(
    sizes: Mapping[bytes, int], ratios: Mapping[Side, float], seed: int
) -> dict[bytes, Side]:
    """Choose a side for every group, given the number of documents in each.

    Groups come in an order that `seed` shuffles; each goes where most documents are still
    missing, and to an empty side when just enough groups are left to fill the empty ones. With
    groups of one document the numbers are exact: 10 documents at 80/10/10 are 8, 1 and 1.

    Raises:
        DataError: fewer groups than sides to fill.
    """
    wanted: dict[Side, float] = {
        side: ratio for side in SIDES if (ratio := ratios.get(side, 0)) > 0
    }
    if len(sizes) < len(wanted):
        raise DataError(
            f"{len(sizes)} document(s) or group(s) cannot fill {', '.join(wanted)}",
            remedy="give more documents, or set a ratio to 0",
        )
    missing = {side: float(n) for side, n in _shares(sum(sizes.values()), wanted).items()}
    empty = dict.fromkeys(wanted)
    side_of: dict[bytes, Side] = {}
    order = sorted(sizes, key=lambda key: shuffled(key, seed))
    for index, key in enumerate(order):
        choices = list(empty) if len(order) - index <= len(empty) else list(wanted)
        side = max(choices, key=lambda name: missing[name])
        missing[side] -= sizes[key]
        empty.pop(side, None)
        side_of[key] = side
    return side_of


def _shares(total: int, ratios: Mapping[Side, float]) -> dict[Side, int]:
    """Whole numbers in the given ratios, by largest remainder, each at least one."""
    exact: dict[Side, float] = {side: total * ratio for side, ratio in ratios.items()}
    # 10 * 0.1 must not count as 0.9999…
    shares: dict[Side, int] = {side: math.floor(value + 1e-9) for side, value in exact.items()}
    by_remainder = sorted(exact, key=lambda side: shares[side] - exact[side])
    for side in by_remainder[: total - sum(shares.values())]:
        shares[side] += 1
    for side in shares:
        if shares[side] == 0:
            largest = max(shares, key=lambda name: shares[name])
            shares[largest] -= 1
            shares[side] = 1
    return shares


def _read_groups(file: Path, group_by: str | None) -> dict[bytes, set[bytes]]:
    """The documents of each group, both as hashes: a file may have millions."""
    groups: dict[bytes, set[bytes]] = {}
    group_of: dict[bytes, bytes] = {}
    for line, record in _records(file):
        group, document = _group_key(record, group_by, line), _hash(_document_of(record, line))
        if group_of.setdefault(document, group) != group:
            raise DataError(
                f"its document {_document_of(record, line)!r} has another {group_by} above",
                where=_place(line, record),
            )
        groups.setdefault(group, set()).add(document)
    if not groups:
        raise DataError("no records in it", where=str(file))
    return groups


def _records(file: Path) -> Iterator[tuple[jsonl.Line, Record]]:
    for line, value in jsonl.read_values(file):
        try:
            yield line, read_any_record(value)
        except DataError as error:
            raise DataError(error.message, where=line.where, remedy=error.remedy) from None


def _document_of(record: Record, line: jsonl.Line) -> str:
    name = record.id
    if isinstance(record, InspectionRecord):
        # The same photograph may stand in two records, one of objects and one of their summary.
        name = record.image.replace("\\", "/")
    document = record.meta.get("document", name)
    if not isinstance(document, str) or not document:
        raise DataError(
            "neither 'id' nor 'meta.document' says which document it is of", where=line.where
        )
    return document


def _group_key(record: Record, group_by: str | None, line: jsonl.Line) -> bytes:
    if group_by is None:
        return _hash(_document_of(record, line))
    value: Any = {"id": record.id, "meta": record.meta, "metadata": record.meta}
    for key in group_by.split("."):
        if not isinstance(value, Mapping) or key not in value:
            raise DataError(f"no {group_by!r} to group by", where=_place(line, record))
        value = cast("Mapping[str, Any]", value)[key]
    return _hash(canonical.dumps(value))


def _place(line: jsonl.Line, record: Record) -> str:
    return f"{line.where} ({record.id})" if record.id else line.where


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def shuffled(key: bytes, seed: int) -> bytes:
    """What keys are sorted by to stand in an order that the seed, and nothing else, decides."""
    return hashlib.blake2b(key, digest_size=16, salt=seed.to_bytes(16, "big", signed=True)).digest()


def _report(
    records: dict[Side, int], groups: Mapping[bytes, set[bytes]], side_of: Mapping[bytes, Side]
) -> SplitReport:
    documents, num_groups = dict.fromkeys(SIDES, 0), dict.fromkeys(SIDES, 0)
    for key, side in side_of.items():
        documents[side] += len(groups[key])
        num_groups[side] += 1
    return SplitReport(records, documents, num_groups)


def _written(ratios: Mapping[Side, float]) -> str:
    return "/".join(f"{ratio:g}" for ratio in ratios.values())
