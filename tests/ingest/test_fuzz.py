"""Hostile and damaged files: each is drawn, or named in the report, and stops nothing else."""

import io
import json
import random
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from sightwright.draw.documents import KINDS, TEMPLATES, draw_document
from sightwright.errors import ImageError
from sightwright.images import open_image
from sightwright.ingest import pages
from sightwright.ingest.page_run import PagesReport
from sightwright.ingest.pdf import ingest_pdfs
from sightwright.ingest.render import RenderPolicy
from sightwright.ingest.words import read_words
from sightwright.ingest.workers import Done, Limits, Lost, Tell, run_jobs
from sightwright.vision import PixelPolicy

DrawPdf = Callable[..., bytes]
MakePdf = Callable[..., bytes]

SMALL = RenderPolicy(PixelPolicy(1024, 96 * 96), dpi=72, max_pages=2000)
STRICT = Limits(job_seconds=30, silence_seconds=30, memory_bytes=768 * 1024**2)
NAMED = {"rendered", "broken", "encrypted", "no-pages", "too-many-pages", "page-size"}
BOX = b"/MediaBox[0 0 96 96]"
LIES = (0, 1, 30_000, 65_535, 100_000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def test_damaged_pdfs_are_drawn_or_named(tmp_path: Path, draw_pdf: DrawPdf) -> None:
    documents = dict(damaged(healthy_pdfs(draw_pdf), count=90, seed=1))
    report = ingest_all(documents, tmp_path)
    assert_all_reported(report, tmp_path, len(documents))
    assert {outcome.status for outcome in report.outcomes} <= NAMED
    # The damage is neither so slight nor so deep that nothing is tested.
    assert 20 < report.counts["rendered"] < 80


def test_hostile_pdfs_are_drawn_or_named(
    tmp_path: Path, raw_pdf: MakePdf, one_page_pdf: MakePdf
) -> None:
    documents = nested_pdfs(raw_pdf, one_page_pdf) | huge_pdfs(raw_pdf, one_page_pdf)
    report = ingest_all(documents, tmp_path)
    assert_all_reported(report, tmp_path, len(documents))
    statuses = {outcome.id: outcome.status for outcome in report.outcomes}
    deadly = {name for name, status in statuses.items() if status not in NAMED}
    assert deadly <= {"marks"}, statuses
    assert statuses["a-lie-of-pages"] == "broken"
    assert statuses["box-of-all-integers"] == "page-size"


def test_a_pdf_that_eats_memory_and_one_that_hangs_cost_themselves_alone(
    tmp_path: Path, draw_pdf: DrawPdf, one_page_pdf: MakePdf
) -> None:
    documents = {
        "a": draw_pdf(),
        "eater": one_page_pdf(b"/A BMC " * 1_000_000, BOX),
        "hanger": one_page_pdf(*endless_tiling()),
        "z": draw_pdf(),
    }
    limits = Limits(job_seconds=5, silence_seconds=5, memory_bytes=512 * 1024**2)
    report = ingest_all(documents, tmp_path, limits)
    assert_all_reported(report, tmp_path, 4)
    outcomes = {outcome.id: outcome for outcome in report.outcomes}
    assert {name: outcome.status for name, outcome in outcomes.items()} == {
        "a": "rendered", "eater": "crashed", "hanger": "timed-out", "z": "rendered",
    }  # fmt: skip
    assert "it may need over 0.5 GiB of memory" in outcomes["eater"].why
    assert outcomes["hanger"].why == "not done after 5 s"


def test_damaged_images_are_opened_or_named_in_the_crew() -> None:
    jobs = [data for _, data in damaged(healthy_images(), count=300, seed=2)]
    jobs += [data for image in healthy_images().values() for data in with_lying_sizes(image)]
    answers: Counter[str] = Counter()
    for event in run_jobs(open_it, jobs, num_workers=1, limits=STRICT):
        assert not isinstance(event, Lost), event
        if isinstance(event, Done):
            answers[event.result.split(":")[0]] += 1
    assert sum(answers.values()) == len(jobs)
    assert set(answers) == {"opened", "refused"} and min(answers.values()) > 20


def test_an_image_bomb_costs_itself_alone() -> None:
    # 9,000 x 9,000 are within the limit of pixels; decoded as RGB they take 243 MB, and again
    # as much to convert. The other one says that it has 9 billion pixels.
    jobs = [png(9_000, 9_000), png(90_000, 100_000, rows=1), healthy_images()["png"]]
    limits = Limits(memory_bytes=300 * 1024**2)
    events = list(run_jobs(open_it, jobs, num_workers=1, limits=limits))
    lost = [event for event in events if isinstance(event, Lost)]
    assert [event.status for event in lost] == ["out-of-memory"]
    assert lost[0].why == "it needs over 0.293 GiB of memory"
    done = {event.job: event.result for event in events if isinstance(event, Done)}
    assert done[jobs[1]].startswith("refused: ")
    assert done[jobs[2]] == "opened: (64, 48)"


@pytest.mark.slow
def test_many_damaged_pdfs(tmp_path: Path, draw_pdf: DrawPdf) -> None:
    documents = dict(damaged(healthy_pdfs(draw_pdf), count=3000, seed=3))
    report = ingest_all(documents, tmp_path)
    assert_all_reported(report, tmp_path, len(documents))
    assert {outcome.status for outcome in report.outcomes} <= NAMED | {"crashed", "timed-out"}


@pytest.mark.slow
def test_many_damaged_images() -> None:
    jobs = [data for _, data in damaged(healthy_images(), count=30_000, seed=4)]
    events = run_jobs(open_it, jobs, num_workers=2, limits=STRICT)
    assert [event for event in events if isinstance(event, Lost)] == []


@pytest.mark.slow
def test_bombs(tmp_path: Path, raw_pdf: MakePdf, one_page_pdf: MakePdf, draw_pdf: DrawPdf) -> None:
    documents = bombs(raw_pdf, one_page_pdf) | {"good": draw_pdf()}
    limits = Limits(job_seconds=30, silence_seconds=30, memory_bytes=1024**3)
    report = ingest_all(documents, tmp_path, limits)
    assert_all_reported(report, tmp_path, len(documents))
    statuses = {outcome.id: outcome.status for outcome in report.outcomes}
    assert statuses.pop("good") == "rendered"
    assert set(statuses.values()) <= NAMED | {"crashed", "timed-out", "out-of-memory"}
    assert statuses["flate"] == statuses["forms"] == "crashed"


def open_it(data: bytes, tell: Tell) -> str:
    try:
        return f"opened: {open_image(data).size}"
    except ImageError as error:
        return f"refused: {error.message}"


def ingest_all(
    documents: Mapping[str, bytes], folder: Path, limits: Limits = STRICT
) -> PagesReport:
    (folder / "pdfs").mkdir()
    for name, data in documents.items():
        (folder / "pdfs" / f"{name}.pdf").write_bytes(data)
    return ingest_pdfs([folder / "pdfs"], folder / "out", SMALL, num_workers=2, limits=limits)


def assert_all_reported(report: PagesReport, folder: Path, num_documents: int) -> None:
    """A line for every document, with the reason of each failure; whole folders of the others."""
    out = folder / "out"
    lines = [json.loads(line) for line in (out / pages.REPORT).read_text().splitlines()]
    assert len(lines) == len(report.outcomes) == num_documents
    assert all(line["status"] == "ok" or line["why"] for line in lines)
    drawn = list(pages.read_index(out))
    assert len(drawn) == report.counts["rendered"]
    for document in drawn:
        assert pages.is_complete(out, document)
        for page in document.pages:
            assert page.words is not None
            words = read_words(out / page.words)
            assert open_image(out / page.image).size == (words.width, words.height)
            for word in words.words:
                x0, y0, x1, y1 = word.box
                assert 0 <= x0 < x1 <= words.width and 0 <= y0 < y1 <= words.height
    assert not list(out.glob(".*"))


def damaged(healthy: Mapping[str, bytes], count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Copies of the files that are cut, flipped, shortened, doubled, or say another number."""
    rng = random.Random(seed)
    names = list(healthy)
    for number in range(count):
        name = names[number % len(names)]
        data = bytearray(healthy[name])
        for _ in range(rng.choice((1, 1, 2, 5, 20))):
            _damage(data, rng)
        yield f"{name}-{number:05d}", bytes(data)


def _damage(data: bytearray, rng: random.Random) -> None:
    if not data:
        return
    at = rng.randrange(len(data))
    match rng.randrange(7):
        case 0 if rng.random() < 0.3:
            del data[at:]
        case 1:
            data[at] ^= 1 << rng.randrange(8)
        case 2:
            data[at : at + 4] = struct.pack(rng.choice("<>") + "I", rng.choice(LIES))
        case 3:
            del data[at : at + rng.randrange(1, 40)]
        case 4:
            data[at:at] = data[at : at + rng.randrange(1, 200)]
        case 5:
            digits = [i for i, byte in enumerate(data) if 48 <= byte < 58]
            if digits:
                place = rng.choice(digits)
                data[place : place + 1] = b"%d" % rng.choice((*LIES, -1))
        case _:
            data[at] = rng.choice((0, 127, 128, 255, 60, 91, 40))


def healthy_pdfs(draw_pdf: DrawPdf) -> dict[str, bytes]:
    drawn = {kind: draw_document(kind, TEMPLATES[kind][0], seed=5).pdf for kind in KINDS}
    picture = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(picture, format="PDF")
    form = io.BytesIO()
    canvas = Canvas(form, pagesize=(96, 96), invariant=1)
    canvas.acroForm.textfield(value="field", x=5, y=40, width=80, height=20)
    canvas.showPage()
    canvas.save()
    pages_and_more = {"pages": draw_pdf(3, rotate=90), "form": form.getvalue()}
    return drawn | pages_and_more | {"picture": picture.getvalue()}


def healthy_images() -> dict[str, bytes]:
    picture = Image.radial_gradient("L").convert("RGB").resize((64, 48))
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds: dict[str, tuple[str, dict[str, object]]] = {
        "png": ("PNG", {}),
        "jpeg": ("JPEG", {"exif": exif}),
        "progressive": ("JPEG", {"progressive": True}),
        "tiff": ("TIFF", {}),
        "lzw": ("TIFF", {"compression": "tiff_lzw"}),
        "deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
        "webp": ("WEBP", {}),
        "lossless": ("WEBP", {"lossless": True}),
        "bmp": ("BMP", {}),
    }
    files: dict[str, bytes] = {}
    for name, (image_format, options) in kinds.items():
        buffer = io.BytesIO()
        picture.save(buffer, format=image_format, **options)
        files[name] = buffer.getvalue()
    return files


def with_lying_sizes(image: bytes) -> Iterator[bytes]:
    """The image with its width or its height replaced wherever they stand, in either order."""
    for width_or_height in (64, 48):
        for form in (">I", "<I", ">H", "<H"):
            honest = struct.pack(form, width_or_height)
            for lie in LIES:
                if lie < 2 ** (8 * len(honest)) and honest in image:
                    yield image.replace(honest, struct.pack(form, lie), 1)


def png(width: int, height: int, rows: int | None = None) -> bytes:
    """A black picture of a bit a pixel, of which only the first `rows` are there."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    content = zlib.compress(bytes((1 + (width + 7) // 8) * (height if rows is None else rows)))
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def stream(content: bytes, entries: bytes = b"") -> bytes:
    return b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(content), content)


def nested_pdfs(raw_pdf: MakePdf, one_page_pdf: MakePdf) -> dict[str, bytes]:
    depth = 2000
    catalogue = b"<</Type/Catalog/Pages 2 0 R>>"
    branches = [
        b"<</Type/Pages/Count 1/Kids[%d 0 R]/Parent %d 0 R>>" % (number + 3, number + 1)
        for number in range(depth)
    ]
    leaf = b"<</Type/Page/MediaBox[0 0 96 96]/Parent %d 0 R>>" % (depth + 1)
    content_array = b"/Junk" + b"[" * 100_000 + b"]" * 100_000
    dictionaries = b"/Junk" + b"<</A" * 50_000 + b" 1" + b">>" * 50_000
    again = b"/Type/XObject/Subtype/Form/BBox[0 0 96 96]/Resources<</XObject<</X1 6 0 R>>>>"
    return {
        "arrays": one_page_pdf(b"", BOX + content_array),
        "dictionaries": one_page_pdf(b"", BOX + dictionaries),
        "open-arrays": one_page_pdf(b"[" * 100_000, BOX),
        "states": one_page_pdf(b"q " * 200_000, BOX),
        "marks": one_page_pdf(b"/A BMC " * 100_000, BOX),
        "tree": raw_pdf(catalogue, *branches, leaf),
        "tree-in-a-ring": raw_pdf(catalogue, b"<</Type/Pages/Kids[2 0 R]/Count 1>>"),
        "own-parent": raw_pdf(
            catalogue, b"<</Type/Pages/Kids[3 0 R]/Count 1/Parent 3 0 R>>",
            b"<</Type/Page/Parent 2 0 R>>",
        ),
        "form-in-itself": one_page_pdf(b"/X1 Do", BOX, stream(b"/X1 Do", again)),
        "table-in-a-ring": one_page_pdf(b"", BOX).replace(b"/Root 1", b"/Prev 15/Root 1"),
    }  # fmt: skip


def huge_pdfs(raw_pdf: MakePdf, one_page_pdf: MakePdf) -> dict[str, bytes]:
    catalogue, page = b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Page/Parent 2 0 R%s>>" % BOX
    kids = b"<</Type/Pages/Kids[3 0 R]/Count %d>>"
    text = b"BT /F1 20 Tf (a) Tj ET"
    integers = b"/MediaBox[-2147483648 -2147483648 2147483647 2147483647]"
    documents = {
        "a-lie-of-pages": raw_pdf(catalogue, kids % 1999, page),
        "many-pages": raw_pdf(catalogue, kids % 0x7FFFFFFF, page),
        "box-beyond-numbers": one_page_pdf(text, b"/MediaBox[0 0 1e30 nan]"),
        "box-turned-inside-out": one_page_pdf(text, b"/MediaBox[0 0 -5 -5]"),
        "box-of-nothing": one_page_pdf(text, b"/MediaBox[5 5 5 5]"),
        "box-of-words": one_page_pdf(text, b"/MediaBox[(a)(b)(c)(d)]"),
        "box-of-all-integers": one_page_pdf(text, integers),
        "matrix": one_page_pdf(b"1e20 0 0 1e20 0 0 cm " + text, BOX),
        "font": one_page_pdf(b"BT /F1 1e9 Tf (aaa) Tj ET", BOX),
        "dashes": one_page_pdf(b"[1e-7 1e-7] 0 d 0 0 m 96 96 l S", BOX),
    }
    image = b"/Type/XObject/Subtype/Image/ColorSpace/DeviceRGB/BitsPerComponent 8"
    for name in (b"Flate", b"DCT", b"JPX", b"CCITTFax", b"JBIG2", b"RunLength"):
        entries = b"%s/Width 100000/Height 100000/Filter/%sDecode" % (image, name)
        lying = stream(zlib.compress(bytes(1000)), entries)
        documents[f"image-{name.decode()}"] = one_page_pdf(b"96 0 0 96 0 0 cm /X1 Do", BOX, lying)
    return documents


def endless_tiling() -> tuple[bytes, bytes, bytes]:
    """Contents, page and object of a page that is filled with hundreds of billions of tiles."""
    resources = b"/Resources<</Pattern<</P 6 0 R>>>>"
    steps = b"/BBox[0 0 1 1]/XStep 0.0001/YStep 0.0001"
    tile = b"/PatternType 1/PaintType 1/TilingType 1/Resources<<>>" + steps
    return b"/Pattern cs /P scn 0 0 96 96 re f", BOX + resources, stream(b"0 0 1 1 re f", tile)


def bombs(raw_pdf: MakePdf, one_page_pdf: MakePdf) -> dict[str, bytes]:
    def page_of(content: bytes, filters: bytes) -> bytes:
        return raw_pdf(
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/Contents 4 0 R%s/Resources<</Font<</F1 5 0 R>>>>>>" % BOX,
            stream(content, b"/Filter" + filters),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        )

    spaces = zlib.compress(b" " * 1024**3, 9)
    lines = zlib.compress(b"0 0 m 9 9 l S " * 20_000_000, 9)
    letters = zlib.compress(b"BT /F1 9 Tf " + b"(%s) Tj " % (b"a" * 40) * 100_000 + b"ET")
    black = zlib.compress(bytes(30_000 * 30_000), 9)
    image = b"/Type/XObject/Subtype/Image/ColorSpace/DeviceGray/BitsPerComponent 8"
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 96 96]"
    forms = [
        stream(b"/A Do " * 10, b"%s/Resources<</XObject<</A %d 0 R>>>>" % (form, number))
        for number in range(7, 19)
    ]
    return {
        "flate": page_of(spaces, b"/FlateDecode"),
        "flate-in-flate": page_of(zlib.compress(spaces, 9), b"[/FlateDecode/FlateDecode]"),
        "lines": page_of(lines, b"/FlateDecode"),
        "letters": page_of(letters, b"/FlateDecode"),
        "image": one_page_pdf(
            b"96 0 0 96 0 0 cm /X1 Do", BOX,
            stream(black, b"%s/Width 30000/Height 30000/Filter/FlateDecode" % image),
        ),
        "forms": one_page_pdf(b"/X1 Do", BOX, *forms, stream(b"0 0 9 9 re f", form)),
        "tiles": one_page_pdf(*endless_tiling()),
    }  # fmt: skip
