"""Set UPDATE_GOLDEN=1 to write the golden files anew after a wanted change of a text."""

import os
import re
from pathlib import Path

import pytest

from sightwright.errors import ConfigError
from sightwright.metrics.header import DEFAULT_FORMAT, header_line
from sightwright.tasks.domains import DOMAINS, VALUES
from sightwright.tasks.prompts import (
    TEMPLATES,
    VERDICT_PROMPT,
    Prompt,
    Template,
    domain_of,
    prompt_of,
)

GOLDEN = Path(__file__).parent / "golden"
TARGETS = [name for name in TEMPLATES if name not in ("source_dense", "chatml")]


def golden_text(prompt: Prompt) -> str:
    return f"# system\n{prompt.system}\n\n# user\n{prompt.user}\n"


def check(name: str, prompt: Prompt) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(golden_text(prompt), encoding="utf-8")
    assert golden_text(prompt) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("template", [name for name in TEMPLATES if name != "chatml"])
def test_prompts_as_shown(template: Template) -> None:
    check(template, prompt_of(template))


@pytest.mark.parametrize("template", TARGETS)
def test_prompts_with_a_header_line(template: Template) -> None:
    check(f"{template}.header", prompt_of(template, header_format=DEFAULT_FORMAT))


def test_the_verdicts_prompt() -> None:
    check("verdict", VERDICT_PROMPT)


def test_a_dialogue_is_asked_nothing() -> None:
    assert prompt_of("chatml", header_format=DEFAULT_FORMAT) == Prompt(None, "")


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("header_format", [None, DEFAULT_FORMAT])
def test_no_placeholder_is_ever_shown(template: Template, header_format: str | None) -> None:
    prompt = prompt_of(template, header_format=header_format)
    shown = f"{prompt.system}\n{prompt.user}"
    # X19: the model was once shown "{domain}". Braces here are those of JSON alone.
    assert not re.search(r"\{\s*[A-Za-z_]*\s*\}|\$[A-Za-z{]|%s", shown)
    assert re.findall(r'\{[^"]', shown) == []


@pytest.mark.parametrize("name", ["none", None, "", "dense", "Summary", "summary_lvis", 3])
def test_an_unknown_name_is_refused_with_those_there_are(name: object) -> None:
    with pytest.raises(ConfigError) as caught:
        prompt_of(name)  # pyright: ignore[reportArgumentType]
    assert all(template in str(caught.value) for template in TEMPLATES)


def test_the_header_is_filled_with_the_domain_and_the_task() -> None:
    dense = prompt_of("target_dense_rru", header_format=DEFAULT_FORMAT)
    assert dense.system is not None
    assert "第一行固定为 <DOMAIN=RRU>, <TASK=DETECTION>；" in dense.system
    assert "BBU" not in dense.system
    either = prompt_of("summary", header_format="[{domain}] {task}").system
    assert either is not None and "[BBU] SUMMARY 或 [RRU] SUMMARY" in either
    assert header_line("{domain}/{task} {}", "BBU", "SUMMARY") == "BBU/SUMMARY {}"


def test_without_a_header_one_line_is_asked_for() -> None:
    for template in TARGETS:
        prompt = prompt_of(template)
        assert "两行" not in f"{prompt.system}{prompt.user}"
        assert "DOMAIN=" not in f"{prompt.system}{prompt.user}"


@pytest.mark.parametrize("template", ["target_dense_bbu", "source_dense"])
def test_the_grid_and_the_order_are_the_runs(template: Template) -> None:
    of_100 = prompt_of(template, norm="norm100")
    assert "100" in (of_100.system or "") and "1000" not in f"{of_100.system}{of_100.user}"
    of_pixels = prompt_of(template, norm="none")
    assert "1000" not in f"{of_pixels.system}{of_pixels.user}"
    by_centre = prompt_of(template, ordering="center").system
    assert by_centre is not None and ("中心点" in by_centre or "centre" in by_centre)


def test_the_vocabulary_of_a_domain_is_told_whole() -> None:
    for name, domain in DOMAINS.items():
        for template in (f"target_dense_{name}", f"summary_{name}"):
            system = prompt_of(template).system or ""
            for category in domain.categories:
                assert f"- {category.name}：" in system
                for key in category.attributes:
                    told = f"{key}（{'|'.join(VALUES[key])}）" if key in VALUES else key
                    assert told in system
    both = prompt_of("target_dense").system or ""
    assert "BBU 的类别" in both and "RRU 的类别" in both


def test_the_domain_of_a_template() -> None:
    found = {name: domain_of(name) for name in TEMPLATES}
    assert {name: domain.token for name, domain in found.items() if domain is not None} == {
        "target_dense_bbu": "BBU",
        "target_dense_rru": "RRU",
        "summary_bbu": "BBU",
        "summary_rru": "RRU",
    }
