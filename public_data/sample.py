"""`sightwright ingest sample`: a part of a set, chosen by what is on its images.

python public_data/sample.py train.jsonl --out part.jsonl --num 1000 --strategy stratified
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from sightwright.cli.main import main

if __name__ == "__main__":
    main(["ingest", "sample", *sys.argv[1:]])
