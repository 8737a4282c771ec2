"""The whole examination: in workers and without, twice the same, whatever a record does."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sightwright import canonical
from sightwright.doctor.chunks import Chunk
from sightwright.doctor.corpus import Split
from sightwright.doctor.diagnosis import CHECKS, CORPUS_CHECKS, diagnose, in_order
from sightwright.doctor.exam import MOST_OF_ONE, Setup
from sightwright.doctor.report import to_json
from sightwright.doctor.work import RECORD_CHECKS, ChunkJob, Examined, examine
from sightwright.draw.corpus import draw_corpus
from sightwright.draw.scene_sets import draw_groups, draw_irrelevants, draw_scenes
from sightwright.draw.schemas import schema_of
from sightwright.errors import DataError, SightwrightError
from sightwright.ingest.label_records import LabelRules, make_records
from sightwright.ingest.pdf import ingest_pdfs
from sightwright.ingest.render import RenderPolicy
from sightwright.ingest.workers import Done, Limits, Lost, Tell
from sightwright.schema import compile_schema
from sightwright.tasks.extract import ExtractTask
from sightwright.vision import PixelPolicy

from .conftest import examined, told, write

Photos = Callable[..., dict[str, Any]]


def faulty(photos: Photos, count: int) -> Iterator[dict[str, Any]]:
    """Every third one off its image, every fifth without one, two of them copies."""
    for number in range(count):
        changed: dict[str, Any] = {}
        if number % 3 == 0:
            changed["objects"] = [{"desc": "screw", "bbox_2d": [0, 0, 400, 400]}]
        if number % 5 == 0:
            changed["images"] = ["gone.png"]
        yield photos(number % (count - 2), id=f"r{number}", **changed)


def test_twice_the_same_with_workers_and_without(tmp_path: Path, photos: Photos) -> None:
    train = write(tmp_path / "train.jsonl", *faulty(photos, 40))
    val = write(tmp_path / "val.jsonl", photos(1, id="v"), photos(100))
    splits = [Split("train", (train,)), Split("val", (val,))]
    setup = Setup(1024 * 1024, 1024)
    outcomes = [
        canonical.dumps(to_json(diagnose(splits, setup, num_workers=workers)))
        for workers in (0, 0, 2)
    ]
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert '"errors":' in outcomes[0]


def test_every_check_is_in_the_report(tmp_path: Path) -> None:
    assert len(RECORD_CHECKS) + len(CORPUS_CHECKS) == len(CHECKS)


def test_of_a_check_a_few_are_listed_errors_first_and_all_are_counted(
    tmp_path: Path, photos: Photos
) -> None:
    train = write(tmp_path / "train.jsonl", *(photos(number) for number in range(8)))
    copies = [photos(number, id=f"again-{number}") for number in range(8)]
    # Two within train first: warnings. Then eight across: errors.
    more = [photos(20), photos(21)]
    for number in (20, 21):
        (tmp_path / f"photo-{number}.png").write_bytes((tmp_path / "photo-0.png").read_bytes())
    train = write(tmp_path / "train.jsonl", *(photos(number) for number in range(8)), *more)
    for number in (20, 21):
        (tmp_path / f"photo-{number}.png").write_bytes((tmp_path / "photo-0.png").read_bytes())
    found = examined(train, write(tmp_path / "val.jsonl", *copies), most_listed=4)
    assert found.counts["copies", "error"] == 8
    assert found.counts["copies", "warning"] == 2
    assert [finding.severity for finding in found.findings["copies"]] == ["error"] * 4


def test_a_hostile_record_fills_no_report(tmp_path: Path, photos: Photos) -> None:
    objects = [{"desc": "screw", "bbox_2d": [0, 0, 400, 400]}] * 500
    found = examined(write(tmp_path / "train.jsonl", photos(1, objects=objects)), most_listed=1000)
    assert found.counts["geometry", "error"] == 500
    assert len(found.findings["geometry"]) == MOST_OF_ONE


@pytest.mark.parametrize(
    "line",
    [
        '{"images": ["../../../../etc/passwd"], "width": 9, "height": 9, "summary": "x"}',
        '{"images": ["/dev/zero\\u0000"], "width": 9, "height": 9, "summary": "x"}',
        '{"images": ["data:image/png;base64,AAAA"], "width": 9, "height": 9, "summary": "x"}',
        '{"images": [""], "width": 9, "height": 9, "summary": "x"}',
        '{"images": ["x.png"], "width": 9, "height": 9, "objects": [[], 5, null, {"desc": 3}]}',
        '{"images": ["x.png"], "width": 9, "height": 9, "objects": [{"bbox_2d": [1e999,0,1,1]}]}',
        '{"images": ["x.png"], "width": -9, "height": true, "objects": {"a": 1}}',
        '{"messages": [{"role": "user", "content": [{"type": "image", "image": "x\\ud83d.png"}]}]}',
        '{"id": 5, "messages": 7}',
        "null",
        "\x00\x01\x02",
    ],
)
def test_hostile_lines_are_findings(tmp_path: Path, photos: Photos, line: str) -> None:
    found = examined(write(tmp_path / "train.jsonl", photos(1), line, photos(2)))
    assert found.total("error") >= 1
    assert {finding.line for kept in found.findings.values() for finding in kept} == {2}
    canonical.dumps(to_json(found))


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        examined(tmp_path / "none.jsonl")


def test_a_setup_that_cannot_be_used_is_no_record_s_fault(tmp_path: Path, photos: Photos) -> None:
    train = write(tmp_path / "train.jsonl", photos(1))
    with pytest.raises(SightwrightError):
        examined(train, config=str(tmp_path / "none.yaml"))


# Drawn data is clean


def test_drawn_scenes_are_clean(tmp_path: Path) -> None:
    # A scene of one part may be drawn twice.
    draw_scenes(60, 0, tmp_path, domain="bbu", name="train", fewest=3)
    draw_scenes(20, 10_000, tmp_path, domain="bbu", name="val", fewest=3)
    draw_irrelevants(10, 0, tmp_path)
    draw_groups(6, 0, tmp_path)
    setup = Setup(1024 * 1024, 1024)
    others = tuple(tmp_path / f"{name}.jsonl" for name in ("train", "irrelevant", "groups"))
    splits = [Split("train", others), Split("val", (tmp_path / "val.jsonl",))]
    assert told(diagnose(splits, setup, num_workers=0)) == []


@pytest.mark.parametrize("kind", ["receipt", "bill_of_lading"])
def test_drawn_documents_are_clean(tmp_path: Path, kind: str) -> None:
    for document in draw_corpus(kind, 12, 1, tmp_path / "drawn"):
        for source, folder in ((document.pdf, "pdf"), (document.json, "labels")):
            (tmp_path / folder).mkdir(exist_ok=True)
            source.rename(tmp_path / folder / source.name)
    policy = RenderPolicy(PixelPolicy(4096, 262_144))
    ingest_pdfs([tmp_path / "pdf"], tmp_path / "pages", policy, num_workers=1)
    task = ExtractTask(compile_schema(schema_of(kind), kind))
    file = tmp_path / "all.jsonl"
    make_records(tmp_path / "pages", tmp_path / "labels", task, file, LabelRules())
    found = examined(file)
    assert told(found) == []
    assert found.corpus.num_read_pages == found.corpus.num_pages >= 12
    assert found.corpus.seen.total() > 50


# Workers


def die_at_three(job: int, tell: Tell) -> int:
    if job == 3:
        os._exit(9)
    time.sleep(0.05 * (job % 2))
    return job * 10


def test_results_come_in_the_order_of_the_jobs() -> None:
    events = list(in_order(die_at_three, range(6), num_workers=2, limits=Limits()))
    assert [job for job, _ in events] == list(range(6))
    results = [event.result if isinstance(event, Done) else None for _, event in events]
    assert results == [0, 10, 20, None, 40, 50]
    assert isinstance(events[3][1], Lost)


def die_on_photo_2(job: ChunkJob, tell: Tell) -> list[Examined]:
    if any(b'"photo-2"' in line.data for _, line in job.chunk.lines()):
        os.abort()
    return examine(job, tell)


def test_a_record_that_ends_its_worker_is_lost_alone(tmp_path: Path, photos: Photos) -> None:
    train = write(tmp_path / "train.jsonl", *(photos(number) for number in range(5)))
    splits, setup = [Split("train", (train,))], Setup(1024 * 1024, 1024)
    found = diagnose(splits, setup, num_workers=2, work=die_on_photo_2)
    (line,) = told(found)
    assert line.startswith("images error train.jsonl:3 (): the examination crashed: its process ")
    assert found.corpus.kinds == {"inspection": 4, "unread": 1}


def test_chunks_travel() -> None:
    import pickle

    chunk = Chunk(0, "a", 1, 0, 3)
    assert pickle.loads(pickle.dumps(chunk)) == chunk
