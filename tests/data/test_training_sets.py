"""What a run learns from: one file, or a mixture with prompts, limits and changes by data set."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sightwright.chat import ChatTokenizer
from sightwright.config.load import load_text
from sightwright.config.schema import Config
from sightwright.config.sections.data import Tokens
from sightwright.data.encode import Arrange, Encoder
from sightwright.data.training_sets import MakeEncoder, TrainingSets, open_sets
from sightwright.errors import ConfigError, DataError
from sightwright.geometry import Box
from sightwright.inspection_records import InspectionRecord
from sightwright.jsonl import write_all
from sightwright.sampling.plan import Pick
from sightwright.tasks.dense import DenseTask
from sightwright.vision import VisionSpec

Draw = Callable[..., str]
HEADER = "assistant_prefix_format: '<DOMAIN={domain}>, <TASK={task}>'"
SUMMARY = '{"dataset": "BBU", "objects_total": 1, "统计": [{"类别": "标签", "文本": {"A": 1}}]}'


@pytest.fixture
def make_encoder(tokenizer: ChatTokenizer, spec: VisionSpec) -> MakeEncoder:
    def make(arrange: Arrange) -> Encoder:
        return Encoder(tokenizer, spec, arrange, max_length=8192)

    return make


@pytest.fixture
def photograph(draw: Draw) -> Callable[..., dict[str, Any]]:
    def make(name: str, num_objects: int = 1, summary: str | None = None) -> dict[str, Any]:
        objects = [
            {"desc": f"thing {n}", "bbox_2d": [8 * n, 0, 8 * n + 8, 32]} for n in range(num_objects)
        ]
        record = {"id": name, "images": [draw(f"{name}.png", 64, 64)], "width": 64, "height": 64}
        return {**record, "objects": objects} | ({} if summary is None else {"summary": summary})

    return make


def config_of(tmp_path: Path, mixture: str, custom: str = HEADER) -> Config:
    (tmp_path / "mix.yaml").write_text(mixture, encoding="utf-8")
    text = f"task: {{type: dense}}\ncustom:\n  fusion_config: {tmp_path}/mix.yaml\n  {custom}\n"
    return load_text(text).config


def evaluating(config: Config) -> Config:
    training = config.training.model_copy(update={"eval_strategy": "epoch"})
    return config.model_copy(update={"training": training})


def texts(sets: TrainingSets, tokenizer: ChatTokenizer, epoch: int) -> list[str]:
    picks = [Pick(i, epoch, step=0, progress=0.0) for i in range(len(sets.train))]
    return [tokenizer.decode(sets.train[pick].encoded.ids) for pick in picks]


@pytest.fixture
def written(tmp_path: Path, photograph: Callable[..., dict[str, Any]]) -> Path:
    write_all(tmp_path / "bbu.jsonl", [photograph(f"b{n}") for n in range(4)])
    write_all(tmp_path / "lvis.jsonl", [photograph(f"l{n}", 5) for n in range(3)])
    write_all(tmp_path / "none.jsonl", [photograph(f"n{n}", 1, "无关图片") for n in range(40)])
    chat = [{"role": "user", "content": "Hello?"}, {"role": "assistant", "content": "Yes."}]
    write_all(tmp_path / "chat.jsonl", [{"id": "c", "messages": chat}])
    return tmp_path


MIXTURE = """
targets:
  - {name: bbu, train_jsonl: bbu.jsonl, val_jsonl: bbu.jsonl, template: target_dense_bbu}
sources:
  - {name: lvis, train_jsonl: lvis.jsonl, template: source_dense, ratio: 0.5,
     max_objects_per_image: 2}
  - {name: lang_chat, dataset: chat, train_jsonl: chat.jsonl, template: chatml, ratio: 0.25}
