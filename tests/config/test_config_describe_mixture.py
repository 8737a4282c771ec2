"""`config explain --mixture` and `config schema --mixture`: what is said of the mixture file."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from sightwright.cli.config import app
from sightwright.config.describe_mixture import entries, explained, keys_below, sections
from sightwright.config.fusion import Source, Target, load_fusion
from sightwright.config.mixture_schema import mixture_schema
from sightwright.config.tree import plain
from sightwright.config.yaml_source import parse_yaml
from sightwright.errors import ConfigError

SHIPPED = sorted((Path(__file__).parents[2] / "configs/dataset_mix").glob("*.yaml"))
RUNNER = CliRunner()
BASE = "train_jsonl: a.jsonl, template: target_dense_bbu"


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = mixture_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def mistakes(validator: Any, text: str) -> list[str]:
    root, problems = parse_yaml(text, "x.yaml")
    assert problems == []
    return [error.message for error in validator.iter_errors(plain(root))]


def test_no_key_is_missing() -> None:
    assert [entry.key for entry in sections()] == ["extends", "inherit", "targets", "sources"]
    for section, model in (("targets", Target), ("sources", Source)):
        below = [entry.key for entry in keys_below(section)]
        assert below == [f"{section}.{name}" for name in model.model_fields]


@pytest.mark.parametrize("key", [key for key in entries() if key not in ("extends", "inherit")])
def test_every_key_is_described_with_an_example_that_is_taken(
    key: str, validator: Any, tmp_path: Path
) -> None:
    entry = entries()[key]
    assert entry.meaning and entry.type and entry.read_by
    assert key.split(".")[-1] in entry.example
    assert mistakes(validator, entry.example) == []
    target = entries()["targets"].example if key.startswith("sources") else ""
    (tmp_path / "a.yaml").write_text(target + entry.example, encoding="utf-8")
    load_fusion(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        ("ratio", ["targets.ratio", "sources.ratio"]),
        ("targets.ratio", ["targets.ratio"]),
        ("sources[1].params.ratio", ["sources.ratio"]),
        ("target", ["targets"]),
        ("target.seed", ["targets.seed"]),
        ("extends", ["extends"]),
    ],
)
def test_a_key_is_found(wanted: str, keys: list[str]) -> None:
    assert [entry.key for entry in explained(wanted)] == keys


def test_what_is_required() -> None:
    required = [key for key, entry in entries().items() if entry.required]
    assert required == [
        "targets", "targets.train_jsonl", "targets.template",
        "sources.train_jsonl", "sources.template", "sources.ratio",
    ]  # fmt: skip


def test_an_unknown_key_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"'sources\.rato' of a mixture") as caught:
        explained("sources.rato")
    assert "ratio" in str(caught.value.remedy)
    with pytest.raises(ConfigError, match="'qqqq' of a mixture") as caught:
        explained("qqqq")
    assert "lists the keys" in str(caught.value.remedy)


@pytest.mark.parametrize("arguments", [["sources.ratio"], ["--mixture", "sources.ratio"]])
def test_the_command_prints_an_entry(arguments: list[str]) -> None:
    result = RUNNER.invoke(app, ["explain", *arguments])
    assert result.exit_code == 0
    assert result.stdout == (
        "sources.ratio  rows in an epoch, as a share of all targets' rows\n"
        "  type         number at least 0 and at most 1000\n"
        "  default      required\n"
        "  also         sources[].params.ratio\n"
        "  read by      train, data fuse, data doctor\n"
        "  example\n"
        "    sources:\n"
        "      - {name: lvis, train_jsonl: lvis/train.jsonl, template: source_dense, ratio: 0.5}\n"
    )


def test_the_command_lists_keys() -> None:
    listed = RUNNER.invoke(app, ["explain", "--mixture", "targets"])
    assert "targets.poly_max_points" in listed.stdout
    every = json.loads(RUNNER.invoke(app, ["explain", "--mixture", "--json"]).stdout)["keys"]
    assert [entry["key"] for entry in every] == ["extends", "inherit", "targets", "sources"]


def test_the_command_writes_the_schema() -> None:
    printed = RUNNER.invoke(app, ["schema", "--mixture", "--json"]).stdout
    assert json.loads(printed) == mixture_schema()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_what_is_shipped_is_valid(validator: Any, path: Path) -> None:
    assert mistakes(validator, path.read_text(encoding="utf-8")) == []


TAKEN = [
    f"targets: [{{name: bbu, {BASE}}}]\nsources:",
    f"target: {{dataset: bbu, {BASE}}}",
    f"targets: [{{name: bbu, params: {{{BASE}, seed: 3}}}}]",
    f"targets: [{{params: {{dataset: bbu, {BASE}, ratio: 2}}}}]",
    f"targets: [{{name: bbu, params: null, {BASE}}}]",
]


@pytest.mark.parametrize("text", TAKEN)
def test_what_the_loader_takes_is_valid(validator: Any, text: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    load_fusion(tmp_path / "a.yaml")
    assert mistakes(validator, text) == []


MISTAKES = [
    f"targts: [{{name: bbu, {BASE}}}]",
    f"targets: [{{{BASE}}}]",
    f"targets: [{{name: bbu, rato: 1, {BASE}}}]",
    f"targets: [{{name: bbu, ratio: many, {BASE}}}]",
    f"targets: [{{name: bbu, params: {{rato: 1}}, {BASE}}}]",
    "targets: [{name: bbu, template: target_dense_bbu}]",
    "sources: [{name: lvis, train_jsonl: a.jsonl, template: source_dense}]",
]


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_underlined(validator: Any, text: str) -> None:
    assert mistakes(validator, text)
