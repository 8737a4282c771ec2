"""What a process has ready for the children that are forked from it, for tests that start many: the
packages that a run imports, and all that transformers works out before it loads its first model.

Ours are not among them: each command imports them in its own order, as it does on its own.
"""

import gc
from importlib import import_module
from pathlib import Path

import torch
from transformers import Qwen3VLForConditionalGeneration

for name in (
    "accelerate", "deepspeed", "fastapi", "faster_coco_eval", "httpcore", "jinja2", "jsonschema_rs",
    "llguidance", "msgspec", "peft", "PIL.ImageDraw", "PIL.ImageFont", "pydantic", "pypdfium2",
    "rapidfuzz", "rich.console", "rich.progress", "rich.table", "ruamel.yaml", "scipy.optimize",
    "shapely", "tokenizers", "torch.distributed.tensor", "torch.utils.tensorboard",
    "transformers.trainer", "transformers.models.qwen3_vl_moe.modeling_qwen3_vl_moe", "typer",
    "uvicorn",
):  # fmt: skip
    import_module(name)
# A pool of threads would not come along into the children.
torch.set_num_threads(1)
_TINY = Path(__file__).parents[1] / "src/sightwright/demo/tiny"
Qwen3VLForConditionalGeneration.from_pretrained(_TINY)
# What the collector never looks at is never copied.
gc.freeze()
