"""Who asks for the answers of a mixture's entry, and how."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sightwright.config.fusion import FusedSet
from sightwright.geometry import Ordering
from sightwright.tasks.prompt_texts import Norm
from sightwright.tasks.prompts import NO_PROMPT, Prompt, Template, prompt_of

PromptSource = Literal["default", "domain", "dataset"]


@dataclass(frozen=True, slots=True)
class EntryPrompt:
    """How an entry is asked.

    Attributes:
        source: who says so: the entry itself (`dataset`), its template (`domain`), or the run
            (`default`).
    """

    prompt: Prompt
    source: PromptSource


@dataclass(frozen=True, slots=True)
class Asking:
    """What of the run goes into every prompt.

    Attributes:
        header_format: of the first line of an answer; None where answers have none.
        default: what is asked where neither the entry nor its template says anything.
    """

    header_format: str | None = None
    norm: Norm = "norm1000"
    ordering: Ordering = "reference_point"
    default: Prompt = NO_PROMPT


def entry_prompt(each: FusedSet, asking: Asking, template: Template | None = None) -> EntryPrompt:
    """The prompt of an entry: its own over its template's over the run's.

    Args:
        template: in place of the entry's own.
    """
    if each.learns == "chat":
        return EntryPrompt(asking.default, "default")
    found = prompt_of(
        template or each.template,
        header_format=asking.header_format if each.asks_for_header else None,
        norm=asking.norm,
        ordering=asking.ordering,
    )
    if each.system_prompt is None and each.user_prompt is None:
        return EntryPrompt(found, "domain")
    # An empty one takes the template's away.
    system = found.system if each.system_prompt is None else each.system_prompt or None
    user = found.user if each.user_prompt is None else each.user_prompt
    return EntryPrompt(Prompt(system, user), "dataset")


def prompt_sources(sets: Sequence[FusedSet]) -> dict[str, PromptSource]:
    """Name → who asks."""
    return {each.name: entry_prompt(each, Asking()).source for each in sets}
