"""`sightwright ingest chat-corpus` for COIG-CQIA: the corpus' JSONL files, merged, as messages.

python public_data/convert_coig_cqia.py public_data/coig_cqia/raw
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from sightwright.cli.main import main

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, nargs="?", default=HERE / "coig_cqia" / "raw")
    parser.add_argument("--out", type=Path, default=HERE / "coig_cqia" / "train.jsonl")
    parser.add_argument("--download", action="store_true", help="refused: nothing is fetched")
    given, more = parser.parse_known_args()
    if given.download:
        print(
            "error: nothing is fetched here\n  remedy: download the corpus yourself, under its own "
            f"terms, and put its .jsonl files into {given.source}",
            file=sys.stderr,
        )
        raise SystemExit(2)
    main(["ingest", "chat-corpus", str(given.source), "--out", str(given.out), *more])
