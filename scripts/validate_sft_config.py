"""Check a run's YAML and print every value it sets, without a weight: --config FILE.

`sightwright config check`, then `sightwright config show`, under the name of the older script.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from sightwright.cli.main import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="the run's YAML")
    parser.add_argument("--base-config", "--base_config", help="a YAML that everything overrides")
    given = parser.parse_args()
    base = ["--base_config", given.base_config] if given.base_config else []
    for verb in ("check", "show"):
        try:
            main(["config", verb, given.config, *base])
        except SystemExit as end:
            if end.code:
                raise
