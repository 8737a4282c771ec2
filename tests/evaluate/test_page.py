"""The page, read as HTML: what it says, and that nobody's data can act in it."""

import gc
import json
import re
import weakref
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sightwright import images
from sightwright.evaluate import page
from sightwright.evaluate.page import MAX_PICTURES, worst_first, write_page
from sightwright.evaluate.run import Evaluation, evaluate, read_records
from sightwright.infer.engine import Request
from sightwright.infer.fake import FakeEngine
from sightwright.tasks.extract import ExtractTask

HOSTILE = "<script>alert(1)</script></table>&amp;\" onload='x'"


class Page(HTMLParser):
    """Its tags, the sources of its pictures, and its visible text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.open: list[str] = []
        self.pictures: list[str] = []
        self.attributes: set[str] = set()
        self._texts: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("meta", "img", "input", "br"):
            self.open.append(tag)
        if tag == "img":
            self.pictures.append(dict(attrs)["src"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self._texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self._texts))


def written(
    data: Path, task: ExtractTask, answers: dict[str, str], *, max_documents: int = 50, **about: Any
) -> tuple[Page, Evaluation]:
    names = ["a", "b", "c"]

    def answer(request: Request) -> str:
        return answers[names[request.images[0].width - 64]]

    records = read_records(data)
    found = evaluate(FakeEngine(answer), records, task, root=data.parent, max_tokens=200)
    path = data.parent / "out" / "report.html"
    write_page(path, found, records, data.parent, about, max_documents=max_documents)
    page = Page(path)
    assert page.open == []
    return page, found


RIGHT = {
    "a": '{"vendor":"Cedar","total":7.5,"items":[{"name":"tea","price":7.5}]}',
    "b": '{"vendor":"Pine","total":null,"items":[]}',
    "c": '{"vendor":"Oak","total":3,"items":[]}',
}


def test_what_the_page_says(data: Path, task: ExtractTask) -> None:
    answers = {
        "a": '{"vendor":"Ceder","total":null,"items":[{"name":"pie","price":1}]}',
        "b": '{"vendor":"Pine","total":2,"items":[]}',
        "c": RIGHT["c"],
    }
    page, found = written(data, task, answers, model="Qwen", adapters=None, max_tokens=200)
    text = page.text
    assert "Evaluation of 3 documents" in text
    assert "model Qwen max tokens 200" in text
    assert "adapters" not in text
    assert f"micro F1 {found.scores.micro.f1 * 100:.1f} %" in text
    assert "wholly right 33.3 %" in text
    assert f"ANLS* {found.scores.anls * 100:.1f} %" in text
    # Wrong, missed and invented of every field, the worst first.
    assert text.index("items[].name 0.000") < text.index("vendor 0.667")
    assert "total 0.500 1 0 − 1 + 1 2" in text
    assert "2 of 3 documents, the worst first." in text
    assert [document.id for document in worst_first(found.documents)] == ["a", "b"]
    assert "1. a F1 0.000" in text
    # The confidences of the engine are drawn.
    assert "values, 5 of them wrong, from 3 documents." in text
    assert len(page.pictures) == 2
    assert images.open_image(page.pictures[0]).size == (64, 32)


def test_a_perfect_evaluation_shows_no_documents(data: Path, task: ExtractTask) -> None:
    page, _ = written(data, task, RIGHT, model="x")
    assert "Every document is wholly right." in page.text
    assert page.pictures == []


def test_answers_that_were_not_taken_are_told_apart_from_the_wrong_ones(
    data: Path, task: ExtractTask
) -> None:
    answers = {"a": '{"vendor":7}', "b": '{"vendor":"Pint","total":null,"items":[]}', "c": "Sorry."}
    page, _ = written(data, task, answers)
    assert "2 of 3 answers could not be taken : 1 " in page.text
    assert "1 not JSON" in page.text
    assert "1 against the schema" in page.text
    # Four cells of a's label and two of c's; b's one wrong vendor is what is left.
    assert (
        "missed: 6 of the 6 cells missed below. Micro F1 of the other answers is 0.0 %" in page.text
    )
    page, _ = written(data, task, dict.fromkeys("abc", '{"vendor":"' + "x" * 2000), model="m")
    assert "3 of 3 answers could not be taken : 3 cut by the output limit." in page.text
    assert "other answers" not in page.text
    page, _ = written(data, task, RIGHT)
    assert "could not be taken" not in page.text


def test_documents_over_the_limit_are_counted(data: Path, task: ExtractTask) -> None:
    empty = dict.fromkeys("abc", '{"vendor":null,"total":null,"items":[]}')
    page, _ = written(data, task, empty, max_documents=1)
    assert "1 of them is shown below; the other 2 stand in predictions.jsonl" in page.text
    assert len(page.pictures) == 1


def test_text_of_answers_cannot_act(data: Path, task: ExtractTask) -> None:
    hostile = json.dumps({"vendor": HOSTILE[:20], "total": 1, "items": []})
    answers = {"a": hostile, "b": f"{HOSTILE}", "c": '{"vendor":"' + HOSTILE + "x" * 900}
    page, _ = written(data, task, answers, model=HOSTILE, note="\u202e")
    assert page.tags["script"] == 0
    assert not any(name.startswith("on") for name in page.attributes)
    assert page.text.count(HOSTILE[:20]) >= 5
    assert "No answer was taken: not JSON" in page.text
    assert "✂ cut by the output limit" in page.text
    assert "Answers that count as loops: c ." in page.text
    assert "note ‹U+202E›" in page.text


def test_a_long_answer_that_was_not_taken_is_cut_and_says_so(
    data: Path, task: ExtractTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MAX_TEXT", 10)
    shown, _ = written(data, task, {**RIGHT, "b": "no answer at all"})
    assert "no answer … [6 letters]" in shown.text
    assert '{ "vendo … [44 letters]' in shown.text


def test_a_picture_that_is_gone_is_named(data: Path, task: ExtractTask) -> None:
    records = read_records(data)
    empty = '{"vendor":null,"total":null,"items":[]}'
    found = evaluate(FakeEngine(lambda _: empty), records, task, root=data.parent)
    (data.parent / "b.png").unlink()
    write_page(data.parent / "report.html", found, records, data.parent, {})
    page = Page(data.parent / "report.html")
    assert len(page.pictures) == 2
    assert "Page 1 cannot be shown:" in page.text
    assert "b.png" in page.text


def test_many_pages_are_shown_up_to_a_limit(data: Path, task: ExtractTask) -> None:
    from sightwright import jsonl
    from sightwright.records import write_chat_record

    pages = [f"p{n}.png" for n in range(MAX_PICTURES + 3)]
    for name in pages:
        Image.new("RGB", (64, 32)).save(data.parent / name)
    record = task.record("long", pages, {"vendor": "Oak", "total": 1, "items": []})
    jsonl.write_all(data, [write_chat_record(record)])
    shown, _ = written(data, task, {"a": RIGHT["a"]})
    assert len(shown.pictures) == MAX_PICTURES
    assert "3 more pages are not shown." in shown.text


def test_one_documents_pictures_are_open_at_a_time(
    data: Path, task: ExtractTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[int] = []
    opened: list[weakref.ref[Image.Image]] = []
    open_image = images.open_image

    def counted(source: str, root: Path) -> Image.Image:
        gc.collect()
        alive.append(sum(image() is not None for image in opened))
        image = open_image(source, root)
        opened.append(weakref.ref(image))
        return image

    records = read_records(data)
    empty = '{"vendor":null,"total":null,"items":[]}'
    found = evaluate(FakeEngine(lambda _: empty), records, task, root=data.parent)
    monkeypatch.setattr(images, "open_image", counted)
    write_page(data.parent / "report.html", found, records, data.parent, {})
    assert alive == [0, 0, 0]
