"""What a run shows and writes before step 1, and where its folder is."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sightwright.chat import ChatTokenizer
from sightwright.config.load import load_text
from sightwright.errors import ConfigError, DataError
from sightwright.train import checkpoints
from sightwright.train.arguments import tensorboard_folder
from sightwright.train.debug import conversation_text, sample_checks
from sightwright.train.sft import RunResult, train
from sightwright.train.trainer import SftTrainer
from sightwright.vision import VisionSpec

MakeTrainer = Callable[..., SftTrainer]

ANSWERS = ["one", '{"total":"12.50"}', "a receipt with many words of which none is short"]


@pytest.fixture
def run(tmp_path: Path, write_records: Callable[..., Path]) -> Callable[..., RunResult]:
    """A run of one step; `debug` and sections."""

    def make(debug: bool = False, **sections: dict[str, object]) -> RunResult:
        config: dict[str, dict[str, object]] = {
            "model": {"model": "tiny", "torch_dtype": "float32"},
            "template": {"max_length": 256},
            "tuner": {"lora_rank": 4},
            "custom": {"train_jsonl": str(write_records(ANSWERS))},
            "training": {
                "output_dir": str(tmp_path / "out"),
                "max_steps": 1,
                "use_cpu": True,
                "save_strategy": "no",
            },
        }
        for name, values in sections.items():
            config[name] = {**config.get(name, {}), **values}
        path = tmp_path / "run.yaml"
        path.write_text(json.dumps(config))
        return train(path, debug=debug)

    return make


Run = Callable[..., RunResult]


def test_the_first_sample_as_a_file(run: Run) -> None:
    result = run(custom={"dump_conversation_text": True})
    text = (result.folder / "conversation.txt").read_text(encoding="utf-8")
    assert text.startswith("sample 0 (train.jsonl:1 record 0 (doc-0)), 29 tokens\n")
    assert "<|im_start|>user\n<|vision_start|><|image_pad|>*4<|vision_end|>What is it?" in text
    assert text.endswith("=== Assistant GT ===\none\n")


@pytest.mark.parametrize("absolute", [True, False])
def test_its_place_is_relative_to_the_run(run: Run, tmp_path: Path, absolute: bool) -> None:
    place = str(tmp_path / "seen" / "a.txt") if absolute else "seen/a.txt"
    result = run(custom={"dump_conversation_text": True, "dump_conversation_path": place})
    folder = tmp_path if absolute else result.folder
    assert "Assistant GT" in (folder / "seen" / "a.txt").read_text(encoding="utf-8")


def test_without_being_asked_for_it_is_not_written(run: Run) -> None:
    assert not (run().folder / "conversation.txt").exists()


def test_debug_shows_the_settings_and_the_health_of_a_sample(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(debug=True, training={"learning_rate": 2e-4, "vit_lr": 1e-4})
    shown = capsys.readouterr().err
    assert "lora_rank: 4" in shown
    assert "<|image_pad|>*4" in shown
    assert "4 in the text, 4 from the pixels" in shown
    assert "16 cut out, 16 by the image sizes" in shown
    assert (result.folder / "conversation.txt").is_file()
    # The optimiser's table: the rate of the one part that learns.
    (row,) = [line for line in shown.splitlines() if "0.0002" in line and "llm" in line]
    assert [cell.strip() for cell in row.strip("│┃").split("│")][:3] == ["llm", "0.0002", "0"]


def test_a_sample_whose_text_and_pixels_differ_is_seen(
    make_trainer: MakeTrainer, tokenizer: ChatTokenizer, spec: VisionSpec
) -> None:
    trainer = make_trainer(ANSWERS)
    sample = trainer.train_dataset[0]
    collator = trainer._parts.collator
    found = sample_checks(sample, collator([sample]), tokenizer, spec)
    assert [check.passed for check in found] == [True, True, True, None]
    half = replace(sample, patches=tuple(each[::2] for each in sample.patches))
    found = sample_checks(half, collator([sample]), tokenizer, spec)
    assert [check.passed for check in found] == [False, False, True, None]
    batch = collator([sample])
    del batch["patches"]
    assert sample_checks(sample, batch, tokenizer, spec)[2].passed is False


def test_every_answer_that_is_learnt_stands_below_the_conversation(
    make_trainer: MakeTrainer, tokenizer: ChatTokenizer
) -> None:
    encoded = make_trainer(ANSWERS).train_dataset.encode(1)
    assert conversation_text(encoded, tokenizer).endswith(
        '=== Assistant GT ===\n{"total":"12.50"}\n'
    )


# Over-long records

SHORT = {"max_length": 40, "truncation_strategy": "delete"}


def test_over_long_records_are_left_out_and_listed(
    run: Run, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(template=SHORT)
    (line,) = (result.folder / "left_out.txt").read_text(encoding="utf-8").splitlines()
    assert line.startswith("train.jsonl:3 record 2 (doc-2): ")
    assert "reach the limit of 40" in line
    assert "over-long records that are left out: 1: train.jsonl:3" in caplog.text
    # The table's row; a warning says it too, where the log goes to the console.
    rows = [line for line in capsys.readouterr().err.splitlines() if "│ over-long records" in line]
    assert len(rows) == 1 and " 1 " in rows[0]
    assert result.num_steps == 1


def test_held_out_ones_too(run: Run, write_records: Callable[..., Path]) -> None:
    held_out = str(write_records(ANSWERS, "val.jsonl"))
    result = run(
        template=SHORT, custom={"val_jsonl": held_out},
        training={"eval_strategy": "steps", "eval_steps": 1},
    )  # fmt: skip
    listed = (result.folder / "left_out.txt").read_text(encoding="utf-8")
    assert [line.split(" ")[0] for line in listed.splitlines()] == ["train.jsonl:3", "val.jsonl:3"]


def test_where_all_are_over_long_nothing_is_learnt(run: Run) -> None:
    with pytest.raises(DataError, match="no records to learn from"):
        run(template={**SHORT, "max_length": 5})


@pytest.mark.parametrize("side", ["left", "right"])
def test_no_record_is_cut(run: Run, side: str) -> None:
    with pytest.raises(ConfigError, match="left cuts off the question or its image tokens"):
        run(template={**SHORT, "truncation_strategy": side})


# Folders


def test_every_start_has_a_numbered_folder(run: Run, tmp_path: Path) -> None:
    again = {"add_version": True, "run_name": "bbu", "save_strategy": "steps", "save_steps": 1}
    folders = [run(training=again).folder for _ in range(2)]
    assert folders == [tmp_path / "out" / "bbu" / name for name in ("v0", "v1")]
    assert (folders[0] / "checkpoint-1").is_dir()


def test_a_resumed_run_goes_on_in_its_own(run: Run, tmp_path: Path) -> None:
    settings: dict[str, object] = {
        "add_version": True, "save_strategy": "steps", "save_steps": 1, "max_steps": 2,
        "resume_from_checkpoint": "latest",
    }  # fmt: skip
    assert run(training=settings).folder == tmp_path / "out" / "v0"
    assert run(training={**settings, "max_steps": 3}).folder == tmp_path / "out" / "v0"
    fresh = run(training={**settings, "resume_from_checkpoint": None})
    assert fresh.folder == tmp_path / "out" / "v1"
    by_name = {**settings, "resume_from_checkpoint": str(tmp_path / "out/v0/checkpoint-3")}
    assert run(training={**by_name, "max_steps": 4}).folder == tmp_path / "out" / "v0"


@pytest.mark.parametrize(
    ("there", "wanted", "name"),
    [
        ([], None, "v0"),
        (["v0", "v2", "v10", "vx", "checkpoint-3"], None, "v11"),
        ([], "latest", "v0"),
        (["v0", "v9", "v10"], "latest", "v10"),
        (["v0", "v1"], "v0/checkpoint-3", "v0"),
        (["v0", "v1"], "../other/checkpoint-3", "v2"),
    ],
)
def test_the_number_of_a_start(
    tmp_path: Path, there: list[str], wanted: str | None, name: str
) -> None:
    for each in there:
        (tmp_path / each).mkdir()
    if wanted is not None and wanted != "latest":
        wanted = str(tmp_path / wanted)
    assert checkpoints.version_of(tmp_path, wanted) == tmp_path / name


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "out/bbu/tensorboard"),
        ("logging_dir: tb", "tb"),
        ("logging_dir: tb, run_name: bbu", "tb/bbu"),
        ("logging_dir: tb/bbu, run_name: bbu", "tb/bbu"),
        ("logging_dir: tb, run_name: bbu, add_version: true", "tb/bbu/v3"),
    ],
)
def test_where_tensorboard_writes(text: str, place: str) -> None:
    training = load_text(f"training: {{{text}}}").config.training
    folder = Path("out/bbu/v3" if training.add_version else "out/bbu")
    assert tensorboard_folder(training, folder) == Path(place)
