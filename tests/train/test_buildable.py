"""Optimiser and schedule are tried before the weights are loaded."""

import pytest
from transformers import Trainer

from sightwright.config.load import load_text
from sightwright.config.sections.training import Training
from sightwright.errors import ConfigError, MissingExtraError
from sightwright.train.buildable import require_buildable


def require(text: str) -> None:
    require_buildable(load_text(f"training: {{{text}}}").config)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "optim: adamw_torch",
        "optim: adafactor",
        "optim: sgd, optim_args: 'momentum=0.9,nesterov=true'",
        "lr_scheduler_type: cosine_warmup_with_min_lr, lr_scheduler_kwargs: {min_lr: 1e-6}",
        "lr_scheduler_type: warmup_stable_decay, "
        "lr_scheduler_kwargs: {num_decay_steps: 5, num_stable_steps: 5}",
        "lr_scheduler_type: reduce_lr_on_plateau, eval_strategy: epoch",
        "learning_rate: 0, lr_scheduler_type: cosine_with_min_lr, "
        "lr_scheduler_kwargs: {min_lr_rate: 0.1}",
        # It looks for its modules in the model.
        "optim: galore_adamw",
    ],
)
def test_what_transformers_builds_passes(text: str) -> None:
    require(text)


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise ImportError("You need to install `bitsandbytes`")

    monkeypatch.setattr(Trainer, "get_optimizer_cls_and_kwargs", missing)
    with pytest.raises(MissingExtraError, match="bitsandbytes") as caught:
        require("optim: adamw_8bit")
    assert caught.value.where == "training.optim adamw_8bit"


def test_settings_that_an_optimiser_does_not_take_are_told() -> None:
    with pytest.raises(ConfigError, match=r"training\.optim sgd"):
        require("optim: sgd, optim_args: 'momentum=much'")


def test_a_schedule_that_the_installed_transformers_does_not_know_is_told() -> None:
    config = load_text("training: {}").config
    unknown = Training.model_construct(**{**vars(config.training), "lr_scheduler_type": "spiral"})
    with pytest.raises(ConfigError, match=r"training\.lr_scheduler_type spiral"):
        require_buildable(config.model_copy(update={"training": unknown}))
