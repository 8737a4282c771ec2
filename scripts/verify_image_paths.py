"""`sightwright data verify-images` with the options that the documents give it."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from sightwright.cli.main import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--in", dest="file", default="data/train.jsonl")
    parser.add_argument("--out-missing", default="docs/missing_image_files.txt")
    given = parser.parse_args()
    main(["data", "verify-images", given.file, "--out-missing", given.out_missing])
