"""http(s) images of a remote caller: refused unless allowed, and never from inside.

The internet of these tests is a server on loopback: names have public addresses, and a connection
to one ends there.
"""

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpcore
import httpx
import pytest

from loopback_web import Web, redirect, status
from sightwright.infer.fake import FakeEngine
from sightwright.serve.limits import Limits
from sightwright.serve.running import running_server
from sightwright.web.fetch import Fetcher
from sightwright.web.network import open_stream

from .conftest import ANSWER, pdf_of, png_of, service_with

NAMES = {
    "pages.example": ["93.184.216.34"],
    "inside.example": ["10.0.0.7"],
    "mixed.example": ["93.184.216.34", "192.168.0.1"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "cgnat.example": ["100.64.0.9"],
}


@contextmanager
def _serving(web: Web, **limits: Any) -> Iterator[tuple[httpx.Client, FakeEngine]]:
    rebinding = iter([["93.184.216.34"], ["127.0.0.1"], ["127.0.0.1"]])

    def resolve(host: str, port: int) -> list[str]:
        return next(rebinding) if host == "rebinding.example" else NAMES[host]

    def dial(address: str, port: int, seconds: float) -> httpcore.NetworkStream:
        assert address == "93.184.216.34"
        return open_stream("127.0.0.1", web.port, seconds)

    engine = FakeEngine(lambda request: ANSWER, name="reader")
    service = replace(
        service_with(engine, limits=Limits(**{"remote_images": True, **limits})),
        network=Fetcher(resolve=resolve, dial=dial),
    )
    with running_server(service) as url, httpx.Client(base_url=url, timeout=30) as client:
        engine.requests.clear()
        yield client, engine


def _chat(client: httpx.Client, url: str, *more: str) -> httpx.Response:
    parts = [{"type": "image_url", "image_url": {"url": each}} for each in (url, *more)]
    return client.post(
        "/v1/chat/completions",
        json={"model": "reader", "messages": [{"role": "user", "content": parts}]},
    )


def _extract(client: httpx.Client, *urls: str) -> httpx.Response:
    return client.post("/v1/extract", json={"file": list(urls)})


def _refused(answer: httpx.Response, code: int) -> str:
    assert answer.status_code == code, answer.text
    return answer.json()["error"]["message"]


def test_they_are_refused_by_default(web: Web) -> None:
    url = web.serve("/a.png", png_of())
    with _serving(web, remote_images=False) as (client, engine):
        for answer in (_chat(client, url), _extract(client, url), _chat(client, url.upper())):
            message = _refused(answer, 400)
            assert "not fetched by this server" in message
            assert "data URL" in message
        assert engine.requests == []
    assert web.asked == []


def test_images_and_pdfs_of_public_hosts_are_read_when_allowed(web: Web) -> None:
    web.serve("/a.png", png_of(64, 96))
    web.serve("/two.pdf", pdf_of(2))
    sent = "data:image/png;base64," + base64.b64encode(png_of()).decode()
    with _serving(web) as (client, engine):
        assert _chat(client, "http://pages.example/a.png", sent).status_code == 200
        assert [image.size for image in engine.requests[-1].images] == [(64, 96), (64, 96)]
        assert _chat(client, "http://pages.example/two.pdf").status_code == 200
        assert len(engine.requests[-1].images) == 2
        answer = _extract(client, "http://pages.example/a.png", sent)
        assert len(answer.json()["pages"]) == 2
        assert client.post("/v1/extract", json={"file": "http://pages.example/two.pdf"}).json()[
            "valid"
        ]
    assert set(web.hosts) == {"pages.example"}


def test_nothing_is_kept(web: Web) -> None:
    web.serve("/a.png", png_of())
    with _serving(web) as (client, _):
        for _ in range(2):
            assert _chat(client, "http://pages.example/a.png").status_code == 200
    assert len(web.asked) == 2


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/a.png", "http://[::1]/", "http://169.254.169.254/latest/meta-data"),
        *("http://10.0.0.1/", "http://[::ffff:10.0.0.1]/", "http://[64:ff9b::7f00:1]/"),
        *("http://inside.example/", "http://mixed.example/", "http://mapped.example/"),
        "http://cgnat.example/",
    ],
)
def test_private_addresses_are_refused_although_remote_ones_are_allowed(web: Web, url: str) -> None:
    with _serving(web) as (client, _):
        for answer in (_chat(client, url), _extract(client, url)):
            message = _refused(answer, 400)
            assert "not on the public internet" in message
    assert web.asked == []


