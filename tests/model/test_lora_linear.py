"""Against PEFT's own forward of the same module."""

from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora.layer import Linear
from torch import Tensor, nn

from sightwright.model.lora_linear import LoraLinear, take_lora_linear

IN, OUT, RANK = 12, 20, 3


def adapted(bias: bool = False, **settings: Any) -> tuple[PeftModel, LoraLinear]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(IN, OUT, bias=bias))
    config = LoraConfig(r=RANK, lora_alpha=5, target_modules=["0"], **settings)
    wrapped = get_peft_model(model, config)
    take_lora_linear(wrapped)
    (layer,) = (each for each in wrapped.modules() if isinstance(each, Linear))
    assert isinstance(layer, LoraLinear)
    nn.init.normal_(layer.lora_B["default"].weight)
    return wrapped, layer


def results(layer: LoraLinear, x: Tensor, *, by_peft: bool) -> dict[str, Tensor]:
    """What the layer gives, and the gradients of all that learns and of the input."""
    x = x.clone().requires_grad_()
    layer.zero_grad()
    torch.manual_seed(1)
    out = Linear.forward(layer, x) if by_peft else layer(x)
    out.backward(torch.randn(out.shape).to(out.dtype))
    learnt = {name: p.grad for name, p in layer.named_parameters() if p.grad is not None}
    assert x.grad is not None
    return {"out": out.detach(), "x": x.grad, **learnt}


def assert_same_as_peft(layer: LoraLinear, x: Tensor, **tolerance: float) -> None:
    found, expected = (results(layer, x, by_peft=each) for each in (False, True))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        torch.testing.assert_close(found[name], value, **tolerance)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each forward, whether it was ours."""
    forwards: list[bool] = []
    asked = LoraLinear._plain_adapter

    def seen(self: LoraLinear, x: Tensor) -> str | None:
        name = asked(self, x)
        forwards.append(name is not None)
        return name

    monkeypatch.setattr(LoraLinear, "_plain_adapter", seen)
    return forwards


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shape", [(4, IN), (2, 3, IN)])
@pytest.mark.parametrize("settings", [{}, {"use_rslora": True}], ids=["lora", "rslora"])
def test_one_pass_is_what_peft_does_in_three(
    bias: bool, shape: tuple[int, ...], settings: dict[str, Any], taken: list[bool]
) -> None:
    _, layer = adapted(bias, **settings)
    assert_same_as_peft(layer, torch.randn(shape))
    assert taken == [True]


def test_dropout_falls_on_the_adapter_alone(taken: list[bool]) -> None:
    _, layer = adapted(lora_dropout=0.5)
    assert_same_as_peft(layer.train(), torch.randn(2, 3, IN))
    assert taken == [True]


def test_mixed_precision_is_as_near_to_fp32_as_peft(taken: list[bool]) -> None:
    _, layer = adapted()
    x = torch.randn(64, 3, IN)
    exact = results(layer, x, by_peft=True)
    with torch.autocast("cpu", torch.bfloat16):
        found, peft = (results(layer, x, by_peft=each) for each in (False, True))
    assert taken == [True]
    for name, value in exact.items():
        assert found[name].dtype == peft[name].dtype
        ours, theirs = ((each[name] - value).norm() / value.norm() for each in (found, peft))
        assert ours <= 1.1 * theirs <= 0.01, name


def test_what_is_not_plain_is_left_to_peft(taken: list[bool]) -> None:
    x = torch.randn(2, IN)
    for settings in ({"use_dora": True}, {"lora_bias": True}):
        assert_same_as_peft(adapted(bias=True, **settings)[1], x)
    _, layer = adapted()
    layer.base_layer.to(torch.bfloat16)
    results(layer, x.bfloat16(), by_peft=False)
    assert not any(taken)


def test_adapters_are_switched_off_merged_and_mixed_as_ever(taken: list[bool]) -> None:
    wrapped, layer = adapted()
    x = torch.randn(2, IN)
    with wrapped.disable_adapter():
        torch.testing.assert_close(layer(x), layer.base_layer(x))
    with_adapter = layer(x)
    wrapped.merge_adapter()
    torch.testing.assert_close(layer(x), with_adapter)
    wrapped.unmerge_adapter()
    wrapped.add_adapter("second", LoraConfig(r=RANK, target_modules=["0"]))
    wrapped.base_model.set_adapter(["default", "second"])
    # The second one starts at zero.
    torch.testing.assert_close(layer(x), with_adapter)
    assert taken == [False, True, False, False]
