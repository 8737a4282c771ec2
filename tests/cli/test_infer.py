"""`sightwright infer`: a document or a text on stdout, its story on stderr."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from sightwright import certificate
from sightwright.certificate import Certificate, Pixels, StoredSchema, Task
from sightwright.cli.main import main
from sightwright.infer.engine import Request
from sightwright.infer.fake import FakeEngine
from sightwright.infer.transformers_engine import TransformersEngine
from sightwright.model.load import resolve_folder
from sightwright.records import ImageRef, Text
from sightwright.schema import compile_schema
from sightwright.serve.keys import Access
from sightwright.serve.running import running_server
from sightwright.serve.service import Service
from sightwright.vision import PixelPolicy, VisionSpec

SCHEMA = {"type": "object", "properties": {"kind": {"enum": ["receipt", "invoice"]}}}
LOCAL = ["infer", "--model", "tiny", "--device", "cpu"]


@pytest.fixture
def schema(tmp_path: Path) -> str:
    path = tmp_path / "kind.schema.json"
    path.write_text(json.dumps({**SCHEMA, "required": ["kind"]}))
    return str(path)


@pytest.fixture
def image(tmp_path: Path) -> str:
    path = tmp_path / "page.png"
    Image.new("RGB", (100, 60), "white").save(path)
    return str(path)


@pytest.fixture
def pdf(tmp_path: Path) -> str:
    canvas = Canvas(str(tmp_path / "a.pdf"), pagesize=(192, 288))
    for number in range(3):
        canvas.drawString(20, 100, f"page {number}")
        canvas.showPage()
    canvas.save()
    return str(tmp_path / "a.pdf")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


def test_a_picture_becomes_a_document(
    capsys: pytest.CaptureFixture[str], image: str, schema: str
) -> None:
    code, out, err = run(capsys, *LOCAL, "--image", image, "--schema", schema)
    assert code == 0, err
    assert json.loads(out)["kind"] in ("receipt", "invoice")
    assert out.count("\n") == 1
    assert "schema 'kind', 1 page in 1 window" in err


def test_a_pdf_is_read_in_windows(
    capsys: pytest.CaptureFixture[str], pdf: str, schema: str
) -> None:
    arguments = ["--pdf", pdf, "--schema", schema, "--window-pages", "2", "--json"]
    code, out, err = run(capsys, *LOCAL, *arguments)
    found = json.loads(out)
    assert (code, found["valid"], found["model"], found["schema"]) == (0, True, "tiny", "kind")
    spans = [(window["first_page"], window["last_page"]) for window in found["windows"]]
    assert spans == [(1, 2), (3, 3)]
    assert all(0 < window["confidence"] <= 1 for window in found["windows"])
    assert "3 pages in 2 windows" in err


def test_a_cut_answer_is_no_document_and_ends_with_two(
    capsys: pytest.CaptureFixture[str], image: str, schema: str
) -> None:
    arguments = [*LOCAL, "--image", image, "--schema", schema, "--max-tokens", "2"]
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert "no valid document: page 1: cut after 2 tokens" in err
    code, out, _ = run(capsys, *arguments, "--json")
    found = json.loads(out)
    assert (code, found["valid"], found["finish_reason"]) == (2, False, "length")
    assert '{"kind":"'.startswith(found["windows"][0]["text"])


def test_without_a_schema_the_answer_is_text(
    capsys: pytest.CaptureFixture[str], image: str
) -> None:
    arguments = [*LOCAL, "--image", image, "--prompt", "What is it?", "--max-tokens", "64"]
    code, out, err = run(capsys, *arguments, "--json")
    found = json.loads(out)
    assert set(found) == {
        "text", "finish_reason", "model", "prompt_tokens", "completion_tokens",
    }  # fmt: skip
    assert code == (2 if found["finish_reason"] == "length" else 0)
    assert "free text" in err


def test_a_text_is_printed_as_it_is_written(
    capsys: pytest.CaptureFixture[str], server: tuple[str, FakeEngine], image: str, schema: str
) -> None:
    asked = ["infer", "--url", server[0], "--api-key", "sesame", "--image", image]
    code, out, _ = run(capsys, *asked, "--prompt", "Hm?", "--stream")
    assert (code, out) == (0, "a text\n")
    code, out, err = run(capsys, *asked, "--schema", schema, "--stream")
    assert (code, out) == (2, "") and "printed when it is whole" in err


def test_what_cannot_be_streamed_is_refused_before_a_model_is_loaded(
    capsys: pytest.CaptureFixture[str],
    image: str,
    schema: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(TransformersEngine, "from_folder")
    code, out, err = run(capsys, *LOCAL, "--image", image, "--schema", schema, "--stream")
    assert (code, out) == (2, "") and "printed when it is whole" in err


def test_another_backend_is_a_server(capsys: pytest.CaptureFixture[str], image: str) -> None:
    code, _, err = run(capsys, *LOCAL, "--image", image, "--infer_backend", "vllm")
    assert code == 2 and "--infer_backend vllm" in err and "--url" in err


def test_temperature_seed_and_system_reach_the_engine(
    capsys: pytest.CaptureFixture[str], server: tuple[str, FakeEngine], image: str, schema: str
) -> None:
    asked = ["infer", "--url", server[0], "--api-key", "sesame", "--image", image]
    drawn = ["--temperature", "0.7", "--seed", "5", "--max_new_tokens", "9"]
    assert run(capsys, *asked, *drawn, "--prompt", "Hm?", "--system", "Be brief.")[0] == 0
    assert run(capsys, *asked, *drawn, "--schema", schema)[0] == 0
    text, document = server[1].requests
    for request in (text, document):
        assert (request.temperature, request.seed, request.max_tokens) == (0.7, 5, 9)
    assert (text.messages[0].role, text.messages[0].text) == ("system", "Be brief.")
    code, _, err = run(capsys, *asked, "--schema", schema, "--system", "Be brief.")
    assert code == 2 and "by its instruction alone" in err


def test_a_draw_is_repeated_by_its_seed(capsys: pytest.CaptureFixture[str], image: str) -> None:
    asked = [*LOCAL, "--image", image, "--prompt", "What is it?", "--max-tokens", "12", "--json"]
    texts = [
        json.loads(run(capsys, *asked, "--temperature", "3", "--seed", seed)[1])["text"]
        for seed in ("1", "1", "2")
    ]
    assert texts[0] == texts[1] != texts[2]


def test_a_model_is_asked_as_it_was_taught(
    capsys: pytest.CaptureFixture[str], image: str, tmp_path: Path
) -> None:
    folder = tmp_path / "merged"
    folder.mkdir()
    for file in resolve_folder("tiny").iterdir():
        if file.name != certificate.FILE_NAME:
            (folder / file.name).symlink_to(file)
    task = Task(
        type="extract",
        prompt="What is it?",
        order="image_first",
        json_schema=StoredSchema.of(compile_schema({**SCHEMA, "required": ["kind"]}, "taught")),
        prompt_has_schema=False,
        max_output_tokens=33,
    )
    pixels = Pixels(min_pixels=1024, max_pixels=2048)
    certificate.write(folder, Certificate(base_model="tiny", pixels=pixels, task=task))
    arguments = ["infer", "--model", str(folder), "--device", "cpu", "--image", image, "--json"]
    code, out, err = run(capsys, *arguments)
    assert code == 0, err
    found = json.loads(out)
    assert found["schema"] == "taught"
    # 100 x 60 in 2,048 pixels is one token of 32 x 32, in the budget of the checkpoint itself six.
    few = found["windows"][0]["prompt_tokens"]
    many = json.loads(run(capsys, *arguments, "--max-pixels", "65536")[1])
    assert many["windows"][0]["prompt_tokens"] - few == 6 - 1


def test_an_adapter_answers_on_the_base_that_it_names(
    capsys: pytest.CaptureFixture[str], image: str, schema: str, tmp_path: Path
) -> None:
    from sightwright.config.sections.tuner import Tuner
    from sightwright.model.adapters import prepare_model
    from sightwright.model.load import load_model

    base = load_model(resolve_folder("tiny"), "float32", device="cpu")
    prepare_model(base, Tuner(lora_rank=1)).save_pretrained(str(tmp_path / "adapter"))
    asked = ["--image", image, "--schema", schema, "--device", "cpu"]
    arguments = ["infer", "--adapters", str(tmp_path / "adapter"), *asked]
    code, out, err = run(capsys, *arguments)
    assert code == 0, err
    # A fresh adapter adds nothing.
    assert out == run(capsys, *LOCAL, *asked)[1]


@pytest.fixture
def server() -> Iterator[tuple[str, FakeEngine]]:
    def answers(request: Request) -> str:
        return '{"kind":"receipt"}' if request.json_schema else "a text"

    engine = FakeEngine(answers, name="reader")
    service = Service(engine, VisionSpec(PixelPolicy(1024, 65536)), access=Access(("sesame",)))
    with running_server(service) as url:
        engine.requests.clear()
        yield f"{url}/v1", engine


def test_a_server_can_be_asked(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    server: tuple[str, FakeEngine],
    image: str,
    pdf: str,
    schema: str,
) -> None:
    url, engine = server
    monkeypatch.setenv("SIGHTWRIGHT_API_KEY", "sesame")
    shown = ["--image", image, "--image", image]
    code, out, err = run(capsys, "infer", "--url", url, *shown, "--schema", schema)
    assert (code, json.loads(out)) == (0, {"kind": "receipt"}), err
    assert "reader: schema 'kind', 2 pages" in err
    (request,) = engine.requests
    assert [image.size for image in request.images] == [(100, 60)] * 2
    assert request.messages[0].content[:2] == (ImageRef("page"), ImageRef("page"))
    arguments = ["--pdf", pdf, "--prompt", "Hm?", "--max-pixels", "4096", "--model", "reader"]
    code, out, _ = run(capsys, "infer", "--url", url, *arguments)
    assert (code, out) == (0, "a text\n")
    assert engine.requests[1].messages[0].content[-1] == Text("Hm?")
    # 192 x 288 points at the size of at most 4,096 pixels.
    assert {image.size for image in engine.requests[1].images} == {(32, 64)}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--model", "tiny", "--prompt", "x"], "either images or one PDF"),
        (["--model", "tiny", "--image", "{image}", "--pdf", "x.pdf"], "either images or one PDF"),
        (["--image", "{image}"], "nobody to ask"),
        (["--model", "tiny", "--image", "{image}"], "nothing to ask"),
        (["--model", "tiny", "--image", "gone.png", "--prompt", "x"], "no such image file"),
        (["--model", "tiny", "--pdf", "gone.pdf", "--prompt", "x"], "cannot be read"),
        (["--model", "tiny", "--pdf", "{image}", "--prompt", "x"], "refused (broken)"),
        (["--model", "tiny", "--image", "{image}", "--schema", "gone.json"], "no such schema"),
        (["--model", "tiny", "--image", "{image}", "--certificate", "x"], "is for --url"),
        (["--url", "{url}", "--image", "{image}", "--adapters", "x"], "leave --adapters out"),
        (["--url", "{url}", "--image", "{image}", "--prompt", "x"], "API key"),
        (["--url", "http://127.0.0.1:9/v1", "--model", "m", "--image", "{image}", "--prompt", "x"],
         "cannot be reached"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(
    capsys: pytest.CaptureFixture[str],
    server: tuple[str, FakeEngine],
    image: str,
    arguments: list[str],
    reason: str,
) -> None:
    filled: dict[str, Any] = {"image": image, "url": server[0]}
    code, out, err = run(capsys, "infer", *(text.format(**filled) for text in arguments))
    assert (code, out) == (2, "")
    assert reason in err and "Traceback" not in err