def test_a_redirect_inside_is_refused(web: Web) -> None:
    with _serving(web) as (client, _):
        for target in ("http://inside.example/a", "http://127.0.0.1/a", "file:///etc/passwd"):
            web.answers["/a"] = redirect(target)
            _refused(_chat(client, "http://pages.example/a"), 400)
    assert len(web.asked) == 3


def test_dns_rebinding_gains_nothing(web: Web) -> None:
    web.serve("/a.png", png_of())
    with _serving(web) as (client, _):
        # The first answer is public and is the address that is dialled; the second is private.
        assert _chat(client, "http://rebinding.example/a.png").status_code == 200
        message = _refused(_chat(client, "http://rebinding.example/a.png"), 400)
        assert "not on the public internet" in message
    assert len(web.asked) == 1


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://user:SECRET@pages.example/a.png", "user name or password"),
        ("http://pages.example:99999/", "not a URL"),
        ("http:///a.png", "no usable host"),
        ("ftp://pages.example/a.png", "not a base64 data URL"),
        ("file:///etc/passwd", "not a base64 data URL"),
    ],
)
def test_addresses_that_are_not_asked(web: Web, url: str, why: str) -> None:
    with _serving(web) as (client, _):
        message = _refused(_chat(client, url), 400)
        assert why in message
        assert "SECRET" not in message


def test_each_failure_has_its_status(web: Web) -> None:
    web.serve("/text", b"not an image")
    web.serve("/large", bytes(30_000))
    web.answers["/gone"] = status(404)
    with _serving(web, max_body_bytes=20_000) as (client, _):
        assert "neither a PDF nor" in _refused(_chat(client, "http://pages.example/text"), 415)
        message = _refused(_chat(client, "http://pages.example/gone?key=SECRET"), 422)
        assert (
            "messages[0].content[0]: http://pages.example/gone: the server answers 404" in message
        )
        assert "SECRET" not in message
        assert "more than 20000 bytes" in _refused(
            _extract(client, "http://pages.example/large"), 413
        )


def test_what_is_fetched_counts_as_sent_all_together(web: Web) -> None:
    web.serve("/a.png", png_of())
    size = len(png_of())
    with _serving(web, max_body_bytes=2 * size + 500) as (client, _):
        urls = ["http://pages.example/a.png"] * 3
        assert _extract(client, *urls[:2]).status_code == 200
        web.answers["/big.png"] = web.answers["/a.png"]
        web.serve("/rest", bytes(501))
        both = ["http://pages.example/a.png"] * 2
        assert "more than 500 bytes" in _refused(
            _extract(client, *both, "http://pages.example/rest"), 413
        )


def test_files_are_counted_before_they_are_fetched(web: Web) -> None:
    with _serving(web, max_pages=2) as (client, _):
        answer = _extract(client, *["http://pages.example/a.png"] * 3)
        assert "3 pages, over the limit of 2" in _refused(answer, 413)
    assert web.asked == []


def test_a_slow_host_is_given_up_while_others_are_answered(web: Web) -> None:
    def dripping(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(100):
            handler.wfile.write(b"x")
            time.sleep(0.02)

    web.answers["/slow"] = dripping
    with _serving(web, fetch_seconds=0.4) as (client, _):
        started = time.monotonic()
        message = _refused(_chat(client, "http://pages.example/slow"), 504)
        assert "pages.example/slow" in message
        assert time.monotonic() - started < 5
        hello = {"model": "reader", "messages": [{"role": "user", "content": "Hello"}]}
        assert client.post("/v1/chat/completions", json=hello).status_code == 200
