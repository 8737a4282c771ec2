import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright.errors import DataError
from sightwright.ingest.split import SIDES, Side, assign, check_ratios, split_file

EIGHTY: dict[Side, float] = {"train": 0.8, "val": 0.1, "test": 0.1}


def record(record_id: str, image: str = "a.png", **meta: object) -> dict[str, Any]:
    content = [{"type": "image", "image": image}, {"type": "text", "text": "Read."}]
    messages = [
        {"role": "user", "content": content},
        {"role": "assistant", "content": [{"type": "text", "text": '{"total":34.70}'}]},
    ]
    return {"id": record_id, "messages": messages, **({"meta": meta} if meta else {})}


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(value) + "\n" for value in records))
    return path


def ids(out: Path) -> dict[str, list[str]]:
    return {
        path.stem: [json.loads(line)["id"] for line in path.read_text().splitlines()]
        for path in sorted(out.glob("*.jsonl"))
    }


def test_ten_documents_are_eight_one_and_one(tmp_path: Path) -> None:
    # T25.
    names = [f"d{number}" for number in range(10)]
    path = write(tmp_path / "all.jsonl", [record(name) for name in names])
    report = split_file(path, tmp_path / "one", EIGHTY)
    assert report.records == {"train": 8, "val": 1, "test": 1}
    first = ids(tmp_path / "one")
    assert {side: len(members) for side, members in first.items()} == report.records
    assert sorted(name for members in first.values() for name in members) == sorted(names)
    split_file(path, tmp_path / "again", EIGHTY)
    assert ids(tmp_path / "again") == first
    split_file(path, tmp_path / "other", EIGHTY, seed=43)
    assert ids(tmp_path / "other") != first


def test_the_order_of_the_file_does_not_matter(tmp_path: Path) -> None:
    records = [record(f"d{number}") for number in range(20)]
    split_file(write(tmp_path / "a.jsonl", records), tmp_path / "a", EIGHTY)
    split_file(write(tmp_path / "b.jsonl", records[::-1]), tmp_path / "b", EIGHTY)
    forwards, backwards = ids(tmp_path / "a"), ids(tmp_path / "b")
    assert forwards == {side: members[::-1] for side, members in backwards.items()}


@pytest.mark.parametrize(
    ("ratios", "complaint"),
    [
        ((0.7, 0.1, 0.1), "0.7/0.1/0.1 sum to 0.9, not to 1"),
        ((0.8, 0.1, 0.10001), "sum to 1"),
        ((1.2, -0.1, -0.1), r"lie in 0\.\.1"),
        ((float("nan"), 0.5, 0.5), r"lie in 0\.\.1"),
    ],
)
def test_ratios_make_one(ratios: tuple[float, float, float], complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        check_ratios(dict(zip(SIDES, ratios, strict=True)))


def test_ratios_may_be_off_by_a_rounding() -> None:
    check_ratios({"train": 0.7, "val": 0.2, "test": 0.1 + 5e-7})


def test_too_few_documents_for_the_sides_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "all.jsonl", [record("a"), record("b")])
    with pytest.raises(DataError, match=r"2 document.* cannot fill train, val, test"):
        split_file(path, tmp_path / "out", EIGHTY)
    assert not (tmp_path / "out").exists()


def test_a_ratio_of_zero_has_no_file_and_an_old_one_goes(tmp_path: Path) -> None:
    path = write(tmp_path / "all.jsonl", [record("a"), record("b")])
    out = tmp_path / "out"
    out.mkdir()
    (out / "test.jsonl").write_text("old")
    split_file(path, out, {"train": 0.5, "val": 0.5, "test": 0})
    assert {side: len(members) for side, members in ids(out).items()} == {"train": 1, "val": 1}


def test_windows_of_one_document_stay_together(tmp_path: Path) -> None:
    records = [
        record(f"d{document}#{window}", document=f"d{document}")
        for document in range(10)
        for window in range(document + 1)
    ]
    report = split_file(write(tmp_path / "all.jsonl", records), tmp_path / "out", EIGHTY)
    assert report.documents == {"train": 8, "val": 1, "test": 1}
    seen = Counter(
        document
        for members in ids(tmp_path / "out").values()
        for document in {name.split("#")[0] for name in members}
    )
    assert set(seen.values()) == {1} and len(seen) == 10


def test_groups_stay_together(tmp_path: Path) -> None:
    records = [record(f"d{n}", vendor={"name": f"v{n % 6}"}) for n in range(30)]
    path = write(tmp_path / "all.jsonl", records)
    report = split_file(path, tmp_path / "out", EIGHTY, group_by="meta.vendor.name")
    assert report.groups == {"train": 4, "val": 1, "test": 1}
    sides = {
        side: {int(name[1:]) % 6 for name in members}
        for side, members in ids(tmp_path / "out").items()
    }
    assert sum(len(vendors) for vendors in sides.values()) == 6


