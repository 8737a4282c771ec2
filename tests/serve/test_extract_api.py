"""`POST /v1/extract`: PDFs and images in, a document and its story out."""

import base64
import json
from typing import Any

import httpx
import pytest

from sightwright.infer.engine import Request
from sightwright.infer.fake import FakeEngine
from sightwright.records import ImageRef, Text

from .conftest import ANSWER, TASK, Serving, pdf_of, png_of

Server = tuple[httpx.Client, FakeEngine]


def _url(data: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _error(answer: httpx.Response) -> dict[str, Any]:
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "code", "param"}
    return error


def test_a_pdf_becomes_a_document(server: Server) -> None:
    client, engine = server
    answer = client.post("/v1/extract", files={"file": ("a.pdf", pdf_of(2))})
    assert answer.status_code == 200
    content = answer.json()
    assert content["document"] == {"number": "A-1", "total": 34.7, "rows": ["tea"]}
    assert (content["valid"], content["finish_reason"], content["model"]) == (
        True,
        "stop",
        "reader",
    )
    # 192 x 288 points at 200 dpi, into 65,536 pixels: 6 x 9 tokens of 32 pixels.
    assert content["pages"] == [{"width": 192, "height": 288}] * 2
    assert [image.size for image in engine.requests[0].images] == [(192, 288)] * 2


def test_the_engine_is_asked_what_training_asked(server: Server) -> None:
    client, engine = server
    client.post("/v1/extract", files={"file": pdf_of(2)})
    (request,) = engine.requests
    assert request.messages == TASK.messages(["page 1", "page 2"])
    assert isinstance(request.messages[0].content[0], ImageRef)
    assert request.messages[0].content[-1] == Text("Read the receipt.")
    assert request.json_schema == TASK.schema.json_schema
    assert (request.max_tokens, request.temperature) == (256, 0.0)


def test_numbers_stay_as_the_model_wrote_them(server: Server) -> None:
    answer = server[0].post("/v1/extract", files={"file": pdf_of(1)})
    assert '"total":34.70' in answer.text


def test_the_time_is_accounted_for(server: Server) -> None:
    timings = server[0].post("/v1/extract", files={"file": pdf_of(1)}).json()["timings"]
    assert set(timings) == {"receive_ms", "render_ms", "queue_ms", "generate_ms", "total_ms"}
    assert all(value >= 0 for value in timings.values())
    assert timings["total_ms"] >= timings["render_ms"] > 0


def test_images_are_pages_in_the_order_sent(server: Server) -> None:
    client, engine = server
    files = [("file", png_of(64, 96, "red")), ("file", png_of(96, 64, "blue"))]
    content = client.post("/v1/extract", files=files).json()
    assert content["pages"] == [{"width": 64, "height": 96}, {"width": 96, "height": 64}]
    assert [image.getpixel((0, 0)) for image in engine.requests[0].images] == [
        (255, 0, 0),
        (0, 0, 255),
    ]


def test_a_large_image_is_told_at_the_size_it_is_seen(server: Server) -> None:
    content = server[0].post("/v1/extract", files={"file": png_of(1000, 1000)}).json()
    assert content["pages"] == [{"width": 256, "height": 256}]


@pytest.mark.parametrize("as_list", [True, False])
def test_data_urls_in_json(server: Server, as_list: bool) -> None:
    url = _url(png_of(), "image/png")
    answer = server[0].post("/v1/extract", json={"file": [url] if as_list else url})
    assert answer.json()["pages"] == [{"width": 64, "height": 96}]


def test_a_pdf_as_a_data_url(server: Server) -> None:
    url = _url(pdf_of(3), "application/pdf")
    answer = server[0].post("/v1/extract", json={"file": url, "max_tokens": 99})
    assert len(answer.json()["pages"]) == 3
    assert server[1].requests[0].max_tokens == 99


def test_a_cut_answer_is_no_document(server: Server) -> None:
    content = (
        server[0].post("/v1/extract", files={"file": png_of()}, data={"max_tokens": "2"}).json()
    )
    assert (content["document"], content["valid"]) == (None, False)
    assert content["finish_reason"] == "length"
    assert content["windows"][0]["problem"] == "cut after 2 tokens"


def test_an_answer_against_the_schema_is_no_document(serving: Serving) -> None:
    with serving(lambda request: '{"number":1}') as (client, _):
        content = client.post("/v1/extract", files={"file": png_of()}).json()
    assert (content["document"], content["valid"], content["finish_reason"]) == (
        None,
        False,
        "stop",
    )
    assert "number" in content["windows"][0]["problem"]


def _one_row_each(request: Request) -> str:
    rows = [f"{image.width}x{image.height}" for image in request.images]
    number = "null" if len(request.images) == 2 else '"last"'
    return f'{{"number":{number},"total":null,"rows":{json.dumps(rows)}}}'


def test_a_long_document_is_read_in_windows_and_put_together(serving: Serving) -> None:
    with serving(_one_row_each, window_pages=2) as (client, engine):
        content = client.post("/v1/extract", files={"file": pdf_of(5)}).json()
    assert [len(request.images) for request in engine.requests] == [2, 2, 1]
    spans = [(window["first_page"], window["last_page"]) for window in content["windows"]]
    assert spans == [(1, 2), (3, 4), (5, 5)]
    # Arrays follow one another; a scalar is taken from the window that has one.
    assert content["document"] == {"number": "last", "total": None, "rows": ["192x288"] * 5}


