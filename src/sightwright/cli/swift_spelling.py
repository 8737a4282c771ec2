"""Options as ms-swift spells them: `--output_dir D`, `--merge_lora true`."""

from collections.abc import Mapping, Sequence
from typing import Any

from typer.core import TyperCommand

from sightwright.errors import ConfigError


class AsSwiftSpells(TyperCommand):
    """A command whose options may be written with underscores, its flags with true or false."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        flags: dict[str, str | None] = {}
        for parameter in self.params:
            if getattr(parameter, "is_flag", False) and "--help" not in parameter.opts:
                off = next(iter(parameter.secondary_opts), None)
                flags |= dict.fromkeys(parameter.opts, off)
        return super().parse_args(ctx, as_here(args, flags))


def as_here(arguments: Sequence[str], flags: Mapping[str, str | None]) -> list[str]:
    """The same command line with dashes in the names, with `--flag true` as `--flag`, and
    `--flag false` as its opposite.

    Args:
        flags: each flag, and what turns it off; None where leaving it out does.

    >>> as_here(["--output_dir", "a_b", "--stream", "true"], {"--stream": None})
    ['--output-dir', 'a_b', '--stream']

    Raises:
        ConfigError: `--flag=` with another value.
    """
    rest, here = list(arguments), list[str]()
    while rest:
        given = rest.pop(0)
        if given == "--":
            return [*here, given, *rest]
        name, equals, value = given.partition("=")
        option = name.replace("_", "-") if name.startswith("--") else name
        if option not in flags:
            here.append(option + equals + value)
            continue
        if not equals and rest and rest[0].lower() in ("true", "false"):
            value = rest.pop(0)
        here += _without_value(option, value, flags[option])
    return here


def _without_value(flag: str, value: str, off: str | None) -> list[str]:
    match value.lower():
        case "" | "true":
            return [flag]
        case "false":
            return [] if off is None else [off]
        case _:
            raise ConfigError(f"{flag}={value}: neither true nor false")
