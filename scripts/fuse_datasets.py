"""`sightwright data fuse` with the options that the documents give it."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from sightwright.cli.main import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-c", "--config", required=True, help="the mixture, YAML or JSON")
    parser.add_argument(
        "-o",
        "--output",
        help="the JSONL; <target>_train_fused.jsonl beside its records if not given",
    )
    parser.add_argument("--seed", default="2025")
    parser.add_argument("--no-shuffle", action="store_true")
    given = parser.parse_args()
    options = ["--seed", given.seed]
    if given.output:
        options += ["--out", given.output]
    if given.no_shuffle:
        options.append("--no-shuffle")
    main(["data", "fuse", given.config, *options])
