"""Real servers on loopback; only the resolver and the dialling are given by the test."""

import gzip
import http.server
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpcore
import pytest
import trustme

from loopback_web import Web, in_turn, redirect, send, status
from sightwright.web.fetch import Fetcher, FetchError, FetchPolicy, fetch
from sightwright.web.network import open_stream

QUICK = FetchPolicy(timeout_seconds=10, cache=None, backoff_seconds=0.01)
PUBLIC = replace(QUICK, allow_private=False)
PAGE = bytes(range(256)) * 40


class PublicInternet:
    """Names have the addresses listed, one list for each time they are asked; a connection to a
    public address ends at the loopback server."""

    def __init__(self, port: int, **names: list[list[str]]) -> None:
        self.port = port
        self.names = {name.replace("_", "."): answers for name, answers in names.items()}
        self.dialled: list[str] = []

    def resolve(self, host: str, port: int) -> list[str]:
        answers = self.names[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def dial(self, address: str, port: int, seconds: float) -> httpcore.NetworkStream:
        self.dialled.append(address)
        assert address != "127.0.0.1"
        return open_stream("127.0.0.1", self.port, seconds)

    def fetcher(self, policy: FetchPolicy = PUBLIC) -> Fetcher:
        return Fetcher(policy, self.resolve, self.dial)


def _failure(url: str, policy: FetchPolicy = QUICK) -> FetchError:
    with pytest.raises(FetchError) as caught:
        fetch(url, policy)
    assert caught.value.where is not None
    assert caught.value.remedy is not None
    return caught.value


def test_the_bytes_come_as_they_are(web: Web) -> None:
    assert fetch(web.serve("/a.png", PAGE), QUICK) == PAGE
    assert web.hosts == [f"127.0.0.1:{web.port}"]


def test_a_body_without_a_length_is_read_to_its_end(web: Web) -> None:
    def streamed(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(PAGE)

    web.answers["/a"] = streamed
    assert fetch(web.url + "/a", QUICK) == PAGE


def test_the_size_is_counted_whatever_is_declared(web: Web) -> None:
    def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(PAGE)

    web.answers["/endless"] = endless
    policy = replace(QUICK, max_bytes=50_000)
    error = _failure(web.url + "/endless", policy)
    assert error.fault == "too_large"
    assert "more than 50000 bytes" in str(error)
    declared = _failure(web.serve("/declared", bytes(60_000)), policy)
    assert declared.fault == "too_large"
    assert len(fetch(web.serve("/fits", bytes(50_000)), policy)) == 50_000


def test_a_slow_drip_ends_at_the_total_deadline(web: Web) -> None:
    def dripping(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        for _ in range(200):
            handler.wfile.write(b"x")
            time.sleep(0.02)

    web.answers["/drip"] = dripping
    started = time.monotonic()
    error = _failure(web.url + "/drip", replace(QUICK, timeout_seconds=0.3))
    assert 0.25 < time.monotonic() - started < 2
    assert error.fault == "timeout"
    assert "within 0.3 s" in str(error)
    assert len(web.asked) == 1


def test_dripping_headers_end_at_the_deadline_too(web: Web) -> None:
    def dripping(handler: http.server.BaseHTTPRequestHandler) -> None:
        for _ in range(200):
            handler.wfile.write(b"H")
            time.sleep(0.02)

    web.answers["/drip"] = dripping
    started = time.monotonic()
    assert _failure(web.url + "/drip", replace(QUICK, timeout_seconds=0.3)).fault == "timeout"
    assert time.monotonic() - started < 2


def test_what_may_pass_is_tried_again(web: Web) -> None:
    web.answers["/a"] = in_turn(status(500), status(503), lambda handler: send(handler, 200, PAGE))
    assert fetch(web.url + "/a", QUICK) == PAGE
    assert len(web.asked) == 3


def test_a_body_cut_short_is_tried_again(web: Web) -> None:
    web.answers["/a"] = in_turn(
        lambda handler: send(handler, 200, PAGE[:100], Content_Length="5000"),
        lambda handler: send(handler, 200, PAGE),
    )
    assert fetch(web.url + "/a", QUICK) == PAGE


@pytest.mark.parametrize("code", [204, 400, 401, 403, 404, 410, 501])
def test_what_will_not_pass_is_asked_once(web: Web, code: int) -> None:
    web.answers["/a"] = status(code)
    error = _failure(web.url + "/a")
    assert f"the server answers {code}" in str(error)
    assert error.fault == "failed"
    assert len(web.asked) == 1


def test_retries_have_an_end(web: Web) -> None:
    web.answers["/a"] = status(502)
    assert "502" in str(_failure(web.url + "/a"))
    assert len(web.asked) == 3


def test_the_pause_that_a_server_asks_for_is_kept_within_the_deadline(web: Web) -> None:
    web.answers["/a"] = in_turn(
        status(429, Retry_After="1"), lambda handler: send(handler, 200, PAGE)
    )
    started = time.monotonic()
    assert fetch(web.url + "/a", QUICK) == PAGE
    assert time.monotonic() - started >= 1
    web.answers["/b"] = status(503, Retry_After="3600")
    assert "503" in str(_failure(web.url + "/b"))
    assert web.asked.count("/b") == 1


def test_a_host_that_does_not_listen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = _failure(f"http://127.0.0.1:{port}/a.png?key=SECRET")
    assert "the connection failed" in str(error)
    assert error.transient
    assert "SECRET" not in str(error)


def test_an_answer_that_is_not_http(web: Web) -> None:
    web.answers["/a"] = lambda handler: handler.wfile.write(b"\x00\x01 nonsense\r\n\r\n")
    assert "the connection failed" in str(_failure(web.url + "/a"))


def test_a_compressed_answer_is_not_guessed_at(web: Web) -> None:
    url = web.serve("/a", gzip.compress(bytes(10_000_000)), Content_Encoding="gzip")
    assert "compressed" in str(_failure(url))


def test_redirects_are_followed_relative_ones_included(web: Web) -> None:
    web.answers["/a"] = redirect("b/c?x=1", 301)
    web.answers["/b/c"] = redirect(f"{web.url}/d", 308)
    web.serve("/d", PAGE)
    assert fetch(web.url + "/a", QUICK) == PAGE
    assert web.asked == ["/a", "/b/c?x=1", "/d"]


def test_a_redirect_loop_ends(web: Web) -> None:
    web.answers["/a"] = redirect("/a")
    assert "more than 3 times" in str(_failure(web.url + "/a"))
    assert len(web.asked) == 4


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("file:///etc/passwd", "neither http nor https"),
        ("ftp://127.0.0.1/a", "neither http nor https"),
        ("http://user:word@127.0.0.1/", "user name or password"),
    ],
)
def test_a_redirect_is_checked_like_the_first_address(web: Web, location: str, why: str) -> None:
    web.answers["/a"] = redirect(location)
    error = _failure(web.url + "/a")
    assert error.fault == "refused"
    assert why in str(error)


def test_a_redirect_without_a_location(web: Web) -> None:
    web.answers["/a"] = status(302)
    assert "the server answers 302" in str(_failure(web.url + "/a"))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]", "[::ffff:127.0.0.1]"],
)
def test_private_addresses_are_refused_however_they_are_written(web: Web, host: str) -> None:
    error = _failure(f"http://{host}:{web.port}/a.png", PUBLIC)
    assert error.fault in ("refused", "failed")
    assert "127.0.0.1" not in error.message
    assert web.asked == []
    if host in ("127.0.0.1", "localhost"):
        assert "not on the public internet" in str(error)