@pytest.mark.parametrize(
    ("records", "group_by", "complaint"),
    [
        ([record("a", vendor="v"), record("b")], "meta.vendor", r"all\.jsonl:2 \(b\): no 'meta.v"),
        (
            [record("a#1", document="a", v=1), record("a#2", document="a", v=2)],
            "meta.v",
            r"all\.jsonl:2 \(a#2\): its document 'a' has another meta\.v above",
        ),
        ([record("")], None, r"all\.jsonl:1: neither 'id' nor 'meta\.document'"),
        ([{"id": "a"}], None, r"all\.jsonl:1: 'messages' is"),
        ([], None, "no records"),
    ],
)
def test_bad_records_are_named(
    tmp_path: Path, records: list[dict[str, Any]], group_by: str | None, complaint: str
) -> None:
    path = write(tmp_path / "all.jsonl", records)
    with pytest.raises(DataError, match=complaint):
        split_file(path, tmp_path / "out", EIGHTY, group_by=group_by)


def images_after(tmp_path: Path, image: str) -> str:
    """The path that `image` of tmp_path/data/all.jsonl has in tmp_path/splits/one."""
    (tmp_path / "data").mkdir()
    path = write(tmp_path / "data" / "all.jsonl", [record("a", image)])
    split_file(path, tmp_path / "splits" / "one", {"train": 1})
    line = json.loads((tmp_path / "splits" / "one" / "train.jsonl").read_text())
    assert line["messages"][1] == record("a")["messages"][1]
    return line["messages"][0]["content"][0]["image"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a.png", "../../data/a.png"),
        ("sub\\a.png", "../../data/sub/a.png"),
        ("../pages/a.png", "../../pages/a.png"),
        ("/abs/a.png", "/abs/a.png"),
        ("data:image/png;base64,QQ==", "data:image/png;base64,QQ=="),
        ("https://x.org/a.png", "https://x.org/a.png"),
    ],
)
def test_image_paths_follow(tmp_path: Path, before: str, after: str) -> None:
    assert images_after(tmp_path, before) == after


def test_paths_under_root_image_dir_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOT_IMAGE_DIR", str(tmp_path))
    assert images_after(tmp_path, "a.png") == "a.png"


def test_image_paths_are_right_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "splits").symlink_to(tmp_path / "far" / "away")
    assert images_after(tmp_path, "a.png") == "../../../data/a.png"


def test_the_file_itself_is_not_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path / "train.jsonl", [record("a")])
    with pytest.raises(DataError, match="overwrite the file it splits"):
        split_file(path, tmp_path, {"train": 1})
    assert ids(tmp_path) == {"train": ["a"]}


def test_a_bad_record_leaves_an_older_split_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    split_file(write(tmp_path / "a.jsonl", [record("a"), record("b"), record("c")]), out, EIGHTY)
    before = ids(out)
    with pytest.raises(DataError):
        split_file(write(tmp_path / "b.jsonl", [record("d"), {"id": "e"}]), out, EIGHTY)
    assert ids(out) == before
    assert len(list(out.iterdir())) == 3


_sizes = st.lists(st.integers(1, 20), min_size=3, max_size=40)
_ratios = st.tuples(*[st.integers(0, 10)] * 3).filter(any)


@settings(deadline=None)
@given(_sizes, _ratios, st.integers(0, 2**64))
def test_shares_are_met_to_within_a_group(
    numbers: list[int], parts: tuple[int, int, int], seed: int
) -> None:
    ratios: Mapping[Side, float] = {
        side: part / sum(parts) for side, part in zip(SIDES, parts, strict=True)
    }
    sizes = {number.to_bytes(2, "big"): size for number, size in enumerate(numbers)}
    side_of = assign(sizes, ratios, seed)
    assert side_of.keys() == sizes.keys()
    used = [side for side in SIDES if ratios[side] > 0]
    assert set(side_of.values()) == set(used)
    assert assign(dict(reversed(sizes.items())), ratios, seed) == side_of
    for side in used:
        members = sum(size for key, size in sizes.items() if side_of[key] == side)
        assert members <= sum(numbers) * ratios[side] + 1 + max(numbers)


@settings(deadline=None)
@given(st.integers(3, 200))
def test_single_documents_are_counted_exactly(total: int) -> None:
    side_of = assign({n.to_bytes(2, "big"): 1 for n in range(total)}, EIGHTY, seed=42)
    counts = Counter(side_of.values())
    assert all(abs(counts[side] - max(1, total * EIGHTY[side])) < 2 for side in SIDES)
