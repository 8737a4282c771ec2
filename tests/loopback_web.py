"""A web server on loopback, scripted by the test: what the tests of fetched files share."""

from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


class Web:
    """Answers by path; counts what it was asked.

    Attributes:
        answers: path (without its query) → what writes the answer.
        asked: the paths, with their queries, as they came.
        hosts: the `Host` header of each request.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.hosts: list[str] = []
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                web.asked.append(self.path)
                web.hosts.append(self.headers["Host"])
                self.close_connection = True
                answer = web.answers.get(self.path.partition("?")[0], status(404))
                with suppress(ConnectionError):  # the client may have had enough
                    answer(self)

            def log_message(self, *arguments: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def serve(self, path: str, content: bytes, **headers: str) -> str:
        """Answer a path with these bytes; gives its URL."""
        self.answers[path] = lambda handler: send(handler, 200, content, **headers)
        return self.url + path


def send(handler: BaseHTTPRequestHandler, code: int, content: bytes = b"", **headers: str) -> None:
    """Write a whole answer; `_` in a header's name stands for `-`."""
    handler.send_response(code)
    for name, value in {"Content_Length": str(len(content)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)


def status(code: int, **headers: str) -> Answer:
    return lambda handler: send(handler, code, **headers)


def redirect(location: str, code: int = 302) -> Answer:
    return status(code, Location=location)


def in_turn(*answers: Answer) -> Answer:
    """The first request gets the first answer, and so on; the last one stays."""
    left = list(answers)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)
