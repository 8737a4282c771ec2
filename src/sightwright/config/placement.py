"""Keys that stand in another section than ours, where ms-swift takes them too."""

from collections.abc import Iterator

from sightwright.config.fields import FLAT_SECTIONS, owners, section_keys
from sightwright.config.older_names import present_name
from sightwright.config.problems import Problem
from sightwright.config.tree import Branch, find, moved


def relocate(root: Branch) -> Iterator[Problem]:
    """Move every key of a flat section to the one flat section that has it, in place.

    `{training: {lora_rank: 8}}` becomes `{tuner: {lora_rank: 8}}`.
    """
    for section in FLAT_SECTIONS:
        branch = root.children.get(section)
        if isinstance(branch, Branch):
            for key in list(branch.children):
                yield from _relocate_key(root, branch, section, key)


def _relocate_key(root: Branch, branch: Branch, section: str, key: str) -> Iterator[Problem]:
    if key in section_keys()[section]:
        return
    homes = [home for home in owners(key) if home in FLAT_SECTIONS]
    if len(homes) != 1:
        return
    home = homes[0]
    node = branch.children.pop(key)
    twin = find(root, (home, key)) or find(root, (home, present_name(home, key) or key))
    if twin is not None:
        text = f"also given as {home}.{key} on line {twin.place.line}"
        yield Problem(node.place, f"{section}.{key}", text, "keep one of them")
        return
    target = root.children.setdefault(home, Branch(node.place))
    if isinstance(target, Branch):
        target.children[key] = moved(node, f"given as {section}.{key}")
