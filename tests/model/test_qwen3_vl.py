"""Our subclasses are transformers' classes, as far as anyone can see."""

import inspect
import json
from pathlib import Path

import peft
import pytest
import torch
import transformers
from transformers import PreTrainedModel

from model.tiny_moe import write_tiny_moe
from sightwright.model.attention import attend_by_document
from sightwright.model.load import load_model
from sightwright.model.qwen3_vl import CLASSES, compile_layers


@pytest.fixture(scope="module")
def moe_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_moe(tmp_path_factory.mktemp("moe"))


@pytest.mark.parametrize("kind", CLASSES)
def test_names_and_signature_are_those_of_the_stock_class(kind: str) -> None:
    cls = CLASSES[kind]
    stock = getattr(transformers, cls.__name__)
    assert issubclass(cls, stock) and cls.__module__ == stock.__module__
    assert inspect.signature(cls.forward) == inspect.signature(stock.forward)
    assert cls.accepts_loss_kwargs and not stock.accepts_loss_kwargs


@pytest.mark.parametrize("kind", CLASSES)
def test_checkpoints_load_in_plain_transformers(
    kind: str, tiny_folder: Path, moe_folder: Path, tmp_path: Path
) -> None:
    model = load_model(tiny_folder if kind == "qwen3_vl" else moe_folder, "float32", device="cpu")
    attend_by_document(model)
    assert type(model) is CLASSES[kind]
    model.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == [CLASSES[kind].__name__]
    assert "sightwright" not in (tmp_path / "config.json").read_text()
    plain = getattr(transformers, CLASSES[kind].__name__).from_pretrained(
        tmp_path, dtype=torch.float32
    )
    ids = torch.arange(20, 60)[None]
    with torch.no_grad():
        torch.testing.assert_close(plain(input_ids=ids).logits, model(input_ids=ids).logits)


# PEFT asks by a name that transformers 5.24 has renamed.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_an_adapter_names_the_stock_class(dense: PreTrainedModel, tmp_path: Path) -> None:
    peft.get_peft_model(dense, peft.LoraConfig(target_modules=["q_proj"])).save_pretrained(tmp_path)
    auto = json.loads((tmp_path / "adapter_config.json").read_text())["auto_mapping"]
    assert auto["parent_library"] == "transformers.models.qwen3_vl.modeling_qwen3_vl"


# Dynamo asks every tensor for its gradient, and silences the warning in a way of its own.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
def test_compiled_layers_are_not_compiled_again_for_other_lengths(dense: PreTrainedModel) -> None:
    torch._dynamo.reset()
    dense.model.language_model.layers = dense.model.language_model.layers[:1]
    attend_by_document(dense)
    plain = [row_losses(dense, lengths) for lengths in LENGTHS]
    # The graphs are traced and split for the backward, and run by torch itself: no C++ compiler.
    compile_layers(dense, backend="aot_eager")
    with torch._dynamo.config.patch(error_on_recompile=False):
        warm = [row_losses(dense, lengths) for lengths in LENGTHS[:3]]
    with torch._dynamo.config.patch(error_on_recompile=True):
        later = [row_losses(dense, lengths) for lengths in LENGTHS[3:]]
    for found, expected in zip([*warm, *later], plain, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


LENGTHS = [[9, 5], [17], [4, 4, 11], [30, 2], [8, 8, 8, 8], [21]]


def row_losses(model: PreTrainedModel, lengths: list[int]) -> torch.Tensor:
    """Losses of text samples of these lengths, after a step back through all layers."""
    ids = torch.arange(20, 20 + sum(lengths))[None]
    plain = torch.cat([torch.arange(length) for length in lengths])
    output = model(
        input_ids=ids,
        position_ids=plain.expand(4, 1, -1),
        document_starts=torch.tensor([0, *lengths]).cumsum(0).int(),
        longest_document=max(lengths),
        answer_index=torch.arange(sum(lengths) - 1),
        answer_ids=ids[0, 1:],
        use_cache=False,
    )
    output.total.backward()
    return output.token_losses