def test_a_public_host_is_asked_by_its_name(web: Web) -> None:
    internet = PublicInternet(web.port, pages_example=[["93.184.216.34"]])
    web.serve("/a", PAGE)
    assert internet.fetcher().fetch("http://pages.example/a") == PAGE
    assert internet.dialled == ["93.184.216.34"]
    assert web.hosts == ["pages.example"]


def test_a_redirect_to_a_private_address_is_refused(web: Web) -> None:
    internet = PublicInternet(
        web.port, pages_example=[["93.184.216.34"]], inside_example=[["10.0.0.7"]]
    )
    for target in ("http://inside.example/", "http://169.254.169.254/latest", "http://[::1]/"):
        web.answers["/a"] = redirect(target)
        with pytest.raises(FetchError, match="not on the public internet") as caught:
            internet.fetcher().fetch("http://pages.example/a")
        assert caught.value.fault == "refused"
    assert internet.dialled == ["93.184.216.34"] * 3


def test_a_name_that_changes_its_mind_gains_nothing(web: Web) -> None:
    """DNS rebinding: public when it is checked, private when it is asked again."""
    internet = PublicInternet(web.port, evil_example=[["93.184.216.34"], ["127.0.0.1"]])
    web.serve("/a", PAGE)
    # One resolution for one request: what was checked is what is dialled.
    assert internet.fetcher().fetch("http://evil.example/a") == PAGE
    assert internet.dialled == ["93.184.216.34"]
    # Asked again, by a redirect to itself or after a failure, it is checked again.
    for first in (redirect("http://evil.example/a"), status(503)):
        internet = PublicInternet(web.port, evil_example=[["93.184.216.34"], ["127.0.0.1"]])
        web.answers["/first"] = first
        with pytest.raises(FetchError, match="not on the public internet"):
            internet.fetcher().fetch("http://evil.example/first")
        assert internet.dialled == ["93.184.216.34"]


