"""Where an image may stand is the same on every road: training, evaluation, validation, a sheet."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import sightwright.demo
from loopback_web import Web
from sightwright.chat import ChatTokenizer
from sightwright.data.dataset import RecordDataset
from sightwright.data.encode import Encoder, arrange_chat
from sightwright.data.show import How, make_sheet
from sightwright.errors import ImageError, SightwrightError
from sightwright.evaluate.run import evaluate, read_records
from sightwright.images import encode_data_url
from sightwright.infer.fake import FakeEngine
from sightwright.ingest.validate import Validator
from sightwright.jsonl import write_all
from sightwright.records import write_chat_record
from sightwright.schema import compile_schema
from sightwright.tasks.extract import ExtractTask
from sightwright.vision import PixelPolicy, VisionSpec

TASK = ExtractTask(
    compile_schema({"type": "object", "properties": {"total": {"type": "number"}}}, "bill")
)
SIZE = (96, 64)

Road = Callable[[Path], tuple[int, int]]


def _encoder() -> Encoder:
    folder = Path(sightwright.demo.__file__).parent / "tiny"
    spec = VisionSpec(PixelPolicy(1024, 65536))
    return Encoder(ChatTokenizer.from_folder(folder), spec, arrange_chat(None), max_length=512)


def _train(path: Path) -> tuple[int, int]:
    dataset, _ = RecordDataset.open(path, _encoder())
    sample = dataset[0]
    ((_, rows, columns),) = sample.encoded.grids
    assert sample.patches[0].shape[0] == rows * columns
    return columns * 16, rows * 16


def _evaluate(path: Path) -> tuple[int, int]:
    engine = FakeEngine(lambda request: '{"total":1}')
    result = evaluate(engine, read_records(path), TASK, root=path.parent, progress=False)
    assert result.documents[0].answer == {"total": 1}
    return engine.requests[0].images[0].size


def _sheet(path: Path) -> tuple[int, int]:
    (card,) = make_sheet(path, How(_encoder()), about={}, limit=1).cards
    if card.problem:
        raise ImageError(card.problem)
    return card.pictures[0].size


def _validate(path: Path) -> tuple[int, int]:
    for problem in Validator(TASK.schema).check([path]):
        raise ImageError(str(problem))
    return SIZE


@pytest.fixture(params=[_train, _evaluate, _sheet, _validate])
def road(request: pytest.FixtureRequest) -> Road:
    return request.param


def _write(folder: Path, reference: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "records.jsonl"
    write_all(path, [write_chat_record(TASK.record("one", [reference], {"total": 1}))])
    return path


def _image(size: tuple[int, int] = SIZE) -> Image.Image:
    return Image.new("RGB", size, "white")


def test_beside_the_records(tmp_path: Path, road: Road) -> None:
    (tmp_path / "pages").mkdir()
    _image().save(tmp_path / "pages" / "a.png")
    assert road(_write(tmp_path, "pages/a.png")) == SIZE
    assert road(_write(tmp_path, "pages\\a.png")) == SIZE
    assert road(_write(tmp_path / "elsewhere", str(tmp_path / "pages" / "a.png"))) == SIZE


def test_root_image_dir_wins(tmp_path: Path, road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "root").mkdir()
    _image().save(tmp_path / "root" / "a.png")
    path = _write(tmp_path / "records", "a.png")
    _image((32, 32)).save(path.parent / "a.png")
    monkeypatch.setenv("ROOT_IMAGE_DIR", str(tmp_path / "root"))
    assert road(path) == SIZE
    monkeypatch.setenv("ROOT_IMAGE_DIR", str(tmp_path / "empty"))
    with pytest.raises(SightwrightError, match="no such image file"):
        road(path)


def test_in_the_record_itself(tmp_path: Path, road: Road) -> None:
    assert road(_write(tmp_path, encode_data_url(_image()))) == SIZE


def test_on_the_web_fetched_once(tmp_path: Path, road: Road, web: Web) -> None:
    buffer = io.BytesIO()
    _image().save(buffer, format="PNG")
    path = _write(tmp_path, web.serve("/a.png", buffer.getvalue()))
    assert road(path) == road(path) == SIZE
    assert web.asked in (["/a.png"], [])
    assert (web.asked == []) == (road is _validate)


@pytest.mark.parametrize("road", [_train, _evaluate, _sheet])
def test_not_on_the_web(tmp_path: Path, road: Road, web: Web) -> None:
    path = _write(tmp_path, web.url + "/none.png?key=SECRET")
    with pytest.raises(SightwrightError, match="the server answers 404") as caught:
        road(path)
    assert "one" in str(caught.value) or road is _sheet
    assert "SECRET" not in str(caught.value)
