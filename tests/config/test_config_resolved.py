"""resolved.yaml: all values, where each came from, and back again."""

from pathlib import Path

import pytest

from sightwright.config.load import load_config, load_text
from sightwright.config.resolved import HIDDEN, dump_resolved, resolved_text, resolved_values

CONFIGS = Path(__file__).parents[2] / "configs"
SHIPPED = sorted(
    path
    for path in CONFIGS.rglob("*.yaml")
    if path.parent.name not in ("accelerate", "dataset_mix")
)
SNIPPETS = Path(__file__).parent / "snippets"


def test_every_value_stands_there_with_its_origin(tmp_path: Path) -> None:
    loaded = load_config(CONFIGS / "extract/qlora_8b.yaml")
    path = dump_resolved(loaded, tmp_path / "run")
    assert path == tmp_path / "run/resolved.yaml"
    assert [file.name for file in path.parent.iterdir()] == ["resolved.yaml"]
    lines = path.read_text(encoding="utf-8").splitlines()
    rate = next(line for line in lines if line.strip().startswith("learning_rate:"))
    assert rate.endswith("qlora_8b.yaml:15")
    rank = next(line for line in lines if line.strip().startswith("lora_rank:"))
    assert "lora_8b.yaml:" in rank
    assert "  lora_bias: none" in lines


@pytest.mark.parametrize(
    "path",
    [*SHIPPED, *sorted(SNIPPETS.glob("*.yaml"))],
    ids=lambda path: path.stem,
)
def test_the_resolved_text_reads_back_to_the_same_values(path: Path) -> None:
    loaded = load_config(path)
    again = load_text(resolved_text(loaded))
    assert again.config == loaded.config
    assert again.warnings == loaded.warnings
    assert again.notes == ()


def test_awkward_texts_survive() -> None:
    system = "two\nlines: with a colon\n# no comment  \ttab 'q' \"d\" 中文"
    loaded = load_text("custom: {extra: {x: 'no', y: [1, 'a: b', null], z: {k: '1e-5'}}}")
    assert load_text(resolved_text(loaded)).config == loaded.config
    changed = loaded.config.model_copy(
        update={"template": loaded.config.template.model_copy(update={"system": system})}
    )
    text = resolved_text(type(loaded)(changed, loaded.provenance, ()))
    assert load_text(text).config.template.system == system


def test_provenance_has_every_key_and_no_other() -> None:
    loaded = load_config(CONFIGS / "demo/extract.yaml")
    assert list(loaded.provenance) == [key for key, _ in resolved_values(loaded.config)]


def test_a_secret_is_not_written() -> None:
    loaded = load_text("training: {hub_token: sesame}")
    assert "sesame" not in resolved_text(loaded)
    assert dict(resolved_values(loaded.config))["training.hub_token"] == HIDDEN
    assert loaded.config.training.hub_token == "sesame"
