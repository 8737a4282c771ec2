"""What is wrong with a configuration, one sentence each; gathered first, raised once."""

from collections.abc import Sequence
from dataclasses import dataclass

from sightwright.config.tree import Place
from sightwright.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it is, the dotted key (empty for a whole file), what and what to do."""

    place: Place
    key: str
    text: str
    hint: str = ""

    def __str__(self) -> str:
        key = f" {self.key}:" if self.key else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.place}:{key} {self.text}{hint}"


class ConfigProblemsError(ConfigError):
    """Every mistake of a configuration at once; `problems` holds them singly."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=_by_place))
        lines = [str(problem) for problem in self.problems]
        if len(lines) > 1:
            lines.insert(0, f"{len(lines)} problems in the configuration:")
        super().__init__("\n  ".join(lines))


def _by_place(problem: Problem) -> tuple[str, int]:
    return problem.place.file, problem.place.line or 0
