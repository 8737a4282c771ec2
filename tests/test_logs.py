import io
import sys

import pytest

from sightwright import logs


def test_short_work_is_silent_when_not_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(logs.progress([1, 2, 3], "count")) == [1, 2, 3]
    assert capsys.readouterr().err == ""


def test_long_work_writes_plain_lines_with_rate_and_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(float(second) for second in range(0, 1000, 10))
    monkeypatch.setattr(logs.time, "monotonic", lambda: next(clock))
    with logs.progress_bar("draw", 4) as bar:
        bar.advance(note="a.pdf")
        bar.advance()
    lines = capsys.readouterr().err.splitlines()
    # Started at 0 s; one done at 20 s (asked at 10 s), so 20 s each and 60 s for the other three.
    assert lines[0] == "draw: 1/4, 20.0 s each, 60 s left a.pdf"
    assert lines[1].startswith("draw: 2/4, ")
    assert len(lines) == 3


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with logs.progress_bar("draw", 2) as bar:
        bar.advance(2)
    assert "draw" in screen.getvalue()
    assert "2/2" in screen.getvalue()
