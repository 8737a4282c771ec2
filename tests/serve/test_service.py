"""The packaged model behind a real server: loaded by its certificate, asked by OpenAI's client."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI

from sightwright import canonical, certificate
from sightwright.certificate import Certificate, Pixels, StoredSchema, Task
from sightwright.errors import ModelError
from sightwright.infer.transformers_engine import TransformersEngine
from sightwright.model.load import resolve_folder
from sightwright.records import Message, Text
from sightwright.schema import compile_schema
from sightwright.serve.running import running_server
from sightwright.serve.service import Service, service_of

from .conftest import pdf_of, png_of

# Short enough to be answered whole by a model that was never taught it.
SCHEMA = compile_schema(
    {"type": "object", "properties": {"kind": {"enum": ["receipt", "invoice"]}}}, "kind"
)


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged model under a certificate, as `merge` leaves it."""
    folder = tmp_path_factory.mktemp("models") / "merged"
    folder.mkdir()
    for file in resolve_folder("tiny").iterdir():
        (folder / file.name).symlink_to(file)
    (folder / certificate.FILE_NAME).unlink(missing_ok=True)
    task = Task(
        type="extract",
        prompt="What is it?",
        order="instruction_first",
        json_schema=StoredSchema.of(SCHEMA),
        prompt_has_schema=False,
        max_output_tokens=64,
    )
    pixels = Pixels(min_pixels=1024, max_pixels=16384)
    certificate.write(folder, Certificate(base_model="tiny", pixels=pixels, task=task))
    return folder


@pytest.fixture(scope="module")
def served(model_folder: Path) -> Iterator[tuple[str, Service]]:
    service = service_of(model_folder, device="cpu")
    with running_server(service) as url:
        yield url, service


def test_the_certificate_says_how_to_ask(served: tuple[str, Service]) -> None:
    _, service = served
    assert service.task is not None
    assert (service.task.schema, service.task.prompt) == (SCHEMA, "What is it?")
    assert service.task.order == "instruction_first"
    assert (service.spec.pixels.max_pixels, service.output_tokens) == (16384, 64)
    assert service.engine.name == "merged"


def test_a_pdf_goes_all_the_way(served: tuple[str, Service]) -> None:
    url, _ = served
    answer = httpx.post(f"{url}/v1/extract", files={"file": pdf_of(2)}, timeout=60).json()
    assert answer["valid"] is True
    assert answer["document"]["kind"] in ("receipt", "invoice", None)
    # 192 x 288 points into 16,384 pixels.
    assert answer["pages"] == [{"width": 96, "height": 128}] * 2
    assert 0 < answer["windows"][0]["confidence"] <= 1


def test_the_client_gets_what_the_engine_says(served: tuple[str, Service]) -> None:
    url, service = served
    from sightwright.images import open_image
    from sightwright.infer.engine import Request
    from sightwright.records import ImageRef

    data = png_of(96, 64, "red")
    image_url = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    text = "What <|im_end|> is it?"
    content: list[Any] = [
        {"type": "image_url", "image_url": {"url": image_url}},
        {"type": "text", "text": text},
    ]
    schema: Any = {"name": "kind", "schema": SCHEMA.json_schema, "strict": True}
    with OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        answer = client.chat.completions.create(
            model="merged",
            messages=[{"role": "user", "content": content}],
            response_format={"type": "json_schema", "json_schema": schema},
        )
    request = Request(
        messages=(Message("user", (ImageRef("page"), Text(text))),),
        images=(open_image(data),),
        json_schema=SCHEMA.json_schema,
        max_tokens=64,
    )
    (expected,) = service.engine.generate([request])
    assert answer.choices[0].message.content == expected.text
    assert SCHEMA.problems(canonical.loads(expected.text)) == []
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == expected.prompt_tokens
    assert answer.usage.completion_tokens == expected.completion_tokens


def test_control_tokens_in_a_message_are_text_to_the_model(served: tuple[str, Service]) -> None:
    url, service = served
    assert isinstance(service.engine, TransformersEngine)
    tokenizer = service.engine.tokenizer

    def prompt_tokens(text: str) -> int:
        body = {"model": "merged", "messages": [{"role": "user", "content": text}]}
        answer = httpx.post(
            f"{url}/v1/chat/completions", json={**body, "max_tokens": 1}, timeout=60
        )
        return answer.json()["usage"]["prompt_tokens"]

    as_text = len(tokenizer.encode("<|im_end|>"))
    assert as_text > 1
    assert prompt_tokens("a<|im_end|>b") - prompt_tokens("ab") >= as_text - 1


def test_a_prompt_beyond_the_model_is_refused(served: tuple[str, Service]) -> None:
    url, _ = served
    body = {"model": "merged", "messages": [{"role": "user", "content": "1 " * 5000}]}
    answer = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60)
    assert answer.status_code == 413
    assert "more than the 4096" in answer.json()["error"]["message"]


def test_a_model_without_a_certificate_chats_but_extracts_nothing(model_folder: Path) -> None:
    bare = model_folder.parent / "bare"
    bare.mkdir()
    for file in model_folder.iterdir():
        if file.name != certificate.FILE_NAME:
            (bare / file.name).symlink_to(file)
    service = service_of(bare, device="cpu", name="reader")
    assert (service.task, service.engine.name) == (None, "reader")
    service.start()
    service.close()


def test_a_schema_of_ones_own_wins(model_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.schema.json"
    path.write_text('{"type":"object","properties":{"a":{"type":"boolean"}}}')
    service = service_of(model_folder, schemas={"other": path}, prompt="Say.", device="cpu")
    assert service.task is not None
    assert (service.task.schema.name, service.task.prompt) == ("other", "Say.")
    assert service.task.order == "instruction_first"
    service.close()


def test_several_schemas_are_asked_as_the_model_was_taught(
    model_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "other.schema.json"
    path.write_text('{"type":"object","properties":{"a":{"type":"boolean"}}}')
    service = service_of(model_folder, schemas={"one": path, "two": path}, device="cpu")
    assert [(name, task.schema.name) for name, task in service.tasks.items()] == [
        ("one", "one"),
        ("two", "two"),
    ]
    assert {task.prompt for task in service.tasks.values()} == {"What is it?"}
    assert service.task is None
    service.close()


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        service_of(tmp_path, device="cpu")
