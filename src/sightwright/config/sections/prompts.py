"""`prompts`: which of the inspection prompts speak, and overrides of them."""

from typing import Literal

from pydantic import Field

from sightwright.config.section import Section

Domain = Literal["bbu", "rru"]


class Prompts(Section):
    profile: str | None = Field(
        default=None, description="named set of prompts, as summary_runtime"
    )
    domain: Domain | None = Field(default=None, description="equipment family")
    system: str | None = Field(
        default=None, description="system turn, or a .txt file that holds it"
    )
    user: str | None = Field(default=None, description="user turn, or a .txt file that holds it")
