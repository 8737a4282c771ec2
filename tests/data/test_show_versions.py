import pytest
from PIL import Image

from sightwright.config.schema import Config
from sightwright.data.show_versions import versions_of
from sightwright.errors import ConfigError
from sightwright.geometry import Box
from sightwright.inspection_records import DenseObject, InspectionRecord

RECORD = InspectionRecord("p", "a.png", 160, 100, (DenseObject("screw", Box(0, 10, 20, 30)),))


def test_versions_are_those_of_the_configuration() -> None:
    ops = [{"name": "hflip", "params": {"prob": 1.0}}]
    values = {
        "custom": {"train_jsonl": "x", "augmentation": {"enabled": True, "ops": ops}},
        "training": {"seed": 3},
    }
    draw = versions_of(Config.model_validate(values), 3)
    image = Image.new("RGB", (160, 100), "white")
    image.paste("red", (0, 0, 20, 100))
    sheet = draw(image, RECORD)
    assert sheet.tobytes() == draw(image, RECORD).tobytes()
    # The record and three versions of it: red at the left of one, at the right of three.
    assert sheet.width > 2 * 160
    with pytest.raises(ConfigError, match="no augmentation"):
        versions_of(Config.model_validate({"custom": {"train_jsonl": "x"}}), 3)
