import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from sightwright.errors import DataError
from sightwright.images import open_image
from sightwright.ingest import pages
from sightwright.ingest.page_run import Outcome, PagesReport
from sightwright.ingest.pdf import Job, draw_document, ingest_pdfs
from sightwright.ingest.render import RenderPolicy
from sightwright.ingest.workers import Tell
from sightwright.vision import PixelPolicy

DrawPdf = Callable[..., bytes]

SMALL = RenderPolicy(PixelPolicy(1024, 96 * 96), dpi=72, max_pages=50)


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def ingest(places: Path, out: Path, policy: RenderPolicy = SMALL) -> PagesReport:
    return ingest_pdfs([places], out, policy, num_workers=1)


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def mtimes(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def statuses(report: PagesReport) -> dict[str, str]:
    return {outcome.id: outcome.status for outcome in report.outcomes}


def die_at_bad(job: Job, tell: Tell) -> Outcome:
    if job.id == "bad":
        job.partial.mkdir()
        os.kill(os.getpid(), signal.SIGKILL)
    return draw_document(job, tell)


def test_pages_index_and_report(tmp_path: Path, draw_pdf: DrawPdf) -> None:
    data = draw_pdf(2, (96, 64))
    write(tmp_path / "pdfs" / "sub" / "a.pdf", data)
    out = tmp_path / "out"
    report = ingest(tmp_path / "pdfs", out)
    assert statuses(report) == {"sub__a": "rendered"}
    images = ["sub__a/page-0001.png", "sub__a/page-0002.png"]
    assert json.loads((out / "pages.jsonl").read_text()) == {
        "id": "sub__a",
        "source": "../pdfs/sub/a.pdf",
        "sha256": hashlib.sha256(data).hexdigest(),
        "policy": {"min_pixels": 1024, "max_pixels": 9216, "dpi": 72, "format": "png"},
        "pages": [
            {
                "image": image,
                "width": 96,
                "height": 64,
                "words": image.replace(".png", ".words.json"),
                "words_source": "pdf",
            }
            for image in images
        ],
    }
    assert json.loads((out / "report.jsonl").read_text()) == {
        "id": "sub__a", "source": "../pdfs/sub/a.pdf", "status": "ok", "pages": 2,
    }  # fmt: skip
    assert [open_image(out / image).size for image in images] == [(96, 64)] * 2
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_jpeg_pages(tmp_path: Path, draw_pdf: DrawPdf) -> None:
    write(tmp_path / "a.pdf", draw_pdf())
    policy = RenderPolicy(PixelPolicy(1024, 9216), dpi=72, image_format="jpeg")
    ingest(tmp_path / "a.pdf", tmp_path / "out", policy)
    with Image.open(tmp_path / "out" / "a" / "page-0001.jpg") as image:
        assert (image.format, image.size) == ("JPEG", (96, 96))


def test_a_second_run_does_nothing(tmp_path: Path, draw_pdf: DrawPdf) -> None:
    write(tmp_path / "pdfs" / "a.pdf", draw_pdf())
    write(tmp_path / "pdfs" / "broken.pdf", b"no")
    out = tmp_path / "out"
    ingest(tmp_path / "pdfs", out)
    before = mtimes(out)
    assert statuses(ingest(tmp_path / "pdfs", out)) == {"a": "kept", "broken": "broken"}
    assert mtimes(out) == before


def test_what_changed_is_drawn_again(tmp_path: Path, draw_pdf: DrawPdf) -> None:
    for name in ("changed", "damaged", "same"):
        write(tmp_path / "pdfs" / f"{name}.pdf", draw_pdf(2))
    out = tmp_path / "out"
    ingest(tmp_path / "pdfs", out)
    write(tmp_path / "pdfs" / "changed.pdf", draw_pdf(1))
    (out / "damaged" / "page-0002.png").unlink()
    expected = {"changed": "rendered", "damaged": "rendered", "same": "kept"}
    assert statuses(ingest(tmp_path / "pdfs", out)) == expected
    assert not (out / "changed" / "page-0002.png").exists()
    assert (out / "damaged" / "page-0002.png").exists()
    lines = (out / "pages.jsonl").read_text().splitlines()
    assert [len(json.loads(line)["pages"]) for line in lines] == [1, 2, 2]


def test_another_policy_draws_everything_again(tmp_path: Path, draw_pdf: DrawPdf) -> None:
    write(tmp_path / "a.pdf", draw_pdf())
    out = tmp_path / "out"
    ingest(tmp_path / "a.pdf", out)
    policy = RenderPolicy(PixelPolicy(1024, 64 * 64), dpi=72)
    assert statuses(ingest(tmp_path / "a.pdf", out, policy)) == {"a": "rendered"}
    assert open_image(out / "a" / "page-0001.png").size == (64, 64)


def test_each_trouble_gets_its_line_and_stops_nothing(
    tmp_path: Path, draw_pdf: DrawPdf, pdf_without_pages: bytes
) -> None:
    good = draw_pdf(3)
    files = {
        "good": good,
        "truncated": good[: len(good) // 2],
        "empty": b"",
        "nothing": pdf_without_pages,
        "locked": draw_pdf(user_password="secret"),
        "huge": draw_pdf(size_pt=(20_000, 20_000)),
        "strip": draw_pdf(size_pt=(10, 14_000)),
        "long": draw_pdf(51),
    }
    for name, data in files.items():
        write(tmp_path / "pdfs" / f"{name}.pdf", data)
    (tmp_path / "pdfs" / "gone.pdf").symlink_to(tmp_path / "nowhere")
    report = ingest(tmp_path / "pdfs", tmp_path / "out")
    assert statuses(report) == {
        "good": "rendered",
        "truncated": "broken",
        "empty": "broken",
        "nothing": "no-pages",
        "locked": "encrypted",
        "huge": "page-size",
        "strip": "page-size",
        "long": "too-many-pages",
        "gone": "unreadable",
    }
    lines = [
        json.loads(line) for line in (tmp_path / "out" / "report.jsonl").read_text().splitlines()
    ]
    whys = {line["id"]: line.get("why") for line in lines}
    assert whys["huge"].startswith("page 1: a page of 20000 x 20000 points")
    assert whys["long"] == "51 pages, over the limit of 50"
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_dir()] == ["good"]


def test_a_crash_is_named_and_stops_nothing(tmp_path: Path, draw_pdf: DrawPdf) -> None:
    for name in ("a", "bad", "c"):
        write(tmp_path / "pdfs" / f"{name}.pdf", draw_pdf())
    out = tmp_path / "out"
    report = ingest_pdfs([tmp_path / "pdfs"], out, SMALL, num_workers=1, work=die_at_bad)
    assert statuses(report) == {"a": "rendered", "bad": "crashed", "c": "rendered"}
    assert report.failures[0].why == "its process was killed by SIGKILL"
    assert not list(out.glob(".*"))


def test_equal_names_do_not_overwrite_each_other(tmp_path: Path, draw_pdf: DrawPdf) -> None:
    write(tmp_path / "one" / "jan.pdf", draw_pdf(1))
    write(tmp_path / "two" / "jan.pdf", draw_pdf(2))
    out = tmp_path / "out"
    report = ingest_pdfs([tmp_path / "one", tmp_path / "two"], out, SMALL)
    assert [outcome.num_pages for outcome in report.outcomes] == [1, 2]
    assert len(statuses(report)) == 2
    # … nor when they come in two runs, or when one comes alone later.
    assert statuses(ingest(tmp_path / "two", out)) == {report.outcomes[1].id: "kept"}
    assert len(list(pages.read_index(out))) == 2


def test_what_was_in_the_folder_is_left_alone(tmp_path: Path, draw_pdf: DrawPdf) -> None:
    write(tmp_path / "pdfs" / "work.pdf", draw_pdf())
    write(tmp_path / "pdfs" / "pages.jsonl.pdf", draw_pdf())
    precious = write(tmp_path / "work" / "thesis.txt", b"precious")
    report = ingest(tmp_path / "pdfs", tmp_path)
    assert precious.read_bytes() == b"precious"
    assert all(name.startswith(("work-", "pages.jsonl-")) for name in statuses(report))
    assert statuses(ingest(tmp_path / "pdfs", tmp_path)) == dict.fromkeys(statuses(report), "kept")


def test_names_that_are_not_utf8(tmp_path: Path, draw_pdf: DrawPdf) -> None:
    write(tmp_path / "pdfs" / os.fsdecode(b"caf\xe9.pdf"), draw_pdf())
    report = ingest(tmp_path / "pdfs", tmp_path / "out")
    assert [outcome.source for outcome in report.outcomes] == ["../pdfs/caf\\xe9.pdf"]
    assert report.counts == {"rendered": 1}
    assert ingest(tmp_path / "pdfs", tmp_path / "out").counts == {"kept": 1}


def test_one_writer_at_a_time(tmp_path: Path, draw_pdf: DrawPdf) -> None:
    write(tmp_path / "a.pdf", draw_pdf())
    out = tmp_path / "out"
    with pages.being_written(out), pytest.raises(DataError, match="another ingest"):
        ingest(tmp_path / "a.pdf", out)


def test_killed_anywhere_and_resumed(tmp_path: Path, draw_pdf: DrawPdf) -> None:
    for number in range(4):
        write(tmp_path / "pdfs" / f"{number}.pdf", draw_pdf(20, text=f"document {number}"))
    ingest(tmp_path / "pdfs", clean := tmp_path / "clean")
    out = tmp_path / "out"
    program = "from sightwright.cli.ingest import app; app()"
    options = ["--max-pixels", "9216", "--min-pixels", "1024", "--dpi", "72", "--workers", "1"]
    command = [sys.executable, "-c", program, "pdf", str(tmp_path / "pdfs"), "--out", str(out)]
    process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL)
    while not list(out.glob("*/document.json")) and process.poll() is None:
        time.sleep(0.005)
    process.kill()
    process.wait()
    with pytest.raises(DataError, match="cut short"):
        list(pages.read_index(out))
    (out / ".0.1.partial").mkdir()
    # The worker notices at its next page and goes; what it finishes meanwhile is whole.
    policy = RenderPolicy(PixelPolicy(1024, 9216), dpi=72)
    counts = ingest(tmp_path / "pdfs", out, policy).counts
    assert counts["kept"] >= 1 and sum(counts.values()) == 4
    assert contents(out) == contents(clean)


def test_a_thousand_pages_take_no_more_memory_than_ten(tmp_path: Path, draw_pdf: DrawPdf) -> None:
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from sightwright.ingest.pdf import ingest_pdfs\n"
        "from sightwright.ingest.render import RenderPolicy\n"
        "from sightwright.vision import PixelPolicy\n"
        "policy = RenderPolicy(PixelPolicy(1024, 4096))\n"
        "report = ingest_pdfs([Path(sys.argv[1])], Path(sys.argv[2]), policy)\n"
        "most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n"
        "print(report.num_pages, most)\n"
    )
    megabytes: list[float] = []
    for num_pages in (10, 1000):
        path = write(tmp_path / f"{num_pages}.pdf", draw_pdf(num_pages))
        command = [sys.executable, "-c", program, str(path), str(tmp_path / f"out{num_pages}")]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        assert int(output[0]) == num_pages
        megabytes.append(int(output[1]) / 1024)
    assert megabytes[1] < megabytes[0] + 10
