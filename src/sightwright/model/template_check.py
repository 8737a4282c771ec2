"""Does a checkpoint's own chat template lay a conversation out as this program does? No torch.

Training and service never run the template: `chat.render` writes the tokens. A checkpoint that was
taught another layout (a `<think>` after the assistant's header, a system turn of its own) would be
asked in a way that it does not know, so it is refused by name.
"""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any, NoReturn, cast

from sightwright.chat import ChatTokenizer, render
from sightwright.errors import ModelError
from sightwright.records import ImageRef, Message, Text

_ASKED = (
    Message("user", (ImageRef("page.png"), Text("What is the total?"))),
    Message("assistant", (Text('{"total":"12.50"}'),)),
    Message("user", (Text("And the date?"),)),
)
_SYSTEM = Message("system", (Text("You read documents."),))


def require_our_template(folder: Path, tokenizer: ChatTokenizer) -> None:
    """Compare the two on a conversation with and without a system turn; no template is fine.

    Raises:
        ModelError: a template that writes something else, or cannot be run.
    """
    template = template_of(folder)
    if template is None:
        return
    for messages in (_ASKED, (_SYSTEM, *_ASKED)):
        ours = _our_text(messages, tokenizer)
        theirs = _template_text(template, messages, folder)
        if ours != theirs:
            raise ModelError(
                f"its chat template lays a conversation out in another way: {theirs!r}, and this "
                f"program writes {ours!r}",
                where=str(folder),
                remedy="take an Instruct checkpoint of Qwen3-VL (a Thinking one is taught another "
                "layout), or put its chat_template.jinja there",
            )


def template_of(folder: Path) -> str | None:
    """The template of a model folder, from any of the files that may hold it."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    for name in ("chat_template.json", "tokenizer_config.json"):
        found = _json(folder / name).get("chat_template")
        if isinstance(found, str):
            return found
        if isinstance(found, list):
            named = {each.get("name"): each.get("template")
                     for each in cast("list[dict[str, Any]]", found)}  # fmt: skip
            return named.get("default")
    return None


def _our_text(messages: tuple[Message, ...], tokenizer: ChatTokenizer) -> str:
    num_images = sum(len(message.images) for message in messages)
    ids = render(messages, tokenizer, [1] * num_images, generation_prompt=True).ids
    names = tokenizer.control_names
    parts: list[str] = []
    for is_control, group in groupby(ids, key=lambda token: token in names):
        run = list(group)
        parts.append("".join(names[i] for i in run) if is_control else tokenizer.decode(run))
    return "".join(parts)


def _template_text(template: str, messages: tuple[Message, ...], folder: Path) -> str:
    # The template comes with the weights: it runs in a sandbox, as transformers runs it.
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _refuse
    try:
        return environment.from_string(template).render(
            messages=[_plain(message) for message in messages], add_generation_prompt=True
        )
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        raise ModelError(
            f"its chat template cannot be run: {error}",
            where=str(folder),
            remedy="put the chat_template.jinja of a Qwen3-VL Instruct checkpoint there",
        ) from None


def _plain(message: Message) -> dict[str, object]:
    content: list[dict[str, str]] = []
    for item in message.content:
        if isinstance(item, ImageRef):
            content.append({"type": "image", "image": "page.png"})
        else:
            content.append({"type": "text", "text": item.text})
    return {"role": message.role, "content": content}


def _tojson(value: object, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=options.get("indent"))


def _refuse(message: str) -> NoReturn:
    from jinja2 import TemplateError

    raise TemplateError(message)


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # Other readers of the folder name a file that is broken.
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
