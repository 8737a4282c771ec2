import json
import logging
import shutil
import sys
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel, Qwen3VLMoeForConditionalGeneration

from sightwright.config.sections.quantization import Quantization
from sightwright.errors import ModelError
from sightwright.model.load import (
    choose_device,
    load_chat_tokenizer,
    load_model,
    load_vision_spec,
    model_type,
    resolve_attention,
    resolve_folder,
    torch_dtype,
)
from sightwright.vision import PixelPolicy


@pytest.fixture
def copy(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "model"))


def edit(path: Path, **changes: object) -> None:
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


def test_tiny_is_the_packaged_folder_and_a_folder_is_itself(tmp_path: Path) -> None:
    assert (resolve_folder("tiny") / "config.json").is_file()
    assert resolve_folder(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("name", ["no such folder", "a/b/c", "./missing"])
def test_neither_folder_nor_hub_id_is_an_error(name: str) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        resolve_folder(name)


def test_the_hub_out_of_reach_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="the hub does not give it") as caught:
        resolve_folder("nobody/nothing")
    assert caught.value.where == "nobody/nothing"
    with pytest.raises(ModelError) as caught:
        resolve_folder("Qwen/Qwen3-VL-32B-A3B-Instruct")
    assert "did you mean Qwen/Qwen3-VL-30B-A3B-Instruct" in str(caught.value.remedy)


def test_a_dense_model_is_loaded_in_the_number_format_asked_for(tiny_folder: Path) -> None:
    model = load_model(tiny_folder, "bfloat16", device="cpu")
    assert model.dtype == torch.bfloat16 and not model.training
    assert type(model).__name__ == "Qwen3VLForConditionalGeneration"
    assert load_model(tiny_folder, device="cpu").dtype == torch.float32


def test_a_mixture_of_experts_is_told_apart_by_its_model_type(
    moe: PreTrainedModel, tmp_path: Path
) -> None:
    moe.save_pretrained(tmp_path / "moe")
    loaded = load_model(tmp_path / "moe", device="cpu")
    assert isinstance(loaded, Qwen3VLMoeForConditionalGeneration)
    for name, weight in moe.state_dict().items():
        assert torch.equal(weight, loaded.state_dict()[name]), name


def test_another_architecture_is_refused_by_name(copy: Path) -> None:
    edit(copy / "config.json", model_type="llava")
    with pytest.raises(ModelError, match="'llava'") as caught:
        load_model(copy)
    assert "qwen3_vl_moe" in str(caught.value.remedy)


def test_an_adapter_folder_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="holds an adapter"):
        model_type(tmp_path)


def test_missing_and_broken_weights_are_errors(copy: Path) -> None:
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(copy, device="cpu")
    weights.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(copy, device="cpu")


def test_pickled_weights_are_not_read(copy: Path) -> None:
    torch.save(load_model(copy, device="cpu").state_dict(), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(copy, device="cpu")


def test_a_tensor_that_is_not_in_the_files_is_an_error(copy: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(copy / "model.safetensors")
    weights.pop("model.visual.merger.norm.weight")
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"1 tensors .*merger\.norm\.weight"):
        load_model(copy, device="cpu")


def test_flash_attention_falls_back_to_its_equivalent_and_says_so(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("transformers.utils.import_utils.is_flash_attn_2_available", lambda: False)
    choice = resolve_attention("flash_attn")
    assert (choice.asked, choice.used) == ("flash_attn", "sdpa") and choice.reason
    with caplog.at_level(logging.WARNING, logger="sightwright.model.load"):
        model = load_model(tiny_folder, attn_impl="flash_attention_2", device="cpu")
    assert model.config._attn_implementation == "sdpa"
    assert [record.getMessage() for record in caplog.records] == [
        f"attention sdpa: {choice.reason}"
    ]
    assert resolve_attention("eager").reason == ""
    with pytest.raises(ModelError, match="'paged'"):
        resolve_attention("paged")


def test_names_of_number_formats_and_devices() -> None:
    assert torch_dtype("bf16") == torch_dtype("bfloat16") == torch.bfloat16
    assert torch_dtype("auto") == "auto"
    with pytest.raises(ModelError, match="'int8'"):
        torch_dtype("int8")
    assert choose_device("cpu") == "cpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for a GPU that is not there")
def test_a_gpu_that_is_not_there_is_an_error(tiny_folder: Path) -> None:
    assert choose_device(None) == "cpu"
    with pytest.raises(ModelError, match="no usable GPU"):
        choose_device("cuda:0")


@pytest.mark.quant
def test_four_bits_are_those_of_the_language_models_layers(tiny_folder: Path) -> None:
    four_bit = Quantization(quant_bits=4)
    model = load_model(tiny_folder, "float32", device="cpu", quantization=four_bit)
    kinds = {name: type(module).__name__ for name, module in model.named_modules()}
    assert kinds["model.language_model.layers.0.mlp.up_proj"] == "Linear4bit"
    assert kinds["model.visual.merger.linear_fc1"] == kinds["lm_head"] == "Linear"


def test_the_vision_spec_is_read_and_the_policy_wins(tiny_folder: Path) -> None:
    spec = load_vision_spec(tiny_folder)
    assert (spec.pixels.min_pixels, spec.pixels.max_pixels) == (1024, 65536)
    assert (spec.patch_size, spec.merge_size, spec.temporal_patch_size) == (16, 2, 2)
    assert spec.mean == spec.std == (0.5, 0.5, 0.5)
    policy = PixelPolicy(2048, 4096)
    assert load_vision_spec(tiny_folder, policy).pixels == policy


def test_the_older_keys_and_the_newer_file_are_read_too(copy: Path) -> None:
    path = copy / "preprocessor_config.json"
    edit(path, size=None, min_pixels=3136, max_pixels=12544)
    older = load_vision_spec(copy)
    assert older.pixels == PixelPolicy(3136, 12544)
    content = json.loads(path.read_text())
    (copy / "processor_config.json").write_text(json.dumps({"image_processor": content}))
    path.unlink()
    assert load_vision_spec(copy) == older


def test_a_missing_budget_or_file_is_an_error(copy: Path) -> None:
    path = copy / "preprocessor_config.json"
    edit(path, size=None)
    with pytest.raises(ModelError, match="no pixel budget"):
        load_vision_spec(copy)
    path.unlink()
    with pytest.raises(ModelError, match=r"preprocessor_config\.json"):
        load_vision_spec(copy)
    (copy / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        load_chat_tokenizer(copy)


def test_the_vision_spec_needs_no_torch(tiny_folder: Path) -> None:
    import subprocess

    program = (
        "import sys; from pathlib import Path; from sightwright.model.load import load_vision_spec;"
        f"load_vision_spec(Path({str(tiny_folder)!r}));"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
