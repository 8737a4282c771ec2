"""One epoch of a mixture as a file: the rows that training would see, and the same bytes always."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sightwright import jsonl
from sightwright.config.fusion import Fusion, load_fusion
from sightwright.errors import DataError
from sightwright.record_formats import read_any_record
from sightwright.sampling.fuse import FuseReport, default_output, fuse_file
from sightwright.sampling.mixture import Mixture

MIX = """
targets:
  - {name: bbu, train_jsonl: data/bbu/train.jsonl, template: target_dense_bbu}
  - {name: irrelevant_summary, dataset: bbu, train_jsonl: data/none.jsonl, template: summary_bbu}
sources:
  - {name: lvis, train_jsonl: data/lvis.jsonl, template: source_dense, ratio: 0.5,
     max_objects_per_image: 3, poly_fallback: bbox_2d, poly_max_points: 4}
  - {name: bbu_summary, dataset: bbu, train_jsonl: data/bbu/train.jsonl, template: summary_bbu,
     ratio: 0.25, sample_without_replacement: true}
  - {name: lang_chat, dataset: chat, train_jsonl: data/chat.jsonl, template: chatml, ratio: 0.25}
"""
PENTAGON = [5, 0, 10, 4, 8, 9, 2, 9, 0, 4]


def photograph(name: str, objects: list[dict[str, Any]], **more: object) -> dict[str, Any]:
    size = {"width": 64, "height": 64}
    return {"id": name, "images": [f"{name}.png"], **size, "objects": objects, **more}


def box(desc: str, x: int = 0) -> dict[str, Any]:
    return {"desc": desc, "bbox_2d": [x, 0, x + 1, 1]}


def dialogue(name: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Yes."}]
    return {"id": name, "messages": messages, "meta": {"topic": 1.50}}


@pytest.fixture
def fusion(tmp_path: Path) -> Fusion:
    equipment = [
        photograph(
            f"b{i}", [box("类别=标签,文本=5G")], summary=f'{{"n": {i}}}', metadata={"site": i}
        )
        for i in range(8)
    ]
    crowd = [box(f"o{i}", i) for i in range(4)]
    street = [photograph(f"l{i}", [{"desc": "kite", "poly": PENTAGON}, *crowd]) for i in range(3)]
    folder = tmp_path / "data"
    jsonl.write_all(folder / "bbu/train.jsonl", equipment)
    jsonl.write_all(folder / "lvis.jsonl", street)
    other = [photograph(f"n{i}", [], summary="无关图片") for i in range(8)]
    jsonl.write_all(folder / "none.jsonl", other)
    jsonl.write_all(folder / "chat.jsonl", [dialogue("c0"), dialogue("c1")])
    (tmp_path / "mix.yaml").write_text(MIX)
    return load_fusion(tmp_path / "mix.yaml")


def fused(fusion: Fusion, out: Path, **options: Any) -> tuple[FuseReport, list[dict[str, Any]]]:
    report = fuse_file(fusion, out, **{"seed": 2025, **options})
    return report, [json.loads(line) for line in out.read_text().splitlines()]


def meta(value: dict[str, Any]) -> dict[str, Any]:
    return value.get("metadata") or value["meta"]


def test_the_file_holds_the_rows_of_the_epoch(fusion: Fusion, tmp_path: Path) -> None:
    report, values = fused(fusion, tmp_path / "out/fused.jsonl")
    counts = Counter(meta(value)["_fusion_source"] for value in values)
    assert counts == {
        "bbu": 8, "irrelevant_summary": 8, "lvis": 8, "bbu_summary": 4, "lang_chat": 4,
    }  # fmt: skip
    assert report.num_records == len(values) == 32
    assert [row.count for row in report.plan] == [8, 8, 8, 4, 4]
    # Every line is a record again.
    for value in values:
        read_any_record(value)


@pytest.mark.parametrize("epoch", [0, 2])
def test_it_is_what_training_sees(fusion: Fusion, tmp_path: Path, epoch: int) -> None:
    mixture = Mixture.of(
        fusion,
        {"bbu": 8, "irrelevant_summary": 8, "lvis": 3, "bbu_summary": 8, "lang_chat": 2},
        2025,
    )
    first = ("b", "n", "l", "b", "c")
    for shuffle, rows in ((True, mixture.shuffled(epoch)), (False, mixture.rows(epoch))):
        _, values = fused(fusion, tmp_path / "f.jsonl", epoch=epoch, shuffle=shuffle)
        found = [value["id"].split("#")[0] for value in values]
        assert found == [f"{first[which]}{record}" for which, record in rows.tolist()]


def test_what_the_mixture_knows_is_in_the_metadata(fusion: Fusion, tmp_path: Path) -> None:
    # F19.
    _, values = fused(fusion, tmp_path / "fused.jsonl", shuffle=False)
    by_source = {meta(value)["_fusion_source"]: meta(value) for value in values}
    dense = by_source["bbu"]
    assert dense == {
        "site": 7,
        "_fusion_source": "bbu",
        "_fusion_template": "target_dense_bbu",
        "_fusion_domain": "target",
        "_fusion_mode": "dense",
        "_fusion_domain_token": "BBU",
    }
    summary = by_source["bbu_summary"]
    assert summary["_fusion_domain"] == "source"
    assert (summary["_fusion_mode"], summary["_fusion_template"]) == ("summary", "summary_bbu")
    assert summary["summary_ref"] == f'{{"n": {summary["site"]}}}'
    lvis, chat = by_source["lvis"], by_source["lang_chat"]
    assert "_fusion_domain_token" not in lvis
    assert (lvis["_fusion_template"], lvis["_fusion_mode"]) == ("source_dense", "dense")
    assert (chat["_fusion_template"], chat["_fusion_mode"]) == ("chatml", "chat")


def test_irrelevant_pictures_alternate(fusion: Fusion, tmp_path: Path) -> None:
    # F20, T20: by the first byte of md5("{epoch}:{first image}"); that of "0:n0.png" is 82.
    def templates(epoch: int) -> dict[str, str]:
        _, values = fused(fusion, tmp_path / "fused.jsonl", epoch=epoch)
        return {
            value["id"]: meta(value)["_fusion_template"]
            for value in values
            if meta(value)["_fusion_source"] == "irrelevant_summary"
        }

    first, second = templates(0), templates(1)
    assert first["n0"] == "summary_bbu"
    assert set(first.values()) == {"summary_bbu", "summary_rru"}
    assert first != second


def test_a_conversation_passes_through(fusion: Fusion, tmp_path: Path) -> None:
    # D7.
    _, values = fused(fusion, tmp_path / "fused.jsonl", shuffle=False)
    chat = values[-1]
    text = [{"type": "text", "text": "Hello?"}]
    assert chat["messages"][0] == {"role": "user", "content": text}
    assert chat["meta"]["topic"] == 1.5
    assert '"topic":1.5,' in (tmp_path / "fused.jsonl").read_text()


def test_images_are_found_from_the_new_folder(fusion: Fusion, tmp_path: Path) -> None:
    _, values = fused(fusion, tmp_path / "deep/down/fused.jsonl", shuffle=False)
    assert values[0]["images"] == ["../../data/bbu/b0.png"]
    assert values[8]["images"] == ["../../data/n0.png"]


def test_caps_and_boxes_for_polygons_hold_and_are_counted(fusion: Fusion, tmp_path: Path) -> None:
    # F14, F15.
    report, values = fused(fusion, tmp_path / "fused.jsonl", shuffle=False)
    street = [value for value in values if meta(value)["_fusion_source"] == "lvis"]
    assert all(len(value["objects"]) == 3 for value in street)
    kites = [each for value in street for each in value["objects"] if each["desc"] == "kite"]
    assert kites
    assert all(kite == {"desc": "kite", "bbox_2d": [0, 0, 10, 9]} for kite in kites)
    assert report.num_boxed == {"lvis": 8}
    assert report.num_left_out == {"lvis": 16}


def test_ids_stay_unique(fusion: Fusion, tmp_path: Path) -> None:
    report, values = fused(fusion, tmp_path / "fused.jsonl")
    found = [value["id"] for value in values]
    assert len(set(found)) == 32
    # 4 of the 8 summaries are of records that are there with their objects, 8 rows are of 3
    # photographs, 4 of 2 dialogues; each first one keeps its id.
    rows = {name: [i for i in found if i[0] == name] for name in "lc"}
    originals = {i for name in "lc" for i in rows[name] if "#" not in i}
    assert report.num_renamed == 4 + 8 + 4 - len(originals)
    assert sum(i.startswith("b") and i.endswith("#2") for i in found) == 4


def test_a_fused_file_can_be_fused_again(fusion: Fusion, tmp_path: Path) -> None:
    out = tmp_path / "data/bbu/again.jsonl"
    path = tmp_path / "again.yaml"
    jsonl.write_all(out, [photograph("a", [box("x")]), photograph("a#2", [box("x")])])
    path.write_text(
        "targets: [{name: bbu, ratio: 2, train_jsonl: data/bbu/again.jsonl, "
        "template: target_dense}]\n"
    )
    _, values = fused(load_fusion(path), tmp_path / "twice.jsonl", shuffle=False)
    assert [value["id"] for value in values] == ["a", "a#2", "a#3", "a#2#2"]


def test_seed_and_epoch_decide(fusion: Fusion, tmp_path: Path) -> None:
    def written(**options: Any) -> str:
        fused(fusion, tmp_path / "fused.jsonl", **options)
        return (tmp_path / "fused.jsonl").read_text()

    assert written() == written()
    assert len({written(), written(seed=1), written(epoch=1), written(shuffle=False)}) == 4


@pytest.mark.parametrize("shuffle", ["", "--no-shuffle"])
def test_two_processes_write_the_same_bytes(fusion: Fusion, tmp_path: Path, shuffle: str) -> None:
    # F32, X16: PYTHONHASHSEED plays no part.
    written: list[bytes] = []
    for hash_seed in ("1", "2"):
        out = tmp_path / f"fused{hash_seed}.jsonl"
        command = ["data", "fuse", str(tmp_path / "mix.yaml"), "--out", str(out)]
        subprocess.run(
            [sys.executable, "-m", "sightwright", *command, *shuffle.split()],
            env={"PYTHONHASHSEED": hash_seed, "PATH": ""},
            check=True,
            capture_output=True,
        )
        written.append(out.read_bytes())
    assert written[0] == written[1]
    assert len(written[0].splitlines()) == 32


def test_the_default_output_lies_beside_the_first_target(fusion: Fusion, tmp_path: Path) -> None:
    # F31.
    assert default_output(fusion) == tmp_path / "data/bbu/bbu_train_fused.jsonl"


def replaced(folder: Path, name: str, *values: dict[str, Any]) -> None:
    jsonl.write_all(folder / "data" / name, values)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("lvis.jsonl", dialogue("d"), "a conversation, and lvis is of dataset: lvis"),
        ("chat.jsonl", photograph("p", [box("x")]), "a photograph with objects, and lang_chat is"),
        ("bbu/train.jsonl", photograph("p", [], summary="{}"), "no objects, which bbu learns"),
        (
            "none.jsonl",
            photograph("p", [box("x")]),
            "no 'summary', which irrelevant_summary learns",
        ),
        ("lvis.jsonl", photograph("p", [box("x", 70)]), "object 1: (70, 0) and 3 more outside"),
    ],
)
def test_a_record_that_cannot_be_learnt_is_named(
    fusion: Fusion, tmp_path: Path, name: str, value: dict[str, Any], said: str
) -> None:
    # D5 among them: a summary record without a summary.
    replaced(tmp_path, name, value)
    out = tmp_path / "fused.jsonl"
    with pytest.raises(DataError) as caught:
        fused(fusion, out)
    assert said in caught.value.message
    assert caught.value.where == f"{tmp_path}/data/{name}:1"
    assert not out.exists()


def test_a_file_that_is_not_there_is_named(fusion: Fusion, tmp_path: Path) -> None:
    (tmp_path / "data/lvis.jsonl").unlink()
    with pytest.raises(DataError, match="no such file") as caught:
        fused(fusion, tmp_path / "fused.jsonl")
    assert caught.value.where == str(tmp_path / "data/lvis.jsonl")
    assert "train_jsonl of lvis" in (caught.value.remedy or "")


def test_a_source_of_ratio_0_is_not_read(fusion: Fusion, tmp_path: Path) -> None:
    # F12.
    (tmp_path / "data/chat.jsonl").unlink()
    text = MIX.replace("chatml, ratio: 0.25", "chatml, ratio: 0")
    (tmp_path / "mix.yaml").write_text(text)
    report, values = fused(load_fusion(tmp_path / "mix.yaml"), tmp_path / "fused.jsonl")
    assert len(values) == 28
    assert report.plan[-1].count == 0


def test_no_file_of_the_mixture_is_overwritten(fusion: Fusion, tmp_path: Path) -> None:
    first, *others = fusion.sets
    held_out = Fusion((replace(first, val_jsonl=tmp_path / "val.jsonl"), *others))
    for name in ("data/../data/lvis.jsonl", "val.jsonl"):
        with pytest.raises(DataError, match="would overwrite a file that it names"):
            fused(held_out, tmp_path / name)


def test_what_cannot_be_written_again_is_named_by_its_line(fusion: Fusion, tmp_path: Path) -> None:
    # A reader goes a little deeper than a writer.
    deep: Any = []
    for _ in range(480):
        deep = [deep]
    path = tmp_path / "data/bbu/train.jsonl"
    first, *others = path.read_text().splitlines()
    broken = first.replace('{"site":0}', '{"site":' + json.dumps(deep) + "}")
    assert broken != first
    path.write_text("\n".join([broken, *others]))
    with pytest.raises(DataError, match="nested too deep to be written") as error:
        fuse_file(fusion, tmp_path / "out.jsonl", seed=1)
    assert error.value.where == f"{path}:1"
