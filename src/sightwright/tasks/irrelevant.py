"""Pictures that show no installation: which of the two domains asks about them.

Their answer is 无关图片 whoever asks, so both domains' prompts must teach it. Which one asks is
drawn by the picture's name: in training anew for every epoch, in evaluation always the same.
"""

import hashlib
from typing import Literal

from sightwright.tasks.prompts import Template, template_named

# The name by which a mixture knows these records.
IRRELEVANT_DATASET = "irrelevant_summary"


def irrelevant_template(image: str, *, epoch: int | None) -> Literal["summary_bbu", "summary_rru"]:
    """The template that asks about an irrelevant picture, half of them each.

    The first byte of an MD5 decides: even is BBU. The name is hashed as the record has it, so that
    a set in another folder is asked alike.

    Args:
        image: the record's first image.
        epoch: of the training, from 0; None in evaluation.
    """
    key = image if epoch is None else f"{epoch}:{image}"
    first_byte = hashlib.md5(key.encode("utf-8", "surrogatepass"), usedforsecurity=False).digest()[
        0
    ]
    return "summary_rru" if first_byte % 2 else "summary_bbu"


def template_of(dataset: str, template: str, image: str, *, epoch: int | None) -> Template:
    """The template that a record of a mixture is asked by: its data set's own, but for irrelevant
    pictures.

    Raises:
        ConfigError: no such template.
    """
    if dataset == IRRELEVANT_DATASET:
        return irrelevant_template(image, epoch=epoch)
    return template_named(template)
