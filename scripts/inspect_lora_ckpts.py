"""`sightwright inspect` with the option of the documents, and lines as their script prints them."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from sightwright.cli.main import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--paths", nargs="+", required=True, metavar="DIR", help="adapters or models; two compare"
    )
    given = parser.parse_args()
    main(["inspect", "--lines", "--", *given.paths])
