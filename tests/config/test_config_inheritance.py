"""extends, inherit and --base_config (test vector T17)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sightwright.config.load import load_config
from sightwright.errors import ConfigError

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.chdir(tmp_path)

    def write_one(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write_one


def test_the_file_wins_over_its_bases_and_later_bases_over_earlier(write: Write) -> None:
    write("a.yaml", "tuner: {lora_rank: 1, lora_alpha: 1, use_dora: true}\n")
    write("b.yaml", "tuner: {lora_rank: 2, lora_alpha: 2}\n")
    top = write("c.yaml", "extends: [a.yaml, b.yaml]\ntuner: {lora_rank: 3}\n")
    tuner = load_config(top).config.tuner
    assert (tuner.lora_rank, tuner.lora_alpha, tuner.use_dora) == (3, 2, True)


@pytest.mark.parametrize("key", ["extends", "inherit"])
def test_either_name_takes_a_text_relative_to_the_file(write: Write, key: str) -> None:
    write("base/a.yaml", "tuner: {lora_rank: 5}\n")
    top = write("deep/down/b.yaml", f"{key}: ../../base/a.yaml\n")
    assert load_config(top).config.tuner.lora_rank == 5


def test_a_list_is_replaced_and_a_mapping_merged(write: Write) -> None:
    write(
        "a.yaml",
        "tuner: {modules_to_save: [x, y]}\ntraining: {lr_scheduler_kwargs: {num_cycles: 1}}\n",
    )
    top = write(
        "b.yaml",
        "extends: a.yaml\ntuner: {modules_to_save: [z]}\n"
        "training: {lr_scheduler_type: cosine_with_min_lr, lr_scheduler_kwargs: {min_lr: 1e-6}}\n",
    )
    config = load_config(top).config
    assert config.tuner.modules_to_save == ("z",)
    assert config.training.lr_scheduler_kwargs == {"num_cycles": 1, "min_lr": 1e-6}


def test_a_diamond_is_fine(write: Write) -> None:
    write("root.yaml", "training: {warmup_ratio: 0.1, seed: 1}\n")
    write("left.yaml", "extends: root.yaml\ntraining: {seed: 2}\n")
    write("right.yaml", "extends: root.yaml\ntuner: {lora_rank: 4}\n")
    loaded = load_config(write("top.yaml", "extends: [left.yaml, right.yaml]\n"))
    # The later base brings the root's value along, as a second reading of the root would.
    assert loaded.config.training.seed == 1
    assert loaded.config.tuner.lora_rank == 4
    assert len(loaded.notes) == 1


def test_a_circle_names_its_chain(write: Write) -> None:
    top = write("a.yaml", "extends: sub/b.yaml\n")
    write("sub/b.yaml", "\ninherit: ../a.yaml\n")
    with pytest.raises(ConfigError) as caught:
        load_config(top)
    message = "sub/b.yaml:2: extends: a file extends itself: a.yaml -> sub/b.yaml -> a.yaml"
    assert message in str(caught.value)


def test_the_base_config_lies_below_everything(write: Write) -> None:
    write("a.yaml", "tuner: {lora_rank: 1}\n")
    top = write("b.yaml", "extends: a.yaml\n")
    base = write("base.yaml", "tuner: {lora_rank: 9, lora_alpha: 9}\n")
    tuner = load_config(top, base).config.tuner
    assert (tuner.lora_rank, tuner.lora_alpha) == (1, 9)


def test_a_missing_base_is_named_where_it_is_asked_for(write: Write) -> None:
    top = write("a.yaml", "tuner:\n  lora_rank: 0\nextends:\n  - gone.yaml\n  - 3\n")
    with pytest.raises(ConfigError) as caught:
        load_config(top)
    text = str(caught.value)
    assert "3 problems" in text
    assert "a.yaml:4: extends: gone.yaml cannot be read: No such file" in text
    assert "a.yaml:5: extends: must be a path or a list of paths" in text
    assert "a.yaml:2: tuner.lora_rank: must be above 0, found 0" in text


def test_a_file_from_windows_is_read(write: Write) -> None:
    write("base/a.yaml", "tuner: {lora_rank: 5}\n")
    top = write("b.yaml", "")
    top.write_bytes(b"\xef\xbb\xbfextends: base\\a.yaml\r\ntuner:\r\n  lora_alpha: 7\r\n")
    tuner = load_config(top).config.tuner
    assert (tuner.lora_rank, tuner.lora_alpha) == (5, 7)


def test_a_missing_file_is_named(write: Write, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml: cannot be read: No such file"):
        load_config(tmp_path / "gone.yaml")


def test_an_error_of_a_base_is_told_with_the_base_and_its_line(write: Write) -> None:
    write("base.yaml", "\n\ntraining:\n  lerning_rate: 1\n")
    top = write("top.yaml", "extends: base.yaml\ntuner: {lora_rank: x}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(top)
    text = str(caught.value)
    assert "base.yaml:4: training.lerning_rate: unknown key (did you mean learning_rate?)" in text
    assert "top.yaml:2: tuner.lora_rank: must be a whole number, found 'x'" in text


def test_provenance_names_the_file_that_won(write: Write) -> None:
    write("base.yaml", "tuner:\n  lora_rank: 8\n  lora_alpha: 8\n")
    top = write("top.yaml", "extends: base.yaml\ntuner:\n  lora_alpha: 4\n")
    provenance = load_config(top).provenance
    assert provenance["tuner.lora_rank"] == "base.yaml:2"
    assert provenance["tuner.lora_alpha"] == "top.yaml:3"
    assert provenance["tuner.lora_dropout"] == "default"


def test_an_empty_section_changes_nothing(write: Write) -> None:
    write("base.yaml", "training: {seed: 3}\n")
    top = write("top.yaml", "extends: base.yaml\ntraining:\ndeepspeed:\ncustom:\n")
    config = load_config(top).config
    assert config.training.seed == 3
    assert config.deepspeed is None
