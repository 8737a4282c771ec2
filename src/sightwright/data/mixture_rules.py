"""What a run and its mixture must say together, and what of the mixture an exact resume needs."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sightwright.config.fusion import Fusion
from sightwright.config.schema import Config
from sightwright.errors import ConfigError


def require_complete(config: Config, fusion: Fusion) -> None:
    """
    Raises:
        ConfigError: answers with a header line, and no format of it; or a run that evaluates, and
            no held-out records.
    """
    named = [each.name for each in fusion.targets if each.writes_header]
    if named and config.custom.assistant_prefix_format is None:
        raise ConfigError(
            f"the mixture's targets {', '.join(named)} are of BBU or RRU, whose answers begin with "
            "a header line",
            where="custom.assistant_prefix_format",
            remedy="give it, as <DOMAIN={domain}>, <TASK={task}>",
        )
    if evaluates(config) and not fusion.evaluated:
        raise ConfigError(
            f"it is {config.training.eval_strategy}, and no target of the mixture has a val_jsonl",
            where="training.eval_strategy",
            remedy="give one, or write eval_strategy: no",
        )


def evaluates(config: Config) -> bool:
    return config.training.eval_strategy != "no"


def not_evaluated(config: Config, fusion: Fusion) -> Iterator[str]:
    """A note for each target that the run is not judged on."""
    for each in fusion.targets if evaluates(config) else ():
        if each.val_jsonl is None:
            yield f"{each.name}: not evaluated, for it has no val_jsonl"


def handling(fusion: Fusion) -> str:
    """All that the file says of the sets that are drawn from, but where they are."""
    used = [each for each in fusion.sets if each.ratio > 0]
    return repr([replace(each, train_jsonl=Path(), val_jsonl=None) for each in used])
