"""A colour for each class of objects: always the same for the same name."""

import hashlib
from functools import cache

from sightwright.metrics.descriptions import label_of

# Chosen one after the other, each as far as can be from those before in CIELAB (none is nearer than
# 27 to another), among colours light enough for black text and dark enough to stand on white.
PALETTE = (
    "#ff00ff", "#00ff00", "#ff6600", "#40d9ff", "#9fb250", "#e6679a", "#7381ff", "#00ffb3",
    "#ffc1a6", "#ffcc00", "#00997a", "#b8e600", "#00b224", "#ff4053", "#8593cc", "#ff00b3",
    "#cc8f33", "#e373ff", "#cc675c", "#dd95e6", "#95e6cd", "#9ae667", "#2db262", "#40ff79",
)  # fmt: skip
# With this salt no two of the BBU categories share a colour, nor two of the RRU categories.
_SALT = b"6373"


@cache
def colour_of(name: str) -> str:
    """`#rrggbb`; two of more than a few classes may come to share one."""
    digest = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=4, salt=_SALT).digest()
    return PALETTE[int.from_bytes(digest, "big") % len(PALETTE)]


def class_of(desc: str) -> str:
    """What kind of thing a description names: the value after `类别=`, else what stands before the
    first `/` or `,`.

    >>> class_of("类别=标签,文本=5G"), class_of("screw/loose,rusty"), class_of("fire hydrant")
    ('标签', 'screw', 'fire hydrant')
    """
    return (label_of(desc) or desc).split(",", 1)[0].strip()
