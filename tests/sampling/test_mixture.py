"""The draw of a mixture: quotas, what is covered, what is drawn, and that nothing else decides."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright.config.fusion import load_fusion
from sightwright.errors import DataError
from sightwright.sampling.mixture import Mixture, Pool

EXTRAS_AND_SOURCES = [[0, 1], [0, 4], [0, 5], [1, 63], [1, 63], [1, 2], [1, 47]]
FIRST_SHUFFLED = [[1, 63], [0, 5], [0, 3], [0, 4], [0, 4]]


def target(size: int, ratio: float = 1.0, name: str = "t", seed: int = 0) -> Pool:
    return Pool(name, "target", size, ratio, seed)


def source(size: int, ratio: float, name: str = "s", seed: int = 0, unique: bool = False) -> Pool:
    return Pool(name, "source", size, ratio, seed, unique)


def drawn(mixture: Mixture, epoch: int, index: int) -> list[int]:
    rows = mixture.rows(epoch)
    return rows[rows[:, 0] == index, 1].tolist()


def test_quotas() -> None:
    # T13, F8: round(.5 * 100), round(200), round(1.5 * 300), and a source of their sum.
    targets = (target(100, 0.5, "a"), target(200, 1, "b"), target(300, 1.5, "c"))
    assert Mixture(targets, 0).quotas == (50, 200, 450)
    assert Mixture((target(303), source(9, 0.1)), 0).quotas == (303, 30)
    assert Mixture((source(9, 0.1), *targets, source(9, 0.25, "z")), 0).quotas == (
        70, 50, 200, 450, 175,
    )  # fmt: skip


def test_a_half_is_rounded_to_the_even_number() -> None:
    assert Mixture((target(5, 0.5), target(7, 0.5, "u")), 0).quotas == (2, 4)
    assert Mixture((target(5), source(3, 0.5), source(3, 0.3, "u")), 0).quotas == (5, 2, 2)


def test_a_target_of_ratio_1_is_covered_in_every_epoch() -> None:
    # F10, X14.
    mixture = Mixture((target(37), source(5, 0.5)), 17)
    for epoch in range(3):
        assert drawn(mixture, epoch, 0) == list(range(37))


def test_a_target_above_1_is_covered_as_evenly_as_can_be() -> None:
    # F10: floor(2.5) times each, and half of them, another half each epoch, once more.
    mixture = Mixture((target(40, 2.5),), 17)
    extras: list[set[int]] = []
    for epoch in range(3):
        counts = Counter(drawn(mixture, epoch, 0))
        assert set(counts.values()) == {2, 3}
        assert len(counts) == 40
        extras.append({record for record, count in counts.items() if count == 3})
        assert len(extras[-1]) == 20
    assert extras[0] != extras[1] != extras[2]


def test_a_target_below_1_is_sampled_without_repeats_and_anew() -> None:
    mixture = Mixture((target(40, 0.25),), 17)
    epochs = [drawn(mixture, epoch, 0) for epoch in range(40)]
    assert all(len(records) == len(set(records)) == 10 for records in epochs)
    assert len({tuple(records) for records in epochs}) == 40
    # Over many epochs no record is left out.
    assert set().union(*map(set, epochs)) == set(range(40))


def test_a_source_is_drawn_with_replacement() -> None:
    # F11.
    mixture = Mixture((target(100), source(10, 1.0)), 17)
    counts = Counter(drawn(mixture, 0, 1))
    assert sum(counts.values()) == 100
    assert set(counts) <= set(range(10))
    assert max(counts.values()) > min(counts.values())
    assert not mixture.repeats(1)


def test_a_source_without_replacement_repeats_only_where_it_must() -> None:
    # F11: `fallback_to_replacement`.
    enough = Mixture((target(100), source(200, 1.0, unique=True)), 17)
    assert len(set(drawn(enough, 0, 1))) == 100
    assert not enough.repeats(1)
    exactly = Mixture((target(100), source(100, 1.0, unique=True)), 17)
    assert sorted(drawn(exactly, 0, 1)) == list(range(100))
    few = Mixture((target(100), source(99, 1.0, unique=True)), 17)
    assert len(drawn(few, 0, 1)) == 100
    assert few.repeats(1)
    assert len(set(drawn(few, 0, 1))) < 80  # drawn with replacement, as the flag then says


def test_sources_are_drawn_evenly() -> None:
    mixture = Mixture((target(20_000), source(10, 1.0)), 3)
    counts = np.bincount(drawn(mixture, 0, 1), minlength=10)
    # 2000 are expected of each; 42 is a standard deviation.
    assert counts.min() > 1800
    assert counts.max() < 2200


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (source(50, 1.0, seed=1), source(50, 1.0, seed=2)),
        (source(50, 1.0, name="s"), source(50, 1.0, name="u")),
    ],
)
def test_each_set_has_a_stream_of_its_own(one: Pool, other: Pool) -> None:
    # F9.
    a = Mixture((target(50), one), 1)
    b = Mixture((target(50), other), 1)
    assert drawn(a, 0, 1) != drawn(b, 0, 1)


def test_seed_and_epoch_decide() -> None:
    def rows(seed: int, epoch: int) -> list[int]:
        return drawn(Mixture((target(50), source(50, 1.0)), seed), epoch, 1)

    assert rows(1, 0) == rows(1, 0)
    assert rows(1, 0) != rows(2, 0) != rows(1, 1) != rows(1, 0)


def test_another_set_changes_nothing_of_a_target() -> None:
    alone = Mixture((target(50, 0.5),), 1)
    beside = Mixture((target(50, 0.5), source(9, 1.0)), 1)
    assert drawn(alone, 4, 0) == drawn(beside, 4, 0)


def test_the_draw_is_what_it_was() -> None:
    # Written down once; a resumed run, and a file fused again, depend on it.
    mixture = Mixture((target(6, 1.5), source(100, 0.5)), 2025)
    assert mixture.quotas == (9, 4)
    rows = mixture.rows(0)
    assert rows[:6].tolist() == [[0, 0], [0, 1], [0, 2], [0, 3], [0, 4], [0, 5]]
    assert rows[6:].tolist() == EXTRAS_AND_SOURCES
    assert mixture.shuffled(0).tolist()[:5] == FIRST_SHUFFLED


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_no_hash_of_the_process_is_in_it(hash_seed: str) -> None:
    # F32, X16.
    program = (
        "from sightwright.sampling.mixture import Mixture, Pool\n"
        "m = Mixture((Pool('t', 'target', 6, 1.5), Pool('s', 'source', 100, 0.5)), 2025)\n"
        "print(m.shuffled(0).tolist()[:5], m.digest)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    digest = Mixture((target(6, 1.5), source(100, 0.5)), 2025).digest
    assert done.stdout == f"{FIRST_SHUFFLED} {digest}\n"


def test_shuffled_holds_the_same_rows_in_another_order() -> None:
    mixture = Mixture((target(50), source(9, 0.3)), 1)
    rows, shuffled = mixture.rows(2).tolist(), mixture.shuffled(2).tolist()
    assert rows != shuffled
    assert sorted(rows) == sorted(shuffled)
    assert mixture.shuffled(3).tolist() != shuffled


def test_rows_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Mixture((target(5),), 0).rows(0)[0, 0] = 1


def test_the_digest_tells_mixtures_apart() -> None:
    pools = (target(5), source(9, 0.5))
    every = [
        Mixture(pools, 0),
        Mixture(pools, 1),
        Mixture((target(6), source(9, 0.5)), 0),
        Mixture((target(5), source(9, 0.4)), 0),
        Mixture((target(5), source(9, 0.5, seed=3)), 0),
        Mixture((target(5), source(9, 0.5, unique=True)), 0),
        Mixture((target(5), source(9, 0.5, name="u")), 0),
    ]
    assert len({mixture.digest for mixture in every}) == len(every)


pools = st.lists(
    st.builds(
        Pool,
        st.text("abc", min_size=1, max_size=3),
        st.sampled_from(["target", "source"]),
        st.integers(1, 60),
        st.sampled_from([0, 0.1, 0.5, 1, 1.5, 3]),
        st.integers(0, 3),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(pools, st.integers(-3, 2**70), st.integers(0, 99))
def test_an_epoch_holds_its_quotas_of_records_that_exist(
    found: list[Pool], seed: int, epoch: int
) -> None:
    mixture = Mixture(tuple(found), seed)
    rows = mixture.rows(epoch)
    assert rows.shape == (mixture.num_rows, 2)
    for index, (pool, quota) in enumerate(zip(found, mixture.quotas, strict=True)):
        records = drawn(mixture, epoch, index)
        assert len(records) == quota
        assert all(0 <= record < pool.size for record in records)
        if pool.domain == "target":
            counts = [records.count(record) for record in range(pool.size)]
            assert max(counts) - min(counts) <= 1


# From the file.


MIX = """
targets:
  - {name: bbu, train_jsonl: b.jsonl, template: target_dense_bbu, ratio: %s}
