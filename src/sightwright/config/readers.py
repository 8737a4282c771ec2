"""Which verbs of this version read a key, and what of it they cannot run."""

from collections.abc import Iterator

from sightwright.config.sections.training import refused_arguments
from sightwright.config.support import refusals
from sightwright.config.warn import UNREAD

_READERS: dict[str, tuple[str, ...]] = {
    "serve": ("serve",),
    "export": ("merge",),
    "model": ("train", "data show", "data doctor"),
    **dict.fromkeys(
        ("template", "task", "custom", "prompts"), ("train", "eval", "data show", "data doctor")
    ),
}
_ALL_OF_SECTION = {"rlhf.rlhf_type": "rlhf"}
"""A rule of one key without which the others of its section say nothing."""


def readers_of(key: str) -> tuple[str, ...]:
    """The verbs that read a key; none where this version does not read it."""
    if any(_is_below(key, unread) for unread in UNREAD):
        return ()
    return _READERS.get(key.split(".")[0], ("train",))


def limits_of(key: str) -> Iterator[str]:
    """What this version does not do with a key, one sentence each."""
    for unread, why in UNREAD.items():
        if _is_below(key, unread):
            yield f"not read by this version: {why}"
    for rule in refusals():
        if _is_below(key, _ALL_OF_SECTION.get(rule.key, rule.key)):
            yield f"train refuses {rule.key}: {rule.reason}"
    section, _, name = key.partition(".")
    if section == "training" and name in refused_arguments():
        neutral, why = refused_arguments()[name]
        yield f"only {_shown(neutral)} is accepted: {why}"


def _is_below(key: str, other: str) -> bool:
    return key == other or key.startswith(f"{other}.")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return {None: "null", (): "[]"}.get(value, str(value))  # type: ignore[call-overload]
