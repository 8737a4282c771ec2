"""What a run says before step 1: tables on stderr, and files in its folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sightwright import canonical, logs
from sightwright.config.load import Loaded
from sightwright.config.resolved import resolved_text
from sightwright.config.schema import Config
from sightwright.data.collate import Collator
from sightwright.model.parts_table import parts_table
from sightwright.sampling.epoch_plan import plan_table
from sightwright.train.debug import conversation_text, sample_checks, sample_text
from sightwright.train.health import HealthFacts, checks, checks_table, health_table
from sightwright.train.optimizer import Rates, group_rows, rates_table
from sightwright.train.setup import Prepared
from sightwright.train.sharding import sharding_of

if TYPE_CHECKING:
    from rich.console import Console

log = logs.get_logger(__name__)

CONVERSATION_NAME = "conversation.txt"
LEFT_OUT_NAME = "left_out.txt"
_NUM_NAMED = 5


def make_collator(config: Config, prepared: Prepared) -> Collator:
    """How samples become a batch in this run."""
    batching = config.data.batching
    return Collator(
        "padded" if batching.type == "padded" else "padding_free",
        pad_id=prepared.tokenizer.end_of_text,
        spec=prepared.spec,
        sources=prepared.sets.sources,
        budget=batching.budget if batching.type == "tokens" else None,
    )


def show(loaded: Loaded, prepared: Prepared, debug: bool) -> None:
    """The health table, the parts, the optimiser and the mixture; with `debug` the whole
    configuration, and one sample."""
    if os.environ.get("RANK", "0") != "0":
        return
    config, console = loaded.config, logs.console(stderr=True)
    facts = HealthFacts(
        base_model=f"{config.model.model} ({prepared.base_folder.name})",
        tuner=config.tuner,
        max_length=config.template.max_length or 0,
        lengths=prepared.sets.lengths,
        notes=prepared.notes,
        keeps_fp32=sharding_of(config).kind == "deepspeed",
    )
    found = checks(facts, prepared.model)
    console.print(health_table(found, parts_table(prepared.model)))
    rows = group_rows(prepared.model, Rates.of(config), config.training.weight_decay)
    console.print(rates_table(rows))
    if prepared.sets.plan:
        console.print(plan_table(prepared.sets.plan))
    if debug:
        console.print(resolved_text(loaded), markup=False)
        _show_sample(config, prepared, console)


def _show_sample(config: Config, prepared: Prepared, console: Console) -> None:
    sample = prepared.sets.train[0]
    batch = make_collator(config, prepared)([sample])
    encoded = sample.encoded
    console.print(f"\nsample 0 ({encoded.place}), {encoded.length} tokens:")
    console.print(sample_text(encoded, prepared.tokenizer), markup=False)
    found = sample_checks(sample, batch, prepared.tokenizer, prepared.spec)
    console.print(checks_table("sample 0", found))


def write_files(config: Config, prepared: Prepared, folder: Path, debug: bool) -> None:
    """The first sample as text (`custom.dump_conversation_text`, or `debug`), and the records that
    are left out (`template.truncation_strategy: delete`)."""
    custom = config.custom
    if custom.dump_conversation_text or debug:
        path = folder / (custom.dump_conversation_path or CONVERSATION_NAME)
        text = conversation_text(prepared.sets.train.encode(0), prepared.tokenizer)
        _write(path, text)
    if dropped := prepared.sets.lengths.dropped:
        _write(folder / LEFT_OUT_NAME, "".join(f"{line}\n" for line in dropped))
        more = len(dropped) - _NUM_NAMED
        tail = f"; and {more} more, see {folder / LEFT_OUT_NAME}" if more > 0 else ""
        log.warning(
            "over-long records that are left out: %d: %s%s",
            len(dropped),
            "; ".join(dropped[:_NUM_NAMED]),
            tail,
        )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    canonical.write_text(path, text)
