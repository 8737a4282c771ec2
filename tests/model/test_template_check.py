"""A checkpoint that lays conversations out in another way is refused by name."""

import json
from pathlib import Path

import pytest

from sightwright.chat import ChatTokenizer
from sightwright.errors import ModelError
from sightwright.model.load import load_chat_tokenizer
from sightwright.model.template_check import require_our_template, template_of

# The parts that real templates have: namespaces, attribute access, unset flags, an opening turn.
LIKE_THE_REAL_ONE = """\
{%- if tools %}{{ raise_exception("no tools here") }}{% endif %}
{%- if messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' }}
    {%- for part in messages[0].content %}{{ part.text }}{% endfor %}
    {{- '<|im_end|>\\n' }}
{%- endif %}
{%- set images = namespace(count=0) %}
{%- for turn in messages %}
    {%- if turn.role == "system" %}{% continue %}{% endif %}
    {{- '<|im_start|>' + turn.role + '\\n' }}
    {%- for part in turn.content %}
        {%- if part.type == 'image' or 'image' in part %}
            {%- set images.count = images.count + 1 %}
            {%- if number_images %}Image {{ images.count }}: {% endif -%}
            <|vision_start|><|image_pad|><|vision_end|>
        {%- else %}
            {{- part.text }}
        {%- endif %}
    {%- endfor %}
    {{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
THINKING = LIKE_THE_REAL_ONE.replace("assistant\\n' }}", "assistant\\n<think>\\n' }}")
OF_BEFORE = """\
{% for turn in messages %}{% if loop.first and turn.role != 'system' %}<|im_start|>system
You are a helpful assistant.<|im_end|>
{% endif %}{% endfor %}"""


@pytest.fixture
def tokenizer(tiny_folder: Path) -> ChatTokenizer:
    return ChatTokenizer.from_folder(tiny_folder)


def put(folder: Path, template: str, name: str = "chat_template.jinja") -> Path:
    holds = template if name.endswith(".jinja") else json.dumps({"chat_template": template})
    (folder / name).write_text(holds, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "name", ["chat_template.jinja", "chat_template.json", "tokenizer_config.json"]
)
def test_a_template_that_writes_the_same_is_accepted(
    name: str, tmp_path: Path, tokenizer: ChatTokenizer
) -> None:
    require_our_template(put(tmp_path, LIKE_THE_REAL_ONE, name), tokenizer)


def test_the_packaged_model_and_one_without_a_template_are_accepted(
    tiny_folder: Path, tmp_path: Path, tokenizer: ChatTokenizer
) -> None:
    assert template_of(tiny_folder) is not None
    load_chat_tokenizer(tiny_folder)
    assert template_of(tmp_path) is None
    require_our_template(tmp_path, tokenizer)


@pytest.mark.parametrize("template", [THINKING, OF_BEFORE, "{{ messages[0].content[1].text }}"])
def test_another_layout_is_refused(template: str, tmp_path: Path, tokenizer: ChatTokenizer) -> None:
    with pytest.raises(ModelError) as caught:
        require_our_template(put(tmp_path, template), tokenizer)
    error = caught.value
    assert error.where == str(tmp_path)
    assert error.message.startswith("its chat template lays a conversation out in another way: '")
    assert "and this program writes '<|im_start|>user\\n<|vision_start|>" in error.message
    assert error.remedy is not None
    assert error.remedy.startswith("take an Instruct checkpoint of Qwen3-VL")


@pytest.mark.parametrize(
    "template",
    ["{% if %}", "{{ raise_exception('no') }}", "{{ 1 / 0 }}", "{{ ''.__class__.__mro__[1] }}"],
)
def test_a_template_that_cannot_be_run_is_refused(
    template: str, tmp_path: Path, tokenizer: ChatTokenizer
) -> None:
    with pytest.raises(ModelError, match="its chat template cannot be run"):
        require_our_template(put(tmp_path, template), tokenizer)


def test_a_folder_may_name_several_templates(tmp_path: Path) -> None:
    named = [{"name": "tool_use", "template": "x"}, {"name": "default", "template": "y"}]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": named}))
    assert template_of(tmp_path) == "y"
    (tmp_path / "tokenizer_config.json").write_text("{broken")
    assert template_of(tmp_path) is None


def test_a_refused_folder_is_not_loaded(tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes((tiny_folder / "tokenizer.json").read_bytes())
    with pytest.raises(ModelError, match="lays a conversation out in another way"):
        load_chat_tokenizer(put(tmp_path, THINKING))
