"""`custom.legacy_pairing`: several photographs to a turn, as the documents of 2025-10 had it."""

from typing import Annotated

from pydantic import Field

from sightwright.config.section import Section


class LegacyPairing(Section):
    """Each epoch shuffles the records and cuts them into groups; a group is one sample."""

    group_size: int = Field(
        default=2, ge=2, description="records of a group; the last of an epoch may be smaller"
    )
    summary_ratio: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0, description="share of the groups that learn their summaries"
    )
