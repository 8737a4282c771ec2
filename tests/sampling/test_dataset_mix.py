"""Every mixture that we ship builds, over small data at the places that it names."""

import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sightwright import jsonl
from sightwright.config.fusion import FusedSet, Fusion, load_fusion
from sightwright.sampling.fuse import fuse_file
from sightwright.sampling.mixture import Mixture
from sightwright.sampling.pools import read_pools

FOLDER = Path(__file__).parents[2] / "configs/dataset_mix"
SHIPPED = sorted(FOLDER.glob("*.yaml"))
NUM_RECORDS = 40


def line(kind: str, number: int) -> dict[str, Any]:
    """A record as the set of `kind` holds them."""
    if kind == "chat":
        turns = [("user", f"{number}?"), ("assistant", "!")]
        return {"messages": [{"role": role, "content": text} for role, text in turns]}
    photograph: dict[str, Any] = {
        "id": f"{kind}-{number}",
        "images": [f"images/{number}.jpg"],
        "width": 100,
        "height": 100,
    }
    if kind == "irrelevant":
        return {**photograph, "objects": [], "summary": "无关图片"}
    star = [p for i in range(16) for p in (3 * i, 40 + 30 * (i % 2))] + [90, 90, 1, 90]
    shape = {"bbox_2d": [1, 2, 30, 40]} if number % 2 else {"poly": star}
    objects = [{"desc": f"part{i}", **shape} for i in range(30)]
    return {**photograph, "objects": objects, "summary": '{"dataset": "BBU"}'}


def write_data(each: FusedSet) -> None:
    kind = "irrelevant" if each.is_irrelevant else each.kind
    for path in filter(None, (each.train_jsonl, each.val_jsonl)):
        jsonl.write_all(path, [line(kind, number) for number in range(NUM_RECORDS)])


@pytest.fixture(params=SHIPPED, ids=lambda path: path.stem)
def mix(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fusion:
    """A shipped mixture in a folder like a checkout, its data beside it."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(FOLDER, "configs/dataset_mix")
    path = Path("configs/dataset_mix") / request.param.name
    named = re.findall(r"_jsonl: (\S+)", FOLDER.joinpath("summary_1024.yaml").read_text())
    named += re.findall(r"_jsonl: (\S+)", path.read_text())
    for name in named:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    fusion = load_fusion(path)
    for each in fusion.sets:
        write_data(each)
    return fusion


def test_there_are_some() -> None:
    assert {path.stem for path in SHIPPED} >= {
        "dense",
        "dense_1024",
        "summary_1024",
        "summary_grpo_1024",
        "demo",
    }


def test_it_says_nothing_that_has_no_effect(mix: Fusion) -> None:
    assert mix.notes == ()


def test_its_data_lie_below_the_working_folder(mix: Fusion) -> None:
    for each in mix.sets:
        assert not each.train_jsonl.is_absolute()
        assert each.train_jsonl.parts[0] in ("data", "data_new_schema", "public_data", "demo-run")


def test_it_is_written_as_a_file(mix: Fusion) -> None:
    report = fuse_file(mix, Path("out/fused.jsonl"), seed=2025)
    values = [json.loads(text) for text in Path("out/fused.jsonl").read_text().splitlines()]
    domains = {each.name: each.domain for each in mix.sets}
    metas = [value.get("metadata") or value["meta"] for value in values]
    counts = Counter(meta["_fusion_source"] for meta in metas)
    assert counts == {row.name: row.count for row in report.plan}
    for value, meta in zip(values, metas, strict=True):
        assert meta["_fusion_domain"] == domains[meta["_fusion_source"]]
        for reference in value.get("images", []):
            assert (Path("out") / reference).resolve().is_relative_to(Path.cwd())


def test_it_is_drawn_for_two_epochs(mix: Fusion) -> None:
    sizes = {name: len(lines) for name, lines in read_pools(mix).items()}
    mixture = Mixture.of(mix, sizes, seed=17)
    first, second = mixture.rows(0), mixture.rows(1)
    assert first.shape == second.shape == (mixture.num_rows, 2)
    assert (first[:, 0] == second[:, 0]).all()
    for index, each in enumerate(mix.sets):
        if each.domain == "target" and each.ratio == 1:
            covered = first[first[:, 0] == index, 1]
            assert covered.tolist() == list(range(NUM_RECORDS))
    if mix.sources:
        assert first.tolist() != second.tolist()


def shipped(name: str) -> Fusion:
    return load_fusion(FOLDER / f"{name}.yaml")


def ratios(sets: tuple[FusedSet, ...]) -> dict[str, float]:
    return {each.name: each.ratio for each in sets}


def test_the_older_mix_has_other_folders_alone() -> None:
    older, newer = shipped("dense"), shipped("dense_1024")
    assert len(older.sets) == len(newer.sets)
    for one, other in zip(older.sets, newer.sets, strict=True):
        paths = {"train_jsonl": one.train_jsonl, "val_jsonl": one.val_jsonl}
        assert replace(other, **paths) == one


def test_the_mixes_of_the_documents() -> None:
    # F33.
    dense = shipped("dense_1024")
    assert ratios(dense.targets) == {"bbu": 1, "rru": 1}
    assert ratios(dense.sources) == {
        "lvis": 0.1, "bbu_summary": 0.1, "rru_summary": 0.1, "lang_chat": 0.1,
    }  # fmt: skip
    lvis, bbu_summary, *_ = dense.sources
    assert (lvis.max_objects, lvis.poly_max_points, lvis.augmentation) == (20, 12, False)
    assert (bbu_summary.learns, bbu_summary.augmentation) == ("summary", True)
    assert [each.name for each in dense.sets if each.writes_header] == ["bbu", "rru"]
    summary = shipped("summary_1024")
    assert ratios(summary.targets) == {
        "bbu_summary": 1, "rru_summary": 1, "irrelevant_summary": 1,
    }  # fmt: skip
    assert {each.name for each in summary.sources if each.learns == "dense"} == {"bbu", "rru"}
    assert set(ratios(summary.sources).values()) == {0.1}
    assert [each.name for each in summary.evaluated] == list(ratios(summary.targets))
    grpo = shipped("summary_grpo_1024")
    assert (grpo.targets, grpo.sources) == (summary.targets, ())
