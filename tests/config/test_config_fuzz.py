"""Whatever stands in a file, the answer is a configuration or a list of mistakes."""

import random
from pathlib import Path

import pytest

from sightwright.config.fields import section_keys
from sightwright.config.load import load_text
from sightwright.config.problems import ConfigProblemsError

WORDS = ["true", "no", "~", "3", "-1", "1e-5", ".nan", "x", "'1'", "lora", "'^$'", "zero2", "a.txt"]
OTHER_KEYS = ["bogus", "packing", "type", "warmup_ratio", "jsonl", "gradient_checkpointing"]


def value(rng: random.Random, depth: int) -> str:
    kind = rng.random()
    if depth > 2 or kind < 0.6:
        return rng.choice(WORDS)
    if kind < 0.8:
        return f"[{', '.join(value(rng, depth + 1) for _ in range(rng.randrange(3)))}]"
    return mapping(rng, ["enabled", "ops", "name", "type", "budget", "phases", "vit"], depth + 1)


def mapping(rng: random.Random, keys: list[str], depth: int) -> str:
    chosen = rng.sample(keys, min(len(keys), rng.randrange(4)))
    return "{" + ", ".join(f"{key}: {value(rng, depth)}" for key in chosen) + "}"


def document(rng: random.Random) -> str:
    lines: list[str] = []
    for section, keys in section_keys().items():
        if rng.random() < 0.4:
            known = sorted(keys) + OTHER_KEYS
            inside = mapping(rng, known, 0) if rng.random() < 0.9 else value(rng, 0)
            lines.append(f"{section}: {inside}")
    if rng.random() < 0.3:
        lines.append(f"global_max_length: {value(rng, 0)}")
    if rng.random() < 0.1:
        lines.append(f"{rng.choice(OTHER_KEYS)}: {value(rng, 0)}")
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(10))
def test_a_random_file_is_read_or_refused_with_places(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    for _ in range(50):
        text = document(rng)
        try:
            load_text(text, "x.yaml", tmp_path)
        except ConfigProblemsError as error:
            assert error.problems, text
            for problem in error.problems:
                assert str(problem).startswith("x.yaml"), text
                assert problem.place.line is not None, f"{problem}\n{text}"
                assert "as follows" not in str(problem), f"{problem}\n{text}"
