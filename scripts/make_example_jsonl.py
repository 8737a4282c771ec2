"""`sightwright data example --out examples/example.jsonl`; takes no arguments."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from sightwright.cli.main import main

if __name__ == "__main__":
    main(["data", "example", "--out", "examples/example.jsonl", *sys.argv[1:]])
