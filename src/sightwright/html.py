"""HTML pages that stand alone: styles and pictures inside the file, no script, nothing fetched.

Whatever a page shows is somebody's data, so every value is escaped and the page forbids itself to
run or load anything.
"""

import base64
import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment
    from PIL.Image import Image

_TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, values: Mapping[str, Any]) -> str:
    """Fill `templates/<template>`, which extends `base.html`.

    Raises:
        jinja2.UndefinedError: the template asks for a value that is not given.
    """
    return _environment().get_template(template).render(values)


def picture(image: "Image", max_side: int = 1000) -> str:
    """An image as a data URL for looking at: lossy, and no side over `max_side` pixels."""
    shown = image.convert("RGB")
    shown.thumbnail((max_side, max_side))
    buffer = io.BytesIO()
    shown.save(buffer, format="WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
