"""Which data set a record is of, from the YAML to the batch."""

from pathlib import Path

import numpy as np
import pytest
import torch

import sightwright.demo
from sightwright.chat import ChatTokenizer
from sightwright.config.fusion import load_fusion
from sightwright.config.load import load_text
from sightwright.data.collate import Collator, Layout, model_inputs
from sightwright.data.dataset import Sample
from sightwright.data.encode import Encoded, Place, answer_kinds
from sightwright.data.sources import Source, sources_of
from sightwright.tasks.token_kinds import TokenKind
from sightwright.vision import PixelPolicy, VisionSpec

MIXTURE = """
targets:
  - {name: bbu, train_jsonl: a.jsonl, template: target_dense_bbu}
  - {name: rru, train_jsonl: a.jsonl, template: target_dense_rru}
sources:
  - {name: lvis, ratio: 0.1, train_jsonl: a.jsonl, template: source_dense}
  - {name: coig_lang_chat, dataset: chat, ratio: 0.1, train_jsonl: a.jsonl, template: chatml}
"""


def typed(tmp_path: Path, metrics: str) -> list[str]:
    """The names of the data sets of a mixture whose tokens are told apart."""
    path = tmp_path / "mix.yaml"
    path.write_text(MIXTURE)
    config = load_text(f"custom: {{token_type_metrics: {metrics}}}").config
    found = sources_of(config, load_fusion(path))
    assert list(found) == ["bbu", "rru", "lvis", "coig_lang_chat"]
    assert [source.name for source in found.values()] == list(found)
    return [name for name, source in found.items() if source.is_typed]


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        ("{enabled: false}", []),
        # By default all targets, and lvis.
        ("{enabled: true}", ["bbu", "rru", "lvis"]),
        ("{enabled: true, include: [RRU]}", ["rru"]),
        ("{enabled: true, include: [source]}", ["lvis"]),
        ("{enabled: true, include: [source], exclude: []}", ["lvis", "coig_lang_chat"]),
        ("{enabled: true, include: [target, source], exclude: [bbu, source]}", ["rru"]),
    ],
)
def test_which_data_sets_are_typed(tmp_path: Path, metrics: str, names: list[str]) -> None:
    assert typed(tmp_path, metrics) == names


def test_one_file_has_a_name_when_it_is_given_one() -> None:
    plain = load_text("custom: {token_type_metrics: {enabled: true}}").config
    assert sources_of(plain) == {"": Source("", True)}
    named = load_text("custom: {dataset_name: bbu}").config
    assert sources_of(named) == {"bbu": Source("bbu", False)}


@pytest.mark.parametrize("layout", ["padding_free", "padded"])
def test_what_a_batch_says_of_its_answers(layout: Layout) -> None:
    def sample(name: str, supervised: list[int], kinds: tuple[TokenKind, ...] = ()) -> Sample:
        mask = [index in supervised for index in range(6)]
        encoded = Encoded(list(range(6)), mask, [], (), (), Place("x", 0))
        return Sample(encoded, (), source=Source(name), answer_kinds=kinds)

    collator = Collator(
        layout, 0, VisionSpec(PixelPolicy(1024, 65536)), sources=("bbu", "lvis", "chat")
    )
    kinds = (TokenKind.DESC, TokenKind.FORMAT)
    batch = collator([sample("lvis", [2, 5], kinds), sample("bbu", [3]), sample("lvis", [1, 2, 3])])
    assert batch["sources"] == ("bbu", "lvis", "chat")
    assert batch["answer_ids"].tolist() == [2, 5, 3, 1, 2, 3]
    assert batch["answer_sources"].tolist() == [1, 1, 0, 1, 1, 1]
    assert batch["answer_kinds"].tolist() == [1, 5, 0, 0, 0, 0]
    assert batch["answer_kinds"].dtype is torch.uint8
    assert batch["lengths"] == [6, 6, 6]
    assert batch["grids"] == [(), (), ()]
    assert not {"sources", "answer_sources", "answer_kinds", "lengths"} & set(model_inputs(batch))


def test_every_answer_is_read_for_itself() -> None:
    tokenizer = ChatTokenizer.from_folder(Path(sightwright.demo.__file__).parent / "tiny")
    first, second = tokenizer.encode('{"desc": "cat"}'), tokenizer.encode("no json")
    between = tokenizer.encode("and?")
    ids = [*between, *first, tokenizer.im_end, *between, *second, tokenizer.im_end]
    mask = [False] * len(between) + [True] * (len(first) + 1)
    mask += [False] * len(between) + [True] * (len(second) + 1)
    kinds = np.array(answer_kinds(Encoded(ids, mask, [], (), (), Place("x", 0)), tokenizer))
    assert len(kinds) == sum(mask)
    own, other = kinds[: len(first) + 1], kinds[len(first) + 1 :]
    assert set(own.tolist()) == {TokenKind.DESC, TokenKind.FORMAT}
    assert own[-1] == TokenKind.FORMAT
    assert not other.any()