"""


def test_each_data_set_is_asked_and_answered_in_its_own_way(
    written: Path, make_encoder: MakeEncoder, tokenizer: ChatTokenizer
) -> None:
    sets = open_sets(config_of(written, MIXTURE), make_encoder)
    # Four of the target; round(.5 * 4) and round(.25 * 4) rows of the sources.
    assert [(row.name, row.count) for row in sets.plan] == [
        ("bbu", 4), ("lvis", 2), ("lang_chat", 1),
    ]  # fmt: skip
    assert len(sets.train) == 7
    answers = texts(sets, tokenizer, 0)
    assert all("<DOMAIN=BBU>, <TASK=DETECTION>\n{" in text for text in answers[:4])
    for text in answers[4:6]:
        answer = text.split("assistant\n")[-1]
        assert "DOMAIN" not in answer
        # Two of the five objects, renumbered.
        assert answer.count('"desc": "thing') == 2
        assert answer.startswith('{"object_1": ')
    assert answers[6].count("Yes.") == 1
    assert isinstance(sets.task, DenseTask)
    assert sets.task.header == "<DOMAIN=BBU>, <TASK=DETECTION>"
    assert any(note.startswith("lvis: 3 of 3 records have over 2 objects") for note in sets.notes)


def test_a_limit_is_of_targets_alone(written: Path, make_encoder: MakeEncoder) -> None:
    # F18.
    config = config_of(written, MIXTURE, f"{HEADER}\n  train_sample_limit: 2")
    sets = open_sets(config, make_encoder)
    assert [(row.name, row.pool) for row in sets.plan] == [
        ("bbu", 2),
        ("lvis", 3),
        ("lang_chat", 1),
    ]


def test_a_capped_source_shows_other_objects_in_another_epoch(
    written: Path, make_encoder: MakeEncoder, tokenizer: ChatTokenizer
) -> None:
    sets = open_sets(config_of(written, MIXTURE), make_encoder)
    drawn = [texts(sets, tokenizer, epoch)[4:6] for epoch in range(4)]
    assert len({tuple(each) for each in drawn}) > 1
    assert drawn == [texts(sets, tokenizer, epoch)[4:6] for epoch in range(4)]


def test_evaluation_has_the_targets_alone(
    written: Path, make_encoder: MakeEncoder, tmp_path: Path
) -> None:
    sets = open_sets(evaluating(config_of(written, MIXTURE)), make_encoder)
    assert [held.name for held in sets.held_out] == ["bbu"]
    assert sets.judged is not None
    assert len(sets.judged) == 4


def test_irrelevant_pictures_are_asked_about_by_both_domains_in_turn(
    written: Path, make_encoder: MakeEncoder, tokenizer: ChatTokenizer
) -> None:
    mixture = (
        "targets:\n"
        "  - {name: irrelevant_summary, dataset: bbu, train_jsonl: none.jsonl, "
        "template: summary_bbu}\n"
    )
    sets = open_sets(config_of(written, mixture), make_encoder)
    epochs = [texts(sets, tokenizer, epoch) for epoch in range(2)]
    for answers in epochs:
        assert all(text.rstrip().endswith("无关图片") for text in answers)
        assert not any("DOMAIN=" in text.split("assistant\n")[-1] for text in answers)
    of_rru = [["站点距离" in text for text in answers] for answers in epochs]
    # 40 pictures, each domain with probability a half: 3 standard deviations are 10.
    assert all(10 <= sum(each) <= 30 for each in of_rru)
    assert of_rru[0] != of_rru[1]


def test_a_header_is_required_where_a_target_has_a_family(
    written: Path, make_encoder: MakeEncoder
) -> None:
    with pytest.raises(ConfigError, match="targets bbu are of BBU or RRU"):
        open_sets(config_of(written, MIXTURE, "dataset_name: mix"), make_encoder)


def test_changes_are_counted_and_a_summary_keeps_its_objects(
    tmp_path: Path,
    photograph: Callable[..., dict[str, Any]],
    make_encoder: MakeEncoder,
) -> None:
    write_all(tmp_path / "dense.jsonl", [photograph("a", 3)])
    write_all(tmp_path / "summary.jsonl", [photograph("a", 3, SUMMARY)])
    mixture = (
        "targets:\n"
        "  - {name: dense, dataset: bbu, train_jsonl: dense.jsonl, template: target_dense_bbu}\n"
        "  - {name: bbu_summary, dataset: bbu, train_jsonl: summary.jsonl, "
        "template: summary_bbu}\n"
    )
    crop = (
        "augmentation: {enabled: true, ops: [{name: random_crop, params: {prob: 1.0, "
        "scale: [0.3, 0.4], min_objects: 1, min_coverage: 0.9}}]}"
    )
    config = config_of(tmp_path, mixture, f"{HEADER}\n  {crop}")
    sets = open_sets(config, make_encoder)
    changes = [
        {row: sets.train[Pick(row, epoch, 0, 0.0)].changes for row in range(2)}
        for epoch in range(12)
    ]
    dropped = [sum(n for k, n in each[0].items() if k.startswith("dropped")) for each in changes]
    assert max(dropped) > 0
    for each in changes:
        assert not any(key.startswith("dropped") for key in each[1])
        assert any(key.startswith("skipped: random_crop") for key in each[1])
    assert [(row.augmentation, row.curriculum) for row in sets.plan] == [(True, False)] * 2
    assert sets.plan[1].skipped_ops == ("random_crop",)
    assert sets.plan[0].skipped_ops == ()


def test_a_photograph_of_another_size_than_its_record_says_is_refused(
    tmp_path: Path, photograph: Callable[..., dict[str, Any]], make_encoder: MakeEncoder
) -> None:
    write_all(tmp_path / "train.jsonl", [{**photograph("a"), "width": 128}])
    config = load_text(
        f"task: {{type: dense}}\ncustom: {{train_jsonl: {tmp_path}/train.jsonl}}"
    ).config
    with pytest.raises(DataError, match="record says 128x64, the image is 64x64"):
        open_sets(config, make_encoder)


@pytest.mark.parametrize(
    ("kind", "message"),
    [("dense", "a conversation, where inspection data"), ("chat", "inspection data, where")],
)
def test_the_wrong_kind_of_record_is_named(
    kind: str, message: str, written: Path, make_encoder: MakeEncoder
) -> None:
    name = "chat" if kind == "dense" else "bbu"
    config = load_text(
        f"task: {{type: {kind}}}\ncustom: {{train_jsonl: {written}/{name}.jsonl}}"
    ).config
    with pytest.raises(DataError, match=message):
        open_sets(config, make_encoder)


def test_a_record_without_objects_is_not_learnt_as_an_empty_photograph(
    tmp_path: Path, photograph: Callable[..., dict[str, Any]], make_encoder: MakeEncoder
) -> None:
    write_all(tmp_path / "train.jsonl", [photograph("a"), photograph("b", 0, SUMMARY)])
    config = load_text(
        f"task: {{type: dense}}\ncustom: {{train_jsonl: {tmp_path}/train.jsonl}}"
    ).config
    with pytest.raises(DataError, match="no objects") as error:
        open_sets(config, make_encoder)
    assert error.value.where == "train.jsonl:2 record 1 (b): record 'b'"


def test_a_crowded_record_is_measured_inside_its_limits(
    tmp_path: Path,
    photograph: Callable[..., dict[str, Any]],
    tokenizer: ChatTokenizer,
    spec: VisionSpec,
) -> None:
    crowd = photograph("crowd")
    # More than an answer holds, and far more than the limit of tokens.
    crowd["objects"] = [{"desc": "x" * (n % 7 + 1), "bbox_2d": [0, 0, 8, 8]} for n in range(1500)]
    write_all(tmp_path / "bbu.jsonl", [photograph("a")])
    write_all(tmp_path / "lvis.jsonl", [crowd])
    mixture = (
        "targets:\n  - {name: bbu, train_jsonl: bbu.jsonl, template: target_dense_bbu}\n"
        "sources:\n  - {name: lvis, train_jsonl: lvis.jsonl, template: source_dense, ratio: 1, "
        "max_objects_per_image: 3}\n"
    )

    def make(arrange: Arrange) -> Encoder:
        return Encoder(tokenizer, spec, arrange, max_length=4096)

    sets = open_sets(config_of(tmp_path, mixture), make)
    drawn = [sets.train[Pick(1, epoch, 0, 0.0)].encoded.length for epoch in range(20)]
    assert max(drawn) <= sets.lengths.total[1]
    assert any(note == "lvis: 1 of 1 records have over 3 objects: so many of them are learnt, "
               "drawn anew in each epoch" for note in sets.notes)  # fmt: skip


@pytest.mark.parametrize(
    ("written_there", "now"),
    [
        ("max_objects_per_image: 2", "max_objects_per_image: 3"),
        ("template: target_dense_bbu", "template: target_dense"),
        ("ratio: 0.5,", "ratio: 0.5, user_prompt: Which?,"),
        ("ratio: 0.5,", "ratio: 0.5, augmentation_enabled: true,"),
    ],
)
def test_a_mixture_that_handles_its_records_otherwise_is_another(
    written_there: str, now: str, written: Path, make_encoder: MakeEncoder
) -> None:
    before = open_sets(config_of(written, MIXTURE), make_encoder).train.digest
    assert before == open_sets(config_of(written, MIXTURE), make_encoder).train.digest
    changed = MIXTURE.replace(written_there, now)
    assert before != open_sets(config_of(written, changed), make_encoder).train.digest


def test_the_score_of_the_held_out_records_picks_the_best(
    written: Path, make_encoder: MakeEncoder
) -> None:
    mixture = (
        "targets:\n"
        "  - {name: irrelevant_summary, dataset: bbu, train_jsonl: none.jsonl, "
        "val_jsonl: none.jsonl, template: summary_bbu}\n"
    )
    config = evaluating(config_of(written, mixture))
    sets = open_sets(config, make_encoder)
    # The YAML's custom keys made its task dense.
    assert config.task.type == "dense"
    assert sets.marked_kind("dense") == "summary"
    assert sets.marked_kind("summary") == "summary"


def test_a_run_that_evaluates_needs_held_out_records(
    written: Path, make_encoder: MakeEncoder
) -> None:
    bare = MIXTURE.replace("val_jsonl: bbu.jsonl, ", "")
    open_sets(config_of(written, bare), make_encoder)
    with pytest.raises(ConfigError, match="no target of the mixture has a val_jsonl") as error:
        open_sets(evaluating(config_of(written, bare)), make_encoder)
    assert error.value.where == "training.eval_strategy"


def test_a_target_that_is_not_evaluated_is_told(written: Path, make_encoder: MakeEncoder) -> None:
    more = MIXTURE.replace(
        "sources:", "  - {name: rru, train_jsonl: bbu.jsonl, template: target_dense_rru}\nsources:"
    )
    sets = open_sets(evaluating(config_of(written, more)), make_encoder)
    assert [held.name for held in sets.held_out] == ["bbu"]
    assert "rru: not evaluated, for it has no val_jsonl" in sets.notes


def test_held_out_polygons_are_boxes_where_the_target_learns_boxes(
    tmp_path: Path, photograph: Callable[..., dict[str, Any]], make_encoder: MakeEncoder
) -> None:
    record = photograph("a")
    record["objects"] = [
        {"desc": "five", "poly": [8, 0, 24, 0, 32, 16, 16, 32, 0, 16]},
        {"desc": "three", "poly": [40, 40, 60, 40, 60, 60]},
    ]
    write_all(tmp_path / "bbu.jsonl", [record])
    mixture = (
        "targets: [{name: bbu, train_jsonl: bbu.jsonl, val_jsonl: bbu.jsonl, "
        "template: target_dense_bbu, poly_fallback: bbox_2d, poly_max_points: 4}]\n"
    )
    config = config_of(tmp_path, mixture)
    config = config.model_copy(
        update={"training": config.training.model_copy(update={"eval_strategy": "epoch"})}
    )
    (held,) = open_sets(config, make_encoder).held_out
    shown = held.records.record(0)
    assert isinstance(shown, InspectionRecord)
    assert [each.geometry.kind for each in shown.objects] == ["bbox_2d", "poly"]
    assert shown.objects[0].geometry == Box(0, 0, 32, 32)


def test_pages_of_documents_go_through_a_scanner_and_keep_their_answer(
    tmp_path: Path, draw: Draw, make_encoder: MakeEncoder
) -> None:
    question = [
        {"type": "image", "image": draw("page.png", 96, 96)},
        {"type": "text", "text": "Read."},
    ]
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": '{"a":"1"}'}]
    write_all(tmp_path / "train.jsonl", [{"id": "page", "messages": turns}])
    (tmp_path / "a.schema.json").write_text(
        '{"type": "object", "properties": {"a": {"type": "string"}}}', encoding="utf-8"
    )
    config = load_text(
        f"task: {{type: extract, json_schema: {tmp_path}/a.schema.json}}\n"
        f"custom:\n  train_jsonl: {tmp_path}/train.jsonl\n"
        "  augmentation: {enabled: true, ops: [{name: scan_noise, params: {prob: 1.0}}, "
        "{name: scan_skew, params: {prob: 1.0}}]}\n"
    ).config
    train = open_sets(config, make_encoder).train
    plain = train[0]
    scanned = [train[Pick(0, epoch, 0, 0.0)] for epoch in (0, 0, 1)]
    for each in scanned:
        assert each.encoded.ids == plain.encoded.ids
        assert each.patches[0].shape == plain.patches[0].shape
        assert not torch.equal(each.patches[0], plain.patches[0])
    assert torch.equal(scanned[0].patches[0], scanned[1].patches[0])
    assert not torch.equal(scanned[0].patches[0], scanned[2].patches[0])
    assert scanned[0].changes["applied: scan_noise"] == 1


def budgeted(config: Config, budget: int) -> Config:
    data = config.data.model_copy(update={"batching": Tokens(budget=budget)})
    return config.model_copy(update={"data": data})


def test_a_record_over_the_budget_is_named_with_the_remedy(
    written: Path, make_encoder: MakeEncoder
) -> None:
    config = config_of(written, MIXTURE)
    longest, place = open_sets(config, make_encoder).train.longest()
    open_sets(budgeted(config, longest), make_encoder)
    with pytest.raises(DataError) as caught:
        open_sets(budgeted(config, longest - 1), make_encoder)
    text = str(caught.value)
    assert text.startswith(f"{place}: {longest} tokens")
    assert f"are over the {longest - 1} of a micro-batch (data.batching.budget)" in text
    assert "remedy: raise data.batching.budget; or lower template.max_pixels" in text


def test_an_irrelevant_picture_is_measured_by_the_longer_of_its_questions(
    written: Path, make_encoder: MakeEncoder
) -> None:
    mixture = (
        "targets:\n"
        "  - {name: irrelevant_summary, dataset: bbu, train_jsonl: none.jsonl, "
        "template: summary_bbu}\n"
    )
    train = open_sets(config_of(written, mixture), make_encoder).train
    samples = [train[Pick(index, epoch, 0, 0.0)] for epoch in range(3) for index in range(9)]
    lengths = {sample.encoded.length for sample in samples}
    assert len(lengths) > 1
    assert max(lengths) == max(train.measures(0).tokens[:9])
    assert min(train.measures(0).tokens[:9]) == max(lengths)


def test_a_cache_that_has_nothing_to_keep_is_told(written: Path, make_encoder: MakeEncoder) -> None:
    cached = "dataset_name: bbu, augmentation: {enabled: true, ops: [{name: gamma}]}"
    text = (
        f"task: {{type: dense}}\ncustom: {{train_jsonl: {written}/lvis.jsonl, {cached}}}\n"
        f"data: {{patch_cache: {{dir: {written}/cache}}}}\n"
    )
    told = "data.patch_cache keeps held-out images alone: training images are augmented"
    notes = open_sets(load_text(text).config, make_encoder).notes
    assert any(note.startswith(told) for note in notes)
    without = load_text(text.replace("enabled: true", "enabled: false")).config
    sets = open_sets(without, make_encoder)
    assert not any(note.startswith(told) for note in sets.notes)
    sets.train[Pick(0, 0, 0, 0.0)]
    assert len(list((written / "cache").glob("*/*.patches"))) == 1
