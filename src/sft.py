"""`python -m src.sft --config X [--base_config B] [--debug]`, as the documents write it.

The same run as `sightwright train`, from a checkout.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from sightwright.cli.main import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
