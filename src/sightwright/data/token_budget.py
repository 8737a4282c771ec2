"""Micro-batches by tokens: every record has to fit one by itself."""

from sightwright.config.sections.data import Batching, Tokens
from sightwright.data.dataset import TrainingRecords
from sightwright.errors import DataError


def require_within_budget(batching: Batching, records: TrainingRecords) -> None:
    """
    Raises:
        DataError: a sample that some epoch may bring is longer than a micro-batch; the longest is
            named.
    """
    if not isinstance(batching, Tokens):
        return
    tokens, place = records.longest()
    if tokens > batching.budget:
        raise DataError(
            f"{tokens} tokens, its images as large as augmentation may make them, are over the "
            f"{batching.budget} of a micro-batch (data.batching.budget), and a sample is never cut",
            where=place,
            remedy="raise data.batching.budget; or lower template.max_pixels: fewer pixels are "
            "fewer image tokens; or take the record out",
        )
