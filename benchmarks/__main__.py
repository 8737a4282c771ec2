"""`make bench`: side-by-side measurements on this machine's CPU, losses included.

Each compares the same work, checked equal first, in alternating runs; medians and the ratio are
printed with the peer's version. Every module of `benchmarks/cpu` has `run() -> list[Comparison]`.

    python -m benchmarks [NAME ...] [--json FILE]     e.g. `pages patches`; all of them, if none
    python -m benchmarks --install-peers              the environments of their own, in .peers/
                                                      (13 GB, nearly all of it torch, twice)
"""

import argparse
import importlib
import json
import os
import pkgutil
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks import cpu
from benchmarks.alternating import Comparison
from benchmarks.peers.environments import install_all


def main() -> None:
    every = sorted(module.name for module in pkgutil.iter_modules(cpu.__path__))
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(every)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures, too")
    parser.add_argument("--install-peers", action="store_true")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(every):
        parser.error(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(every)}")
    if arguments.install_peers:
        install_all()
        return
    here = machine()
    print(", ".join(f"{key} {value}" for key, value in here.items()))
    results: dict[str, list[Comparison]] = {}
    for name in arguments.names or every:
        results[name] = importlib.import_module(f"benchmarks.cpu.{name}").run()
    if arguments.json:
        found = {name: [one.to_json() for one in rows] for name, rows in results.items()}
        arguments.json.write_text(json.dumps({"machine": here, "benchmarks": found}, indent=2))


def machine() -> dict[str, Any]:
    names = ("torch", "transformers", "pillow", "pypdfium2", "numpy", "msgspec")
    cores = len(os.sched_getaffinity(0))
    here = {"cores": cores, "processor": _processor(), "Python": platform.python_version()}
    # Whatever else runs beside the measurements.
    here["load"] = round(os.getloadavg()[0], 1)
    return here | {name: metadata.version(name) for name in names}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


if __name__ == "__main__":
    main()
