"""Check the contract of a JSONL of photographs with their objects: --jsonl FILE [--limit 100].

`sightwright data validate` does the same and looks at the images too.
"""

import argparse
import sys
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from sightwright import jsonl
from sightwright.errors import DataError
from sightwright.inspection_records import read_inspection_record


def check(file: Path, limit: int) -> int:
    """How many lines there are; every one of them (of the first `limit`) holds the contract."""
    number = 0
    for line, value in islice(jsonl.read_values(file), limit or None):
        try:
            record = read_inspection_record(value)
            if not record.objects:
                raise DataError("no objects: it is a summary alone, not a dense record")
        except DataError as error:
            raise DataError(error.message, where=line.where, remedy=error.remedy) from None
        number += 1
    if not number:
        raise DataError("no records in it", where=str(file))
    return number


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jsonl", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=100, help="first lines to check; 0: all")
    given = parser.parse_args()
    if given.limit < 0:
        parser.error("--limit is 0 or more")
    try:
        print(f"OK: {check(given.jsonl, given.limit)} records")
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
