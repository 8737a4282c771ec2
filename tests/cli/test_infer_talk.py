"""`sightwright infer` without a picture: a conversation of the lines of stdin."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from sightwright.cli.infer_answers import Manner
from sightwright.cli.infer_talk import talk
from sightwright.cli.main import main
from sightwright.errors import ConfigError, ImageError
from sightwright.infer.engine import Request
from sightwright.infer.fake import FakeEngine
from sightwright.records import ImageRef, Text

PLAIN = Manner(max_tokens=64, temperature=0.0, seed=0, stream=False, as_json=False)


def _say(request: Request) -> str:
    """The last question, turned round."""
    return request.messages[-1].text[::-1]


def _talk(*lines: str, manner: Manner = PLAIN, engine: FakeEngine | None = None) -> FakeEngine:
    engine = engine or FakeEngine(_say)
    given: Iterator[str] = iter(lines)

    def opened(name: str) -> Image.Image:
        if name != "page.png":
            raise ImageError(f"no such image file: {name}")
        return Image.new("RGB", (8, 8))

    talk(engine, manner, opened, "Be brief.", lambda prompt: next(given, None))
    return engine


def test_every_answer_knows_what_was_said_before(capsys: pytest.CaptureFixture[str]) -> None:
    engine = _talk("ab", "", "cd", "quit", "never asked")
    out, err = capsys.readouterr()
    assert out == "ba\ndc\n"
    assert "a conversation" in err
    first, second = engine.requests
    assert [(m.role, m.text) for m in first.messages] == [("system", "Be brief."), ("user", "ab")]
    assert [m.text for m in second.messages] == ["Be brief.", "ab", "ba", "cd"]


def test_clear_forgets_and_reset_system_replaces() -> None:
    engine = _talk("ab", "clear", "cd", "reset-system", "Be long.", "ef", "reset-system", "", "gh")
    assert [[m.text for m in request.messages] for request in engine.requests] == [
        ["Be brief.", "ab"],
        ["Be brief.", "cd"],
        ["Be long.", "ef"],
        ["gh"],
    ]


def test_a_question_of_several_lines() -> None:
    engine = _talk("multi-line", "one", "two#", "three#", "single-line", "four#", "multi-line", "5")
    assert [request.messages[-1].text for request in engine.requests] == [
        "one\ntwo", "three", "four#", "5",
    ]  # fmt: skip


def test_images_stand_where_their_tags_do_and_stay() -> None:
    engine = _talk("Is <image> like <image>?", "page.png", " page.png ", "Why?")
    first, second = engine.requests
    assert first.messages[-1].content == (
        Text("Is "), ImageRef("page.png"), Text(" like "), ImageRef("page.png"), Text("?"),
    )  # fmt: skip
    assert len(first.images) == len(second.images) == 2


def test_a_question_that_fails_is_forgotten(capsys: pytest.CaptureFixture[str]) -> None:
    engine = FakeEngine(_say, max_length=70)
    _talk("<image>?", "gone.png", "x" * 200, "ab", engine=engine)
    out, err = capsys.readouterr()
    assert out == "ba\n"
    assert "no such image file: gone.png" in err and "more than the 70" in err
    assert [m.text for m in engine.requests[-1].messages] == ["Be brief.", "ab"]


def test_a_cut_answer_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    _talk("12345678", manner=Manner(1, 0.0, 0, False, False))
    out, err = capsys.readouterr()
    assert out == "8765\n" and "cut after 1 tokens" in err


@pytest.mark.parametrize("stream", [False, True])
def test_json_is_an_object_an_answer(capsys: pytest.CaptureFixture[str], stream: bool) -> None:
    _talk("ab", "cd", manner=Manner(64, 0.0, 0, stream, True))
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["text"] for answer in answers] == ["ba", "dc"]


def test_a_stream_comes_in_pieces(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []
    engine = FakeEngine(_say, before_step=lambda: seen.append(capsys.readouterr().out))
    _talk("12345678", manner=Manner(64, 0.0, 0, True, False), engine=engine)
    assert [*seen, capsys.readouterr().out] == ["", "8765", "4321\n"]


def test_nothing_asked_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no question was asked"):
        _talk("clear", "exit")


def test_the_command_reads_stdin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (64, 32)).save(tmp_path / "page.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("What is <image>?\r\npage.png\r\nAnd now?\r\n"))
    with pytest.raises(SystemExit) as ended:
        main(["infer", "--model", "tiny", "--device", "cpu", "--max_new_tokens", "4", "--json"])
    out, err = capsys.readouterr()
    assert ended.value.code == 0, err
    first, second = (json.loads(line) for line in out.splitlines())
    assert first["completion_tokens"] <= 4 and second["prompt_tokens"] > first["prompt_tokens"]


def test_no_stdin_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    with pytest.raises(SystemExit) as ended:
        main(["infer", "--model", "tiny", "--device", "cpu"])
    assert ended.value.code == 2
    assert "give --image or --pdf" in capsys.readouterr().err
