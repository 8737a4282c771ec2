"""A 4-bit base: refused as such, while what was trained on it goes into the unquantised model."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForImageTextToText, BitsAndBytesConfig

from export.adapters import ATTENTION, TINY, difference, largest, logits, lora
from sightwright.errors import ModelError
from sightwright.export.merge import merge
from sightwright.model.adapters import load_adapter
from sightwright.model.load import load_model

pytestmark = [
    # transformers 5.23 warns of what peft 0.21 calls (November 2026).
    pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
]


def _quantised_base(folder: Path, *, within: str | None = None) -> Path:
    """As far as its config says: the weights are never reached."""
    shutil.copytree(TINY, folder)
    config = json.loads((folder / "config.json").read_text())
    told = config if within is None else config[within]
    told["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("within", [None, "text_config"])
def test_a_quantised_base_is_refused(tmp_path: Path, within: str | None) -> None:
    base = _quantised_base(tmp_path / "base", within=within)
    adapter = lora(tmp_path / "adapter", target_modules=["v_proj"])
    with pytest.raises(ModelError, match=r"quantised \(bitsandbytes\)") as caught:
        merge(adapter, tmp_path / "merged", base=str(base))
    assert "--model" in str(caught.value)


def test_an_adapter_of_a_quantised_base_goes_into_the_full_one(tmp_path: Path) -> None:
    base = _quantised_base(tmp_path / "base")
    adapter = lora(tmp_path / "adapter", target_modules=ATTENTION)
    (adapter / "sightwright.json").unlink()
    config = json.loads((adapter / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(base)
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="quantised"):
        merge(adapter, tmp_path / "merged")
    merge(adapter, tmp_path / "merged", base=str(TINY))
    assert "quantization_config" not in (tmp_path / "merged" / "config.json").read_text()
    plain = AutoModelForImageTextToText.from_pretrained(tmp_path / "merged").eval()
    expected = logits(load_adapter(load_model(TINY, "float32", device="cpu"), adapter))
    assert difference(logits(plain), expected) <= 1e-5 * largest(expected)


@pytest.mark.quant
@pytest.mark.parametrize("use_dora", [False, True])
def test_an_adapter_of_four_bit_weights_merges(tmp_path: Path, use_dora: bool) -> None:
    """What bitsandbytes trained on; the sum is made on the weights before they were rounded."""
    four_bit = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.float32,
        llm_int8_skip_modules=["lm_head", "model.visual"],
    )
    base = AutoModelForImageTextToText.from_pretrained(
        TINY, dtype=torch.float32, device_map="cpu", quantization_config=four_bit
    )
    model = get_peft_model(base, LoraConfig(r=4, target_modules=ATTENTION, use_dora=use_dora))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.03)
    model.save_pretrained(str(tmp_path / "adapter"))
    report = merge(tmp_path / "adapter", tmp_path / "merged", base=str(TINY))
    assert len(report.changed) == 16
    assert max(figures.max_abs for figures in report.parity) < 1e-4
    assert "quantization_config" not in (tmp_path / "merged" / "config.json").read_text()
