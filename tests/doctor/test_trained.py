"""The lengths that the doctor tells are those that training counts."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from sightwright.config.load import load_config
from sightwright.data.conversations import arrange_groups_of, arrange_of, task_of
from sightwright.data.dataset import RecordDataset
from sightwright.data.encode import Arrange, Encoder
from sightwright.data.pairing import PairedRecords
from sightwright.data.training_sets import open_sets
from sightwright.doctor.work import tools_of
from sightwright.draw.scene_sets import draw_irrelevants, draw_scenes
from sightwright.errors import ConfigError
from sightwright.model.load import load_chat_tokenizer, load_vision_spec, resolve_folder
from sightwright.vision import PixelPolicy

from .conftest import examined, page, write

MIXTURE = """\
targets:
  - {name: bbu, train_jsonl: bbu.jsonl, template: target_dense_bbu, user_prompt: List all parts.}
  - {name: irrelevant_summary, dataset: bbu, train_jsonl: irrelevant.jsonl, template: summary_bbu}
sources:
  - {name: lvis, train_jsonl: scene.jsonl, template: source_dense, ratio: 0.5}
  - {name: chat, train_jsonl: chat.jsonl, template: chatml, ratio: 0.5}
"""
RUN = """\
global_max_length: 20000
model: {model: tiny}
template: {max_pixels: 65536}
"""
FUSED = """\
task: {type: dense}
custom: {fusion_config: mix.yaml, assistant_prefix_format: "<DOMAIN={domain}>, <TASK={task}>"}
training: {eval_strategy: "no"}
"""


def encoder_of(arrange: Arrange) -> Encoder:
    folder = resolve_folder("tiny")
    pixels = PixelPolicy(load_vision_spec(folder).pixels.min_pixels, 65536)
    tokenizer, spec = load_chat_tokenizer(folder), load_vision_spec(folder, pixels)
    return Encoder(tokenizer, spec, arrange, max_length=20000)


def trained_lengths(config: Path) -> Counter[int]:
    sets = open_sets(load_config(config).config, encoder_of)
    return Counter(sets.lengths.total)


def test_lengths_of_a_mixture(tmp_path: Path) -> None:
    draw_scenes(6, 0, tmp_path, domain="bbu", fewest=2)
    draw_scenes(4, 50, tmp_path, domain="scene", fewest=2)
    draw_irrelevants(3, 0, tmp_path)
    talk = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Good day."}]
    write(tmp_path / "chat.jsonl", {"messages": talk})
    (tmp_path / "mix.yaml").write_text(MIXTURE)
    config = tmp_path / "run.yaml"
    config.write_text(RUN + FUSED.replace("mix.yaml", str(tmp_path / "mix.yaml")))
    names = ("bbu", "irrelevant", "scene", "chat")
    found = examined(*(tmp_path / f"{name}.jsonl" for name in names), config=str(config))
    assert found.counts["lengths", "error"] == 0
    assert found.corpus.lengths == trained_lengths(config)


def test_of_a_file_that_is_learnt_in_two_ways_the_longer_counts(tmp_path: Path) -> None:
    draw_scenes(4, 0, tmp_path, domain="bbu", fewest=4)
    config = tmp_path / "run.yaml"
    config.write_text(RUN + FUSED.replace("mix.yaml", str(tmp_path / "mix.yaml")))
    entries = {"dense": "target_dense_bbu", "brief": "summary_bbu"}
    lengths: dict[str, Counter[int]] = {}
    for names in (["dense"], ["brief"], ["dense", "brief"]):
        lines = [
            f"  - {{name: {name}, dataset: bbu, train_jsonl: bbu.jsonl, template: {entries[name]}}}"
            for name in names
        ]
        (tmp_path / "mix.yaml").write_text("\n".join(["targets:", *lines]))
        found = examined(tmp_path / "bbu.jsonl", config=str(config))
        # What is read of a YAML is kept for the process.
        tools_of.cache_clear()
        lengths["+".join(names)] = found.corpus.lengths
    assert max(lengths["dense"]) != max(lengths["brief"])
    assert max(lengths["dense+brief"]) == max(max(lengths["dense"]), max(lengths["brief"]))


def test_lengths_and_schema_of_extraction(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"total": {"type": "number"}}}
    (tmp_path / "bill.schema.json").write_text(json.dumps(schema))
    answers = [{"total": 5.0}, {"total": 123456.75}, {}]
    records = [page(tmp_path, f"d{i}", i, answer, None) for i, answer in enumerate(answers)]
    file = write(tmp_path / "train.jsonl", *records)
    config = tmp_path / "run.yaml"
    config.write_text(
        f"{RUN}task: {{type: extract, json_schema: {tmp_path}/bill.schema.json}}\n"
        f"custom: {{train_jsonl: {file}}}\n"
    )
    found = examined(file, config=str(config))
    assert found.total("error") == 0
    assert found.corpus.lengths == trained_lengths(config)
    wrong = write(tmp_path / "wrong.jsonl", page(tmp_path, "x", 9, {"total": "five"}, None))
    found = examined(wrong, config=str(config))
    assert found.counts["contract", "error"] == 1


def test_a_record_that_the_task_cannot_learn(tmp_path: Path) -> None:
    draw_scenes(2, 0, tmp_path, domain="bbu")
    config = tmp_path / "run.yaml"
    config.write_text(f"{RUN}task: {{type: dense}}\ncustom: {{train_jsonl: bbu.jsonl}}\n")
    talk = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Good day."}]
    file = write(tmp_path / "chat.jsonl", {"messages": talk})
    found = examined(file, config=str(config))
    (finding,) = found.findings["lengths"]
    assert finding.what.startswith("the run cannot learn from it: ")


GROUPS = """\
task: {type: dense}
custom: {train_jsonl: bbu.jsonl, val_jsonl: held.jsonl, legacy_pairing: {group_size: 3}}
"""


def test_the_longest_records_may_meet_in_a_group(tmp_path: Path) -> None:
    draw_scenes(5, 0, tmp_path, domain="bbu", fewest=2)
    shutil.copy(tmp_path / "bbu.jsonl", tmp_path / "held.jsonl")
    settings = load_config(_written(tmp_path, RUN + GROUPS)).config
    records, _ = RecordDataset.open(
        tmp_path / "bbu.jsonl", encoder_of(arrange_of(settings, task_of(settings, None)))
    )
    groups = PairedRecords(
        records, arrange_groups_of(settings), group_size=3, summary_ratio=0, seed=17
    )
    longest, _ = groups.longest()
    for limit, errors in ((longest + 1, 0), (longest, 1)):
        config = _written(tmp_path, RUN.replace("20000", str(limit)) + GROUPS)
        found = examined(tmp_path / "bbu.jsonl", tmp_path / "held.jsonl", config=str(config))
        tools_of.cache_clear()
        assert found.counts["group_lengths", "error"] == errors
    (finding,) = found.findings["group_lengths"]
    assert finding.what == (
        f"the 3 longest records together have {longest} tokens, and a group of them would reach "
        f"the limit of {longest}"
    )


def test_groups_cannot_learn_summaries_that_are_not_there(tmp_path: Path) -> None:
    draw_scenes(1, 0, tmp_path, domain="scene", fewest=2)
    shutil.copy(tmp_path / "scene.jsonl", tmp_path / "held.jsonl")
    ways = GROUPS.replace("group_size: 3", "summary_ratio: 0.5").replace("bbu", "scene")
    config = _written(tmp_path, RUN + ways)
    found = examined(tmp_path / "scene.jsonl", tmp_path / "held.jsonl", config=str(config))
    # Held-out records are asked one by one, and for their objects.
    (finding,) = found.findings["lengths"]
    assert "no summary to learn" in finding.what
    assert Path(finding.file).name == "scene.jsonl"


def _written(folder: Path, text: str) -> Path:
    config = folder / "run.yaml"
    for name in ("bbu.jsonl", "scene.jsonl", "held.jsonl"):
        text = text.replace(f": {name}", f": {folder / name}")
    config.write_text(text)
    return config


def test_a_yaml_without_a_model(tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("global_max_length: 100\ncustom: {train_jsonl: a.jsonl}\n")
    file = write(tmp_path / "a.jsonl", "{}")
    with pytest.raises(ConfigError):
        examined(file, config=str(config))
