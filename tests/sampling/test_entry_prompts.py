"""Who asks for the answers of a mixture's entry: itself, its template, or the run."""

from pathlib import Path

import pytest

from sightwright.config.fusion import FusedSet, load_fusion
from sightwright.sampling.entry_prompts import Asking, entry_prompt, prompt_sources
from sightwright.tasks.prompts import Prompt, prompt_of

HEADER = "<DOMAIN={domain}>, <TASK={task}>"
ASKING = Asking(header_format=HEADER, norm="norm100", ordering="center", default=Prompt("S", "U"))

MIX = """
targets:
  - {name: bbu, train_jsonl: b, template: target_dense_bbu}
  - {name: own, dataset: rru, train_jsonl: r, template: target_dense_rru, user_prompt: Look.}
  - {name: irrelevant_summary, dataset: bbu, train_jsonl: i, template: summary_bbu}
sources:
  - {name: extra, dataset: bbu, train_jsonl: e, template: summary_bbu, ratio: 0.1}
  - {name: lvis, train_jsonl: l, template: source_dense, ratio: 0.1,
     system_prompt: '', user_prompt: Go}
  - {name: lang_chat, dataset: chat, train_jsonl: c, template: chatml, ratio: 0.1, user_prompt: Go}
"""


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, FusedSet]:
    path = tmp_path / "mix.yaml"
    path.write_text(MIX)
    return {each.name: each for each in load_fusion(path).sets}


def test_the_template_asks_where_the_entry_says_nothing(sets: dict[str, FusedSet]) -> None:
    # F21.
    found = entry_prompt(sets["bbu"], ASKING)
    assert found.source == "domain"
    assert found.prompt == prompt_of(
        "target_dense_bbu", header_format=HEADER, norm="norm100", ordering="center"
    )
    assert "<DOMAIN=BBU>, <TASK=DETECTION>" in (found.prompt.system or "")


def test_the_entry_asks_over_its_template(sets: dict[str, FusedSet]) -> None:
    # F21.
    own = entry_prompt(sets["own"], ASKING)
    template = prompt_of(
        "target_dense_rru", header_format=HEADER, norm="norm100", ordering="center"
    )
    assert own.source == "dataset"
    assert own.prompt == Prompt(template.system, "Look.")
    assert entry_prompt(sets["lvis"], ASKING).prompt == Prompt(None, "Go")


def test_a_conversation_asks_in_its_own_words(sets: dict[str, FusedSet]) -> None:
    found = entry_prompt(sets["lang_chat"], ASKING)
    assert (found.prompt, found.source) == (Prompt("S", "U"), "default")


def test_a_source_is_not_asked_for_a_header(sets: dict[str, FusedSet]) -> None:
    # F16: the section decides, also for equipment.
    found = entry_prompt(sets["extra"], ASKING).prompt
    assert found == prompt_of("summary_bbu", header_format=None, norm="norm100", ordering="center")
    assert "<DOMAIN=" not in (found.system or "")


def test_an_irrelevant_picture_is_asked_as_equipment_is(sets: dict[str, FusedSet]) -> None:
    # F20: the question has the header in it, whichever domain asks; the answer has none.
    irrelevant = sets["irrelevant_summary"]
    assert not irrelevant.writes_header
    for template, token in (("summary_bbu", "BBU"), ("summary_rru", "RRU")):
        system = entry_prompt(irrelevant, ASKING, template).prompt.system  # type: ignore[arg-type]
        assert f"<DOMAIN={token}>, <TASK=SUMMARY>" in (system or "")


def test_the_sources_of_the_prompts_are_told_without_a_run(sets: dict[str, FusedSet]) -> None:
    assert prompt_sources(list(sets.values())) == {
        "bbu": "domain",
        "own": "dataset",
        "irrelevant_summary": "domain",
        "extra": "domain",
        "lvis": "dataset",
        "lang_chat": "default",
    }
