"""A folder of drawn documents: `<id>.pdf` and `<id>.json` each, for the demo and the tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sightwright.canonical import write_bytes, write_text
from sightwright.draw.documents import (
    DEFECTS,
    KINDS,
    NEW_TEMPLATE,
    TEMPLATES,
    Defect,
    Document,
    Kind,
    draw_document,
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One document on disk: its id, its two files, and the label that the JSON file holds."""

    id: str
    pdf: Path
    json: Path
    label: dict[str, Any]


def draw_corpus(
    kind_or_template: str,
    count: int,
    seed: int,
    out_dir: Path,
    *,
    defect_share: float = 0.0,
) -> list[Drawn]:
    """Draw `count` documents into `out_dir`; the same arguments write the same bytes.

    Args:
        kind_or_template: "receipt" (its templates in turn) or one template, "receipt/kiosk".
        seed: the first document's; document i has seed + i, so that ranges of seeds do not overlap.
        defect_share: of each defect, the share of documents that have it.

    Raises:
        ValueError: neither a kind nor a template.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    drawn: list[Drawn] = []
    for document in documents(kind_or_template, count, seed, defect_share=defect_share):
        name = f"{document.template.replace('/', '-')}-{document.seed:06d}"
        pdf, label = out_dir / f"{name}.pdf", out_dir / f"{name}.json"
        write_bytes(pdf, document.pdf)
        text = json.dumps(document.label, ensure_ascii=False, indent=2) + "\n"
        write_text(label, text)
        drawn.append(Drawn(name, pdf, label, document.label))
    return drawn


def documents(
    kind_or_template: str, count: int, seed: int, *, defect_share: float = 0.0
) -> Iterator[Document]:
    """The documents of `draw_corpus`, in memory."""
    kind, templates = _resolve(kind_or_template)
    for i in range(count):
        defects: list[Defect] = [
            defect for j, defect in enumerate(DEFECTS) if _hit(i, j, defect_share)
        ]
        yield draw_document(kind, templates[i % len(templates)], seed + i, defects=defects)


def _hit(index: int, defect_index: int, share: float) -> bool:
    """Whether document `index` has the defect: evenly spread, each defect on other documents.

    Multiples of the golden ratio modulo one are evenly spread for any share.
    """
    return (index * 0.6180339887 + defect_index / 3) % 1.0 < share


def _resolve(kind_or_template: str) -> tuple[Kind, tuple[str, ...]]:
    for kind in KINDS:
        if kind_or_template == kind:
            return kind, TEMPLATES[kind]
        if kind_or_template in TEMPLATES[kind]:
            return kind, (kind_or_template,)
    if kind_or_template == NEW_TEMPLATE:
        return "receipt", (NEW_TEMPLATE,)
    raise ValueError(f"neither a kind nor a template: {kind_or_template!r}; kinds: {KINDS}")
