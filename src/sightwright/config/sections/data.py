"""`data`: the loader, the batches, and the placeholders that ms-swift asks for."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from sightwright.config.section import Fault, Section, TextList


class PaddingFree(Section):
    """The samples of a batch lie end to end, each alone with its own positions."""

    type: Literal["padding_free"] = Field(
        default="padding_free", description="the tag of this layout"
    )


class Padded(Section):
    """Every sample is padded to the longest of its batch: the reference."""

    type: Literal["padded"] = Field(default="padded", description="the tag of this layout")


class Tokens(Section):
    """A micro-batch holds as many samples as fit the budget, end to end as in `padding_free`."""

    type: Literal["tokens"] = Field(default="tokens", description="the tag of this layout")
    budget: PositiveInt = Field(
        description="most tokens of a micro-batch, images included; a step still has "
        "training.effective_batch_size samples"
    )


Batching = Annotated[PaddingFree | Padded | Tokens, Field(discriminator="type")]


class PatchCacheSettings(Section):
    """Where decoded and resized images are kept as patches."""

    dir: str = Field(description="folder; the processes of a run, and several runs, may share it")
    max_gb: PositiveFloat = Field(
        default=50.0,
        description="most that the folder holds, in 10^9 bytes; what was used longest ago goes "
        "first (an image of 1,000 tokens takes 3 MB)",
    )


class Data(Section):
    # The real records are those of custom.train_jsonl; these three are read for ms-swift's sake.
    dataset: TextList | None = Field(default=None, description='placeholder, as ["dummy"]; ignored')
    val_dataset: TextList | None = Field(
        default=None, description='placeholder, as ["dummy"]; ignored'
    )
    cached_dataset: TextList | None = Field(default=None, description="placeholder; ignored")
    dataset_num_proc: PositiveInt | None = Field(
        default=None, description="processes that prepare data; taken for ms-swift's sake, ignored"
    )
    batching: Batching = Field(
        default_factory=PaddingFree, description="how the samples of a batch are laid out"
    )
    patch_cache: PatchCacheSettings | None = Field(
        default=None,
        description="keep images as patches on disk, so that a later epoch neither decodes nor "
        "resizes them; images that augmentation changes are not kept",
    )
    dataloader_num_workers: NonNegativeInt = Field(
        default=0, description="processes that load records"
    )
    dataloader_pin_memory: bool = Field(
        default=True, description="copy batches to the device faster"
    )
    dataloader_prefetch_factor: PositiveInt | None = Field(
        default=None, description="batches each worker keeps ready"
    )
    dataloader_persistent_workers: bool = Field(
        default=False, description="keep the workers between epochs"
    )
    dataloader_drop_last: bool = Field(
        default=False, description="leave out the last, smaller batch"
    )
    dataloader_multiprocessing_context: Literal["fork", "spawn", "forkserver"] | None = Field(
        default=None, description="how workers start"
    )
    dataloader_in_order: bool = Field(default=True, description="batches arrive in order")

    def faults(self) -> Iterator[Fault]:
        if self.dataloader_drop_last and self.batching.type == "tokens":
            text = "micro-batches by tokens have no fixed number of samples: none is smaller"
            yield Fault("dataloader_drop_last", text, "leave it out")
        if self.dataloader_num_workers > 0:
            return
        if self.dataloader_prefetch_factor is not None:
            yield Fault(
                "dataloader_prefetch_factor",
                "there is nobody to fetch ahead: dataloader_num_workers is 0",
                "set dataloader_num_workers above 0",
            )
        if self.dataloader_persistent_workers:
            yield Fault(
                "dataloader_persistent_workers",
                "there are no workers to keep: dataloader_num_workers is 0",
                "set dataloader_num_workers above 0",
            )

    @property
    def placeholder(self) -> tuple[str, ...]:
        """What `dataset` and `cached_dataset` name together."""
        return (self.dataset or ()) + (self.cached_dataset or ())
