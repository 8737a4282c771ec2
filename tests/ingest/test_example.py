from pathlib import Path

from PIL import Image, ImageChops

from sightwright import canonical
from sightwright.ingest.example import ANSWER, RECORD_ID, write_example
from sightwright.ingest.validate import Validator
from sightwright.schema import load_schema

ROOT = Path(__file__).parents[2]


def test_the_example_of_the_repository_is_what_the_verb_writes(tmp_path: Path) -> None:
    written = write_example(tmp_path / "example.jsonl")
    kept = ROOT / "examples" / "example.jsonl"
    assert written.record.read_bytes() == kept.read_bytes()
    # Pixel by pixel: another zlib packs the same pixels into other bytes.
    with Image.open(written.page) as page, Image.open(kept.with_name(f"{RECORD_ID}.png")) as same:
        assert page.size == same.size == (768, 480)
        assert ImageChops.difference(page.convert("L"), same.convert("L")).getbbox() is None


def test_it_has_six_keys_and_is_an_invoice() -> None:
    # PD13.
    assert len(ANSWER) == 6
    schema = load_schema(ROOT / "schemas" / "invoice.schema.json")
    schema.conform(ANSWER)
    validator = Validator(schema)
    assert list(validator.check([ROOT / "examples" / "example.jsonl"])) == []
    total = sum(line["qty"] * line["price"] for line in ANSWER["lines"])
    assert total == ANSWER["amount"]
    assert canonical.dumps(ANSWER["amount"]) == "129.00"
