"""Writes `anls_star_cases.json`: random documents and answers with their scores by the authors'
package. Run by hand where `anls_star==1.0.1` is installed; it is no dependency of ours.

What the package tells apart and a label does not (missing, null, "" and []) does not occur.
"""

import json
import random
from importlib.metadata import version
from pathlib import Path
from typing import Any

from anls_star import anls_score

NUM_CASES = 60
WORDS = ["Cedar Deli", "Pine  street 12", "ÅNGSTRÖM AB", "café", "INV-2041", "31 Dec 2017", "x"]


def document(rng: random.Random) -> dict[str, Any]:
    return {
        "vendor": rng.choice([*WORDS, None]),
        "total": rng.choice([4.1, 12, 0.05, 1e20, True, None]),
        "address": {"city": rng.choice(WORDS), "zip": rng.choice(["0150", None])},
        "tags": rng.choices(WORDS, k=rng.randint(0, 3)),
        "lines": [
            {"name": rng.choice(WORDS), "price": rng.choice([1.5, 20, None])}
            for _ in range(rng.randint(1, 4))
        ],
    }


def spoiled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        return {key: spoiled(child, rng) for key, child in value.items()}
    if isinstance(value, list):
        kept = [spoiled(row, rng) for row in value if rng.random() < 0.9]
        rng.shuffle(kept)
        return kept + kept[:1] if rng.random() < 0.2 else kept
    if isinstance(value, str) and rng.random() < 0.5:
        cut = rng.randrange(len(value))
        return (value[:cut] + rng.choice("abZ 0") + value[cut + 1 :]).strip() or "?"
    return rng.choice([value, value, value, str(value), 7])


def main() -> None:
    rng = random.Random(5)
    cases: list[dict[str, Any]] = []
    while len(cases) < NUM_CASES:
        gold = document(rng)
        answer = rng.choice([spoiled(gold, rng)] * 6 + [document(rng), None, {**gold, "tags": "x"}])
        cases.append({"gold": gold, "answer": answer, "score": anls_score(gold, answer)})
    stored = {"package": f"anls_star {version('anls_star')}", "cases": cases}
    path = Path(__file__).with_name("anls_star_cases.json")
    path.write_text(json.dumps(stored, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