sources:
  - {name: lvis, train_jsonl: l.jsonl, template: source_dense, ratio: %s, seed: 7,
     sample_without_replacement: true}
"""


def mixture_of(folder: Path, sizes: dict[str, int], *ratios: float) -> Mixture:
    path = folder / "mix.yaml"
    path.write_text(MIX % ratios)
    return Mixture.of(load_fusion(path), sizes, 5)


def test_a_mixture_is_made_of_the_file_and_the_sizes(tmp_path: Path) -> None:
    mixture = mixture_of(tmp_path, {"bbu": 10, "lvis": 4}, 1, 0.3)
    assert mixture == Mixture((target(10, 1, "bbu"), source(4, 0.3, "lvis", 7, True)), 5)


def test_an_empty_set_that_is_drawn_from_is_an_error(tmp_path: Path) -> None:
    # F12.
    with pytest.raises(DataError, match=r"lvis has ratio 0\.3 and no records") as caught:
        mixture_of(tmp_path, {"bbu": 10, "lvis": 0}, 1, 0.3)
    assert caught.value.where == str(tmp_path / "l.jsonl")
    with pytest.raises(DataError, match="bbu has ratio 2 and no records"):
        mixture_of(tmp_path, {"bbu": 0, "lvis": 4}, 2, 0.3)


def test_a_set_of_ratio_0_need_not_be_there(tmp_path: Path) -> None:
    # F12.
    assert mixture_of(tmp_path, {"bbu": 10}, 1, 0).quotas == (10, 0)


def test_a_mixture_without_a_row_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no row: 0\.1 of 4, 0\.3 of 9"):
        mixture_of(tmp_path, {"bbu": 4, "lvis": 9}, 0.1, 0.3)
