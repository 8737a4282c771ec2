"""`eval`: how the held-out records are marked during and after training."""

from pydantic import Field, NonNegativeInt, PositiveInt

from sightwright.config.section import Section


class Evaluation(Section):
    generate: bool = Field(
        default=True,
        description="answer the held-out records and mark the answers, beside the loss",
    )
    max_records: PositiveInt | None = Field(
        default=None,
        description="most records answered at an evaluation during training; all when absent",
    )
    batch_size: PositiveInt = Field(default=8, description="records answered together")
    constrained: bool = Field(default=True, description="the schema steers the decoder")
    bootstrap_samples: NonNegativeInt = Field(
        default=1000, description="resamples of the documents for the 95 % interval; 0 for none"
    )
