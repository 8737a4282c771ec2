"""A score that no evaluation gives is told before step 1, with the nearest names."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from photograph_runs import mixture, sections, write_photographs
from torch import nn
from whole_runs import WriteRun

from sightwright.chat import ChatTokenizer
from sightwright.config.load import load_config
from sightwright.data.encode import Arrange, Encoder
from sightwright.data.training_sets import open_sets
from sightwright.errors import ConfigError
from sightwright.train.best_metric import evaluation_names, require_known_metric
from sightwright.train.generation import MarkSets
from sightwright.vision import VisionSpec

NamesOf = Callable[[Path], list[str]]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    write_photographs(folder)
    return folder


@pytest.fixture
def names_of(tokenizer: ChatTokenizer, spec: VisionSpec) -> NamesOf:
    """The names that the evaluations of a configuration give, once its metric is found good."""

    def make(arrange: Arrange) -> Encoder:
        return Encoder(tokenizer, spec, arrange, max_length=4096)

    def names(path: Path) -> list[str]:
        config = load_config(path).config
        held_out = open_sets(config, make).held_out
        require_known_metric(config, held_out)
        return evaluation_names(config, held_out)

    return names


def picking(parts: dict[str, dict[str, Any]], metric: str | None) -> dict[str, dict[str, Any]]:
    return {**parts, "training": {**parts["training"], "metric_for_best_model": metric}}


def test_names_of_a_mixture(write_run: WriteRun, photographs: Path, names_of: NamesOf) -> None:
    names = names_of(write_run(**mixture(photographs)))
    assert len(names) == len(set(names))
    told = {"bbu_loss", "bbu_bbox_token_acc", "bbu_coord_token_acc", "bbu_summary_token_acc"}
    marked = {"object_f1", "bbu_object_f1", "line_f1", "bbu_line_f1", "bbu_summary_fact_f1"}
    assert {"loss", "token_acc", *told, *marked} <= set(names)
    # No polygon among the records; a source is not evaluated; the summaries' kinds are excluded.
    absent = {"poly_f1", "bbu_poly_token_acc", "lvis_loss", "bbu_summary_desc_token_acc"}
    assert absent & set(names) == set()


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("bbu_lose", "bbu_loss"),
        ("eval_bbu_objects_f1", "bbu_object_f1"),
        ("lvis_token_acc", "bbu_token_acc"),
        ("bbu_poly_f1", "bbu_bbox_f1"),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest(
    write_run: WriteRun, photographs: Path, names_of: NamesOf, wrong: str, nearest: str
) -> None:
    with pytest.raises(ConfigError, match="no evaluation of this run gives") as error:
        names_of(write_run(**picking(mixture(photographs), wrong)))
    assert nearest in str(error.value.remedy)


def test_a_run_stops_before_its_first_step(write_run: WriteRun, photographs: Path) -> None:
    from sightwright.train.sft import train

    config = write_run(**picking(mixture(photographs), "rru_loss"))
    with pytest.raises(ConfigError, match="no evaluation of this run gives rru_loss"):
        train(config)
    assert not (config.parent / "out").exists()


@pytest.mark.parametrize("metric", [None, "loss", "bbu_token_acc", "eval/bbu_fact_f1", "fact_f1"])
def test_one_file_with_a_name(
    write_run: WriteRun, photographs: Path, names_of: NamesOf, metric: str | None
) -> None:
    file = str(photographs / "train.jsonl")
    parts = sections(photographs, train_jsonl=file, val_jsonl=file, dataset_name="bbu")
    parts["task"]["type"] = "summary"
    names = names_of(write_run(**picking(parts, metric)))
    marks = ["fact_f1", "summary_exact", "answer_valid"]
    whole = ["loss", "token_acc", "bbu_loss", "bbu_token_acc"]
    assert names == [*whole, *marks, *(f"bbu_{name}" for name in marks)]


def test_without_answers_there_are_no_marks(write_run: WriteRun, names_of: NamesOf) -> None:
    assert names_of(write_run(eval={"generate": False})) == ["loss", "token_acc"]


def test_marks_have_the_names_that_are_checked() -> None:
    def mark(**scores: float) -> Callable[[nn.Module], dict[str, float]]:
        return lambda _: scores

    model = nn.Identity()
    assert MarkSets({"": mark(field_f1=0.5)})(model) == {"field_f1": 0.5}
    assert MarkSets({"bbu": mark(fact_f1=0.5)})(model) == {"fact_f1": 0.5, "bbu_fact_f1": 0.5}
    both = MarkSets({"bbu": mark(object_f1=0.5), "rru": mark(object_f1=0.25, poly_f1=1.0)})
    assert both(model) == {
        "object_f1": 0.375, "poly_f1": 1.0, "bbu_object_f1": 0.5, "rru_object_f1": 0.25,
        "rru_poly_f1": 1.0,
    }  # fmt: skip
