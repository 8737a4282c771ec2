"""What every section of the YAML shares: closed, frozen, strictly typed, checked as a whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Self, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

FAULTS = "faults"
"""The pydantic error type that carries a section's own findings."""


REFUSED = "refused"
"""The pydantic error type of a value that we know and do not honour."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A combination that cannot be run: the key to point at, what is wrong, what to do."""

    key: str
    text: str
    hint: str = ""


class Section(BaseModel):
    """A mapping of the YAML.

    Strict: text is never taken for a number, nor a number for a flag; a whole number is accepted
    where a fraction is meant. Unknown keys are errors.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, protected_namespaces=()
    )

    def faults(self) -> Iterator[Fault]:
        """What is wrong between the keys of this section. None by default."""
        return iter(())

    @model_validator(mode="after")
    def _no_faults(self) -> Self:
        found = list(self.faults())
        if found:
            summary = "; ".join(f"{fault.key}: {fault.text}" for fault in found)
            raise PydanticCustomError(FAULTS, "{summary}", {"summary": summary, FAULTS: found})
        return self

    def given(self, key: str) -> bool:
        """Whether the YAML gave `key`, rather than its default."""
        return key in self.model_fields_set


def _tuple_of_list(value: object) -> object:
    return tuple(cast("list[object]", value)) if isinstance(value, list) else value


TextList = Annotated[tuple[str, ...], BeforeValidator(_tuple_of_list)]
"""A YAML list of texts."""

NumberList = Annotated[tuple[float, ...], BeforeValidator(_tuple_of_list)]
"""A YAML list of numbers."""

AsTuple = BeforeValidator(_tuple_of_list)
"""Turns a YAML list into the tuple that a frozen section holds."""
