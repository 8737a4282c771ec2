"""Which lines a mixture draws from."""

from pathlib import Path

import pytest

from sightwright.config.fusion import Fusion, load_fusion
from sightwright.sampling.pools import read_pools

MIX = """
targets:
  - {name: bbu, train_jsonl: bbu.jsonl, template: target_dense_bbu}
sources:
  - {name: bbu_summary, dataset: bbu, train_jsonl: ./bbu.jsonl, template: summary_bbu, ratio: 1}
  - {name: more, dataset: bbu, train_jsonl: ../%s/bbu.jsonl, template: summary_bbu, ratio: 1}
  - {name: none, dataset: bbu, train_jsonl: nowhere.jsonl, template: summary_bbu, ratio: 0}
"""


@pytest.fixture
def fusion(tmp_path: Path) -> Fusion:
    (tmp_path / "bbu.jsonl").write_text("{}\n\n" * 9)
    (tmp_path / "mix.yaml").write_text(MIX % tmp_path.name)
    return load_fusion(tmp_path / "mix.yaml")


def test_a_file_of_several_sets_is_read_once(fusion: Fusion) -> None:
    pools = read_pools(fusion)
    assert pools["bbu"] is pools["bbu_summary"] is pools["more"]
    assert [line.number for line in pools["bbu"]] == list(range(1, 18, 2))
