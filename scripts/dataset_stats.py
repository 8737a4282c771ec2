"""`sightwright data stats` with the option that the documents give it."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from sightwright.cli.main import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--in", dest="file", default="data/train.jsonl")
    given = parser.parse_args()
    main(["data", "stats", given.file])
