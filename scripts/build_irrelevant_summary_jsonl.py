"""`sightwright ingest irrelevant` under the name that the documents use."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from sightwright.cli.main import main

if __name__ == "__main__":
    main(["ingest", "irrelevant", *sys.argv[1:]])
