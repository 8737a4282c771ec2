import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sightwright import jsonl
from sightwright.errors import DataError
from sightwright.images import encode_data_url
from sightwright.ingest.verify_images import ImageReport, verify_images, write_missing


def record(record_id: str, *images: str) -> dict[str, Any]:
    content = [*({"type": "image", "image": i} for i in images), {"type": "text", "text": "Read."}]
    return {"id": record_id, "messages": [{"role": "user", "content": content}]}


def verify(path: Path, *records: object, fetch: bool = False) -> ImageReport:
    Image.new("RGB", (4, 4)).save(path.parent / "a.png")
    (path.parent / "empty.png").touch()
    (path.parent / "text.png").write_text("no image")
    jsonl.write_all(path, records)
    *_, report = verify_images(path, fetch=fetch)
    return report


def test_every_kind_of_missing_image(tmp_path: Path) -> None:
    url = encode_data_url(Image.new("RGB", (4, 4)))
    report = verify(
        tmp_path / "x.jsonl",
        record("a", "a.png", ".\\a.png", url),
        record("b", "gone.png", "a.png"),
        record("c", "empty.png"),
        record("d", "text.png"),
        record("e", "data:image/png;base64,@@"),
        record("f"),
        record("g", "."),
        record("h", "https://pages.invalid/a.png"),
        {"id": "i"},
    )
    assert (report.num_records, report.num_images, report.num_not_fetched) == (8, 10, 1)
    assert [(m.image[:9], m.record, m.line) for m in report.missing] == [
        ("gone.png", "b", 2),
        ("empty.png", "c", 3),
        ("text.png", "d", 4),
        ("data:imag", "e", 5),
        ("", "f", 6),
        (".", "g", 7),
    ]
    whys = [m.why.split(" (")[0] for m in report.missing]
    assert whys[:3] == ["no such image file", "an empty file", "not an image"]
    assert [line.split(": ")[0] for line in report.unread] == [f"{tmp_path}/x.jsonl:9"]
    assert not report.ok


def test_the_list_of_missing_files_is_path_tab_id(tmp_path: Path) -> None:
    # PD15.
    report = verify(tmp_path / "x.jsonl", record("b", "sub\\gone.png", "a.png"), record("c", "z"))
    write_missing(tmp_path / "missing.txt", report)
    assert (tmp_path / "missing.txt").read_text() == "sub\\gone.png\tb\nz\tc\n"
    write_missing(tmp_path / "missing.txt", verify(tmp_path / "x.jsonl", record("b", "a.png")))
    assert (tmp_path / "missing.txt").read_text() == ""


def test_no_records_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no records"):
        verify(tmp_path / "x.jsonl")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server of the folder's files; what is fetched goes into a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    handler = partial(_Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_images_behind_urls_are_fetched_when_asked(tmp_path: Path, address: str) -> None:
    records = record("a", f"{address}/a.png"), record("b", f"{address}/text.png")
    assert verify(tmp_path / "x.jsonl", *records).num_not_fetched == 2
    report = verify(tmp_path / "x.jsonl", *records, fetch=True)
    assert [(m.record, m.why.split(" (")[0]) for m in report.missing] == [("b", "not an image")]
