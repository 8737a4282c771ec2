"""`sightwright ingest zip` under the name that the documents use: [--zip FILE …] [--out DIR]."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from sightwright.cli.main import main

if __name__ == "__main__":
    main(["ingest", "zip", *sys.argv[1:]])
