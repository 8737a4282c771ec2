"""Two evaluations of the same records, pair by pair: what changed from A to B, and was it luck?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sightwright.errors import DataError
from sightwright.evaluate.stored import StoredDocument, StoredEvaluation
from sightwright.metrics.fields import f1_of, numbers_of, scores_of_sums
from sightwright.metrics.paired import Difference, differences, sign_test

Change = Literal["better", "worse", "same"]

# Ids that an error names.
_MAX_NAMED = 10
# `report.json` keys that say how the model was asked.
_SETTINGS = ("model", "adapters", "data", "constrained", "batch_size", "schema", "prompt", "order",
             "prompt_has_schema", "min_pixels", "max_pixels", "max_tokens")  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """One document and its two answers."""

    a: StoredDocument
    b: StoredDocument

    @property
    def id(self) -> str:
        return self.a.id

    @property
    def gain(self) -> float:
        """F1 of B less that of A."""
        return self.b.mark.total.f1 - self.a.mark.total.f1

    @property
    def change(self) -> Change:
        """By F1; where that is equal, by whether the document is wholly right."""
        gain = (self.gain, self.b.mark.exact - self.a.mark.exact)
        return "better" if gain > (0, 0) else "worse" if gain < (0, 0) else "same"


@dataclass(frozen=True)
class Comparison:
    """What came out.

    Attributes:
        pairs: in the order of A's records.
        totals: `micro_f1`, `macro_f1`, `document_exact`, `anls`, `schema_valid`, `loop_rate`.
        fields: F1 of each field that a label or an answer holds, in the order of the schema.
        sign_p: probability of so uneven a split into better and worse, were the two alike.
    """

    a: StoredEvaluation
    b: StoredEvaluation
    pairs: tuple[Pair, ...]
    totals: dict[str, Difference]
    fields: dict[str, Difference]
    sign_p: float

    def changed(self, change: Change) -> list[Pair]:
        """The documents with that change, the largest first."""
        chosen = [pair for pair in self.pairs if pair.change == change]
        return sorted(chosen, key=lambda pair: -abs(pair.gain))

    @property
    def settings(self) -> dict[str, tuple[Any, Any]]:
        """How each of the two was asked, where they differ."""
        pairs = {key: (self.a.about.get(key), self.b.about.get(key)) for key in _SETTINGS}
        return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def compare(
    a: StoredEvaluation, b: StoredEvaluation, *, samples: int = 10_000, seed: int = 0
) -> Comparison:
    """Pair the documents of two evaluations and score their differences.

    Args:
        samples, seed: of the resampling and of the random swaps; see `metrics.paired`.

    Raises:
        DataError: other records, other labels, or another schema; they are named.
    """
    _refuse_other_records(a, b)
    pairs = tuple(Pair(document, b.documents[name]) for name, document in a.documents.items())
    paths = list(pairs[0].a.mark.counts)
    num_documents = len(pairs)

    def scores(sums_SK: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        of_marks, taken, loops = sums_SK[:, :-2], sums_SK[:, -2], sums_SK[:, -1]
        cells_SF3 = of_marks[:, : 3 * len(paths)].reshape(len(sums_SK), -1, 3)
        return {
            **scores_of_sums(of_marks, num_documents),
            "schema_valid": taken / num_documents,
            "loop_rate": loops / num_documents,
            **{_of_field(path): f1_of(cells_SF3[:, i]) for i, path in enumerate(paths)},
        }

    found = differences(
        _numbers([pair.a for pair in pairs]),
        _numbers([pair.b for pair in pairs]),
        scores,
        samples=samples,
        seed=seed,
    )
    occurring = [
        path for path in paths if any(d.mark.counts[path].occurs for p in pairs for d in (p.a, p.b))
    ]
    changes = [pair.change for pair in pairs]
    return Comparison(
        a=a,
        b=b,
        pairs=pairs,
        totals={name: found[name] for name in found if not name.startswith(_of_field(""))},
        fields={path: found[_of_field(path)] for path in occurring},
        sign_p=sign_test(changes.count("better"), changes.count("worse")),
    )


def _of_field(path: str) -> str:
    # A field may be called as a total is.
    return f"field {path}"


def _numbers(documents: Sequence[StoredDocument]) -> NDArray[np.float64]:
    """[D, K]: those of the marks, then whether the answer was taken, and whether it is a loop."""
    others = [[document.mark.valid_schema, document.is_loop] for document in documents]
    marks = numbers_of([document.mark for document in documents])
    return np.hstack([marks, np.array(others, dtype=np.float64)])


def _refuse_other_records(a: StoredEvaluation, b: StoredEvaluation) -> None:
    only_a = [name for name in a.documents if name not in b.documents]
    only_b = [name for name in b.documents if name not in a.documents]
    problems: list[str] = []
    if only_a:
        problems.append(f"in {a.folder} alone: {_named(only_a)}")
    if only_b:
        problems.append(f"in {b.folder} alone: {_named(only_b)}")
    if problems:
        raise DataError(
            f"the evaluations are of different records; {'; '.join(problems)}",
            remedy="evaluate both on the same file, with the same --max-records",
        )
    if a.about["json_schema"] != b.about["json_schema"]:
        raise DataError(
            f"the evaluations were marked by different schemas: {a.about.get('schema')!r} in "
            f"{a.folder}, {b.about.get('schema')!r} in {b.folder}",
            remedy="evaluate both with the same --schema",
        )
    other = [name for name in a.documents if a.documents[name].gold != b.documents[name].gold]
    if other:
        raise DataError(
            f"the labels of these records changed in between: {_named(other)}",
            remedy="evaluate both on the same file",
        )


def _named(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - _MAX_NAMED} more" if len(ids) > _MAX_NAMED else ""
    return ", ".join(map(repr, ids[:_MAX_NAMED])) + more
