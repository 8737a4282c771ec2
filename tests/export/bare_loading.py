"""Run by `test_bare_environment.py` in a Python that has no Sightwright: logits of what folders
hold, by transformers and PEFT alone.

    python -I -S bare_loading.py PACKAGES INPUTS OUT MODEL[,ADAPTER]...

OUT gets the logits and the ids of a prompt of each, under their place in the line: `logits.0`.
"""

import sys

PACKAGES, INPUTS, OUT, *LOADED = sys.argv[1:]


def main() -> None:
    sys.path.append(PACKAGES)
    refuse_sightwright()
    from safetensors.torch import save_file

    found = {}
    for place, folders in enumerate(LOADED):
        logits, prompt = answer(*folders.split(","))
        found |= {f"logits.{place}": logits, f"prompt.{place}": prompt}
    save_file(found, OUT)
    assert not [name for name in sys.modules if name.split(".")[0] == "sightwright"]


def answer(model, *adapter):
    import torch
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import AutoModelForImageTextToText, AutoTokenizer

    loaded = AutoModelForImageTextToText.from_pretrained(model, dtype=torch.float32)
    for folder in adapter:
        loaded = PeftModel.from_pretrained(loaded, folder)
    with torch.inference_mode():
        logits = loaded.eval()(**load_file(INPUTS), use_cache=False).logits
    tokenizer = AutoTokenizer.from_pretrained(model)
    ids = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Total?"}], tokenize=True, add_generation_prompt=True
    )
    flat = ids["input_ids"] if not isinstance(ids, list) else ids
    return logits.contiguous(), torch.tensor(flat)


def refuse_sightwright() -> None:
    """With it at hand, nothing would be proven."""
    try:
        import sightwright  # noqa: F401
    except ModuleNotFoundError as error:
        assert error.name == "sightwright"
    else:
        raise SystemExit("sightwright can be imported here")


main()
