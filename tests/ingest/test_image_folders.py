import json
from pathlib import Path

import pytest
from PIL import Image

from sightwright.ingest import pages
from sightwright.ingest.image_folders import ImageJob, ingest_images, make_document
from sightwright.ingest.image_pages import ImagePolicy
from sightwright.ingest.label_records import LabelRules, make_records
from sightwright.ingest.page_run import Outcome
from sightwright.ingest.workers import Limits, Tell
from sightwright.schema import compile_schema
from sightwright.tasks.extract import ExtractTask
from sightwright.vision import PixelPolicy

POLICY = ImagePolicy(PixelPolicy(32 * 32, 64 * 64))


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    (folder / "sub").mkdir(parents=True)
    for name in ("a_1.png", "a_2.png", "sub/b.jpg"):
        Image.new("RGB", (64, 64), "white").save(folder / name)
    return folder


def ingest(scans: Path, **options):
    options = {"policy": POLICY, "num_workers": 1, **options}
    return ingest_images([scans], scans.parent / "out", **options)


def test_images_become_an_index_of_pages(scans: Path) -> None:
    report = ingest(scans)
    assert report.counts == {"rendered": 3}
    documents = list(pages.read_index(scans.parent / "out"))
    assert [(d.id, d.source, [p.image for p in d.pages]) for d in documents] == [
        ("a_1", "../scans/a_1.png", ["a_1/page-0001.png"]),
        ("a_2", "../scans/a_2.png", ["a_2/page-0001.png"]),
        ("sub__b", "../scans/sub/b.jpg", ["sub__b/page-0001.png"]),
    ]
    assert documents[0].policy == {
        "min_pixels": 1024, "max_pixels": 4096, "from": "images", "format": "png",
    }  # fmt: skip
    assert ingest(scans).counts == {"kept": 3}


def test_a_document_is_made_anew_when_a_file_or_the_policy_changes(scans: Path) -> None:
    ingest(scans, grouping="numbered")
    Image.new("RGB", (64, 64), "black").save(scans / "a_2.png")
    report = ingest(scans, grouping="numbered")
    assert {o.id: o.status for o in report.outcomes} == {"a": "rendered", "sub__b": "kept"}
    (second,) = Path(scans.parent / "out" / "a").glob("page-0002.png")
    assert Image.open(second).getpixel((5, 5)) == (0, 0, 0)
    smaller = ImagePolicy(PixelPolicy(32 * 32, 32 * 32), image_format="jpeg")
    assert ingest(scans, grouping="numbered", policy=smaller).counts == {"rendered": 2}
    assert (scans.parent / "out" / "a" / "page-0001.jpg").is_file()


def test_bad_files_get_their_line_and_stop_no_other(scans: Path) -> None:
    (scans / "bad.png").write_text("no image")
    (scans / "sub" / "long.tif").write_bytes(tiff_of(4))
    (scans / "sub" / "gap_1.png").write_bytes((scans / "a_1.png").read_bytes())
    (scans / "sub" / "gap_3.png").write_bytes((scans / "a_1.png").read_bytes())
    policy = ImagePolicy(POLICY.pixels, max_pages=3)
    report = ingest(scans, policy=policy, grouping="numbered")
    out = scans.parent / "out"
    lines = [json.loads(line) for line in (out / pages.REPORT).read_text().splitlines()]
    assert {line["id"]: (line["status"], line.get("why", "")) for line in lines} == {
        "a": ("ok", ""),
        "bad": ("broken", "bad.png: not an image (PNG, JPEG, WEBP, BMP, TIFF)"),
        "sub__b": ("ok", ""),
        "sub__gap": ("broken", "page 2 is missing between gap_1.png and gap_3.png"),
        "sub__long": ("too-many-pages", "over the limit of 3 pages"),
    }
    assert len(report.failures) == 3
    assert sorted(path.name for path in out.iterdir()) == [
        "a",
        "pages.jsonl",
        "report.jsonl",
        "sub__b",
    ]


def tiff_of(num_pages: int) -> bytes:
    from io import BytesIO

    buffer = BytesIO()
    frames = [Image.new("L", (32, 32), shade) for shade in range(num_pages)]
    frames[0].save(buffer, format="TIFF", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def die_on_a_1(job: ImageJob, tell: Tell) -> Outcome:
    import os
    import signal

    if job.id == "a_1":
        job.partial.mkdir()
        os.kill(os.getpid(), signal.SIGKILL)
    return make_document(job, tell)


def test_a_crash_costs_its_own_document_and_is_made_good_by_the_next_run(scans: Path) -> None:
    report = ingest(scans, work=die_on_a_1, limits=Limits(30, 30))
    assert report.counts == {"crashed": 1, "rendered": 2}
    assert not list((scans.parent / "out").glob(".*"))
    assert ingest(scans).counts == {"rendered": 1, "kept": 2}


def test_a_folder_can_be_one_document(scans: Path) -> None:
    report = ingest(scans, grouping="folder")
    assert {o.id: o.num_pages for o in report.outcomes} == {"scans": 2, "sub": 1}


def test_labels_go_on_from_there(scans: Path, tmp_path: Path) -> None:
    ingest(scans, grouping="numbered")
    labels = tmp_path / "labels.jsonl"
    labels.write_text('{"id": "a", "total": 1}\n{"id": "b", "total": 2}\n')
    schema = {"type": "object", "properties": {"total": {"type": "number"}}}
    task = ExtractTask(schema=compile_schema(schema, "bill"))
    out = tmp_path / "records.jsonl"
    report = make_records(tmp_path / "out", labels, task, out, LabelRules())
    assert (report.num_records, report.num_pages) == (2, 3)
    record = json.loads(out.read_text().splitlines()[0])
    assert [item.get("image") for item in record["messages"][0]["content"]] == [
        "out/a/page-0001.png", "out/a/page-0002.png", None,
    ]  # fmt: skip