def test_one_bad_window_spoils_the_document(serving: Serving) -> None:
    def answers(request: Request) -> str:
        return ANSWER if len(request.images) == 2 else "{}"

    with serving(answers, window_pages=2) as (client, _):
        content = client.post("/v1/extract", files={"file": pdf_of(3)}).json()
    assert [window["valid"] for window in content["windows"]] == [True, False]
    assert content["document"] is None


@pytest.mark.parametrize(
    ("content", "status", "reason"),
    [
        (b"%PDF-1.7 and nothing more", 422, "broken"),
        (b"plain text", 415, "neither a PDF nor an image"),
        (b"", 415, "neither a PDF nor an image"),
        (png_of()[:60], 422, "broken image"),
        (png_of(64, 64 * 300), 422, "over 200 times"),
    ],
)
def test_unreadable_files_are_refused_with_a_reason(
    server: Server, content: bytes, status: int, reason: str
) -> None:
    answer = server[0].post("/v1/extract", files={"file": ("x", content)})
    assert answer.status_code == status
    assert reason in _error(answer)["message"]
    assert server[1].requests == []


def test_an_encrypted_pdf_is_refused(server: Server) -> None:
    import io

    from reportlab.pdfgen.canvas import Canvas

    buffer = io.BytesIO()
    canvas = Canvas(buffer, encrypt="secret")
    canvas.drawString(10, 10, "x")
    canvas.save()
    answer = server[0].post("/v1/extract", files={"file": buffer.getvalue()})
    assert answer.status_code == 422
    assert "password" in _error(answer)["message"]


def test_an_image_of_several_frames_is_refused(server: Server) -> None:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    page = Image.new("RGB", (64, 64))
    page.save(buffer, "TIFF", save_all=True, append_images=[page])
    answer = server[0].post("/v1/extract", files={"file": buffer.getvalue()})
    assert answer.status_code == 422
    assert "several frames" in _error(answer)["message"]


def test_a_preview_in_a_photograph_is_no_page(server: Server) -> None:
    import io

    from PIL import Image

    buffer = io.BytesIO()
    small = Image.new("RGB", (32, 32))
    Image.new("RGB", (64, 96)).save(buffer, "MPO", save_all=True, append_images=[small])
    answer = server[0].post("/v1/extract", files={"file": buffer.getvalue()})
    assert answer.status_code == 200
    assert answer.json()["pages"] == [{"width": 64, "height": 96}]


def test_a_tiff_whose_next_page_is_damaged_is_refused(server: Server) -> None:
    import io
    import struct

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("L", (64, 96)).save(buffer, "TIFF")
    data = bytearray(buffer.getvalue())
    (first,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, first)
    # The next page is said to begin behind the end of the file.
    struct.pack_into("<I", data, first + 2 + 12 * entries, len(data) + 7)
    answer = server[0].post("/v1/extract", files={"file": bytes(data)})
    assert answer.status_code == 422, answer.text


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({}, 400, "data URL"),
        ({"file": []}, 400, "no 'file'"),
        ({"file": 3}, 400, "data URL"),
        ({"file": "https://example.org/a.png"}, 400, r"http(s) addresses are not fetched"),
        ({"file": "/etc/passwd"}, 400, "not a base64 data URL"),
        ({"file": "data:image/png;base64,####"}, 400, "broken base64"),
        ({"file": "data:image/png;base64,éé"}, 400, "broken base64"),
        ({"file": "data:,", "page": 3}, 400, "'page'"),
        ({"file": _url(png_of(), "image/png"), "max_tokens": 0}, 400, "max_tokens"),
        ({"file": _url(png_of(), "image/png"), "max_tokens": 5000}, 400, "max_tokens"),
        ({"file": [_url(pdf_of(1), "application/pdf")] * 2}, 400, "a PDF comes alone"),
        ([1], 400, "not a JSON object"),
    ],
)
def test_bad_json_bodies_are_refused(
    server: Server, body: object, status: int, reason: str
) -> None:
    answer = server[0].post("/v1/extract", json=body)
    assert answer.status_code == status
    assert reason in _error(answer)["message"]


@pytest.mark.parametrize(
    ("request_parts", "status", "reason"),
    [
        ({"content": b"x", "headers": {"content-type": "text/plain"}}, 415, "text/plain"),
        ({"content": b"x"}, 415, "application/json"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "not JSON"),
        ({"files": {"page": b"x"}}, 400, "'page'"),
        ({"files": {"file": png_of()}, "data": {"max_tokens": "many"}}, 400, "max_tokens"),
        ({"data": {"file": "text"}, "files": {"other": b""}}, 400, "'other'"),
        ({"files": {"file": png_of()}, "data": {"max_tokens": "9" * 5000}}, 400, "max_tokens"),
        (
            {"files": [("file", png_of()), *[("schema", (None, b"receipt"))] * 2]},
            400,
            "more than once: schema",
        ),
        (
            {"content": b"x", "headers": {"content-type": "multipart/form-data"}},
            400,
            "boundary",
        ),
    ],
)
def test_other_bad_bodies_are_refused(
    server: Server, request_parts: dict[str, Any], status: int, reason: str
) -> None:
    answer = server[0].post("/v1/extract", **request_parts)
    assert answer.status_code == status
    assert reason in _error(answer)["message"]


def test_a_model_without_a_task_extracts_nothing(serving: Serving) -> None:
    with serving(task=None) as (client, _):
        answer = client.post("/v1/extract", files={"file": png_of()})
        assert client.get("/health").json()["extracts"] == []
    assert answer.status_code == 404
    assert "--schema" in _error(answer)["message"]
