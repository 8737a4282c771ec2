"""`make bench`: side-by-side measurements on this machine's CPU, losses included.

Each compares the same work, checked equal first, in alternating runs; medians and the ratio are
printed with the peer's version.
"""

import platform
from importlib import metadata

from benchmarks import patches


def main() -> None:
    versions = ("torch", "transformers", "pillow")
    named = ", ".join(f"{name} {metadata.version(name)}" for name in versions)
    print(f"Python {platform.python_version()}, {named}")
    patches.run()


if __name__ == "__main__":
    main()
