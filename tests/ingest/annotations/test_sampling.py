import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright.errors import DataError
from sightwright.ingest.annotations.sampling import STRATEGIES, Strategy, choose, sample_file

# Sixty images of cats, thirty of dogs, ten of owls: three beside a cat, and one is empty.
CLASSES = [["cat"]] * 60 + [["dog", "dog", "cat"]] * 30 + [["owl"]] * 7 + [["owl", "cat"]] * 3
MAIN = ["cat"] * 60 + ["dog"] * 30 + ["owl"] * 7 + ["cat"] * 3


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_same_seed_chooses_the_same(strategy: Strategy) -> None:
    one = choose(CLASSES, strategy, 20, seed=1)
    assert one == choose(CLASSES, strategy, 20, seed=1) == sorted(set(one))
    assert len(one) == 20
    assert one != choose(CLASSES, strategy, 20, seed=2)


def test_stratified_keeps_the_shares_of_main_classes() -> None:
    chosen = choose(CLASSES, "stratified", 10)
    # 63, 30 and 7 of a hundred: 6.3, 3.0 and 0.7, by largest remainder.
    assert Counter(MAIN[index] for index in chosen) == {"cat": 6, "dog": 3, "owl": 1}


def test_uniform_gives_every_class_its_turn() -> None:
    chosen = choose(CLASSES, "uniform", 12)
    held = Counter(name for index in chosen for name in set(CLASSES[index]))
    assert min(held.values()) >= 4
    # When a class runs out, the others go on.
    assert len(choose(CLASSES, "uniform", 90)) == 90


def test_classes_that_have_run_out_cost_nothing() -> None:
    classes = [["cat"]] * 20_000 + [[str(number)] for number in range(20_000)]
    started = time.perf_counter()
    assert len(choose(classes, "uniform", 40_000)) == 40_000
    assert time.perf_counter() - started < 10


def test_top_k_holds_the_most_frequent_classes() -> None:
    # Dogs: 60 objects; cats: 93; owls: 10.
    chosen = choose(CLASSES, "top_k", 100, top_k=2)
    assert chosen == [*range(90), 97, 98, 99]
    assert choose(CLASSES, "top_k", 100, top_k=1) == chosen


def test_an_image_without_objects_can_be_chosen() -> None:
    for strategy in ("random", "stratified", "uniform"):
        assert choose([[], ["cat"]], strategy, 2) == [0, 1]


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcd"), max_size=4), max_size=30),
    st.sampled_from(STRATEGIES),
    st.integers(1, 40),
)
def test_never_more_than_asked_and_none_twice(
    classes: list[list[str]], strategy: Strategy, number: int
) -> None:
    chosen = choose(classes, strategy, number)
    assert chosen == sorted(set(chosen)) and set(chosen) <= set(range(len(classes)))
    assert len(chosen) <= number
    if strategy != "top_k":
        assert len(chosen) == min(number, len(classes))


def records(number: int) -> list[dict[str, Any]]:
    return [
        {
            "id": str(index), "images": [f"images/{index}.png"], "width": 64, "height": 64,
            "objects": [{"desc": CLASSES[index][0], "bbox_2d": [1, 2, 3, 4]}],
        }
        for index in range(number)
    ]  # fmt: skip


def test_a_file_is_sampled_in_its_order_with_its_images(tmp_path: Path) -> None:
    source = tmp_path / "all.jsonl"
    source.write_text("".join(json.dumps(record) + "\n" for record in records(100)))
    report = sample_file(source, tmp_path / "part" / "part.jsonl", "stratified", 10)
    assert (report.num_read, report.num_chosen) == (100, 10)
    assert report.classes == {"cat": 6, "dog": 3, "owl": 1}
    chosen = [
        json.loads(line) for line in (tmp_path / "part" / "part.jsonl").read_text().splitlines()
    ]
    numbers = [int(record["id"]) for record in chosen]
    assert numbers == sorted(numbers)
    assert chosen[0]["images"] == [f"../images/{numbers[0]}.png"]


def test_files_that_cannot_be_sampled(tmp_path: Path) -> None:
    source = tmp_path / "all.jsonl"
    source.write_text("")
    with pytest.raises(DataError, match="no records"):
        sample_file(source, tmp_path / "out.jsonl", "random", 1)
    source.write_text('{"width": 3}\n')
    with pytest.raises(DataError, match="height") as caught:
        sample_file(source, tmp_path / "out.jsonl", "random", 1)
    assert caught.value.where == f"{source}:1"
    with pytest.raises(DataError, match="overwrite"):
        sample_file(source, source, "random", 1)
