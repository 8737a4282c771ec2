"""The loaders of a run: micro-batches in the order of a sampler, laid out beside the training."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, Sampler
from transformers import TrainingArguments

from sightwright.data.collate import Collator
from sightwright.data.dataset import Sample


def make_loader(
    dataset: Dataset[Sample],
    sampler: Sampler[Any],
    collator: Collator,
    args: TrainingArguments,
    seed: int,
) -> DataLoader[Any]:
    """
    Args:
        sampler: of lists, each a micro-batch.
        seed: of the workers.
    """
    return DataLoader(
        dataset,
        batch_sampler=sampler,
        collate_fn=collator,
        num_workers=args.dataloader_num_workers,
        # Nothing to pin for where there is no GPU; torch warns of it.
        pin_memory=args.dataloader_pin_memory and torch.cuda.is_available(),
        prefetch_factor=args.dataloader_prefetch_factor,
        persistent_workers=args.dataloader_persistent_workers,
        multiprocessing_context=args.dataloader_multiprocessing_context,
        in_order=args.dataloader_in_order,
        # Workers are seeded from here: from the global generator, every loader would change the
        # dropout that comes after it.
        generator=torch.Generator().manual_seed(seed),
    )
