"""`sightwright data split` with the options that the documents give it."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from sightwright.cli.main import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--in", dest="file", default="data/train.jsonl")
    parser.add_argument("--out-dir", default="data/splits")
    shares = {"seed": "42", "train": "0.8", "val": "0.1", "test": "0.1"}
    for name, value in shares.items():
        parser.add_argument(f"--{name}", default=value)
    given = vars(parser.parse_args())
    options = [text for name in shares for text in (f"--{name}", given[name])]
    main(["data", "split", given["file"], "--out", given["out_dir"], *options])
