from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from sightwright.cli.main import app
from sightwright.cli.paths import given_path


def test_both_separators_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert given_path("a/b.pdf") == Path("a/b.pdf")
    assert given_path("a\\b.pdf") == Path("a/b.pdf")
    (tmp_path / "odd\\name.pdf").touch()
    assert given_path("odd\\name.pdf").name == "odd\\name.pdf"


def commands() -> Iterator[tuple[str, Any]]:
    """Every verb, by its name."""
    groups: list[tuple[str, Any]] = [("", app)]
    for prefix, group in groups:
        groups += [
            (f"{prefix}{each.name} ", each.typer_instance) for each in group.registered_groups
        ]
        for command in group.registered_commands:
            yield f"{prefix}{command.name or command.callback.__name__}", command.callback


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_every_verb_takes_both(name: str, command: Callable[..., object]) -> None:
    for option, hint in get_type_hints(command, include_extras=True).items():
        if Path in (hint, *parts_of(hint)):
            (how,) = hint.__metadata__
            assert how.parser is given_path, f"{name}: {option}"


def parts_of(hint: Any) -> Iterator[Any]:
    for part in get_args(hint):
        yield part
        yield from parts_of(part)
