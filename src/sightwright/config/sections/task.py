"""`task`: what is asked of the model, and the shape of its answer."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, PositiveInt

from sightwright.config.section import Fault, Section

TaskType = Literal["extract", "dense", "summary", "verdict", "chat"]


class Task(Section):
    type: TaskType = Field(
        default="chat",
        description="extract: pages to JSON; dense, summary, verdict: inspection; chat: as written",
    )
    order: Literal["image_first", "instruction_first"] = Field(
        default="image_first", description="order of a user turn; instruction_first shares a prefix"
    )
    json_schema: str | None = Field(default=None, description="file of the answer's JSON Schema")
    prompt: str | None = Field(
        default=None,
        description="instruction in place of the records' own, or a .txt file that holds it",
    )
    prompt_has_schema: bool = Field(
        default=False,
        description="write the schema into the prompt; the decoder follows it either way",
    )
    max_output_tokens: PositiveInt = Field(
        default=512, description="an answer cut here is an error; 256 to 768 keeps the latency low"
    )

    def faults(self) -> Iterator[Fault]:
        if self.prompt_has_schema and self.json_schema is None:
            yield Fault("prompt_has_schema", "there is no schema to write", "give json_schema")