def test_errors_keep_queries_and_passwords_to_themselves(web: Web) -> None:
    assert "SECRET" not in str(_failure(f"{web.url}/none.png?key=SECRET"))
    assert "SECRET" not in str(_failure("http://user:SECRET@127.0.0.1/a.png?key=SECRET"))
    assert f"{web.url}/none.png" in str(_failure(f"{web.url}/none.png?key=SECRET"))


# --- https -------------------------------------------------------------------------------------


class Secure:
    """An https server for pages.example, and the names that clients asked it for."""

    def __init__(self) -> None:
        self.names: list[str | None] = []
        self.authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("pages.example").configure_cert(context)
        context.sni_callback = lambda tls, name, _: self.names.append(name)
        self.web = Web()
        self.web.server.socket = context.wrap_socket(self.web.server.socket, server_side=True)


@pytest.fixture
def secure() -> Iterator[Secure]:
    secure = Secure()
    server = secure.web.server
    server.handle_error = lambda request, address: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield secure
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_certificate_is_checked_for_the_name_and_not_the_address(secure: Secure) -> None:
    web = secure.web
    web.serve("/a", PAGE)
    internet = PublicInternet(
        web.port, pages_example=[["93.184.216.34"]], other_example=[["93.184.216.35"]]
    )
    tls = ssl.create_default_context()
    secure.authority.configure_trust(tls)
    trusting = replace(internet.fetcher(), tls=tls)
    assert trusting.fetch("https://pages.example/a") == PAGE
    assert secure.names == ["pages.example"]
    assert web.hosts == ["pages.example"]
    with pytest.raises(FetchError, match="no trusted connection: Hostname mismatch"):
        trusting.fetch("https://other.example/a")
    with pytest.raises(FetchError, match="no trusted connection: ") as caught:
        internet.fetcher().fetch("https://pages.example/a")
    assert not caught.value.transient
    web.answers["/down"] = redirect("http://pages.example/a")
    with pytest.raises(FetchError, match="from https to http"):
        trusting.fetch("https://pages.example/down")


# --- cache -------------------------------------------------------------------------------------


def test_a_file_is_fetched_once(web: Web, tmp_path: Path) -> None:
    policy = replace(QUICK, cache=tmp_path / "kept")
    url = web.serve("/a", PAGE)
    assert fetch(url, policy) == fetch(url + "#top", policy) == PAGE
    assert len(web.asked) == 1
    assert fetch(url + "?v=2", policy) == PAGE
    assert len(web.asked) == 2


def test_damage_in_the_cache_is_fetched_anew(web: Web, tmp_path: Path) -> None:
    policy = replace(QUICK, cache=tmp_path)
    url = web.serve("/a", PAGE)
    fetch(url, policy)
    (kept,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    kept.write_bytes(kept.read_bytes()[:-1])
    assert fetch(url, policy) == PAGE
    assert len(web.asked) == 2


def test_the_size_limit_holds_for_the_cache_too(web: Web, tmp_path: Path) -> None:
    policy = replace(QUICK, cache=tmp_path)
    url = web.serve("/a", PAGE)
    fetch(url, policy)
    assert _failure(url, replace(policy, max_bytes=100)).fault == "too_large"


def test_a_failure_is_not_kept(web: Web, tmp_path: Path) -> None:
    web.answers["/a"] = in_turn(status(404), lambda handler: send(handler, 200, PAGE))
    policy = replace(QUICK, cache=tmp_path)
    _failure(web.url + "/a", policy)
    assert fetch(web.url + "/a", policy) == PAGE


def test_a_cache_that_cannot_be_written_says_so(web: Web, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    error = _failure(web.serve("/a", PAGE), replace(QUICK, cache=tmp_path / "file"))
    assert "SIGHTWRIGHT_CACHE" in str(error)
