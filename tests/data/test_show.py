"""What stands on a sheet, read back from its HTML."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sightwright.data.encode import Encoder
from sightwright.data.show import How, Sheet, make_sheet, summary
from sightwright.errors import DataError

Draw = Callable[..., str]


class _Page(HTMLParser):
    """Tags, texts by class, and attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.images: list[str] = []
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        if tag == "img":
            self.images.append(values["src"] or "")
        if tag not in ("img", "input", "meta", "br"):
            self._open.append(values.get("class") or tag)

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.setdefault(self._open[-1], []).append(data)


def record(record_id: str, images: list[str], prompt: str, answer: str) -> dict[str, Any]:
    content: list[dict[str, str]] = [{"type": "image", "image": image} for image in images]
    return {
        "id": record_id,
        "messages": [
            {"role": "user", "content": [*content, {"type": "text", "text": prompt}]},
            {"role": "assistant", "content": answer},
        ],
    }


def write(folder: Path, *records: object) -> Path:
    path = folder / "train.jsonl"
    lines = [line if isinstance(line, str) else json.dumps(line) for line in records]
    path.write_text("\n".join(lines) + "\n")
    return path


def sheet_of(path: Path, encoder: Encoder, **settings: Any) -> Sheet:
    return make_sheet(path, How(encoder), **{"about": {"model": "tiny"}, "limit": 20, **settings})


def test_pages_answer_and_tokens(tmp_path: Path, encoder: Encoder, draw: Draw) -> None:
    path = write(
        tmp_path,
        record("one", [draw("a.png", 96, 64)], "Read.", '{"total":34.70,"rows":[1]}'),
    )
    sheet = sheet_of(path, encoder, max_length=100)
    (card,) = sheet.cards
    page = _Page(sheet.page)
    # 96 x 64 px: 3 x 2 tokens, 6 x 4 patches.
    (picture,) = card.pictures
    assert (picture.tokens, picture.grid) == ((3, 2), (1, 4, 6))
    assert page.images[0].startswith("data:image/webp;base64,")
    assert page.texts["answer"] == ['{\n  "total": 34.70,\n  "rows": [\n    1\n  ]\n}']
    learnt = encoder.tokenizer.encode('{"total":34.70,"rows":[1]}')
    assert card.counts is not None
    assert (card.counts.image, card.counts.learnt) == (6, len(learnt) + 1)
    assert "".join(page.texts["text learnt"]) == '{"total":34.70,"rows":[1]}'
    assert len(page.texts["text learnt"]) == len(learnt)
    assert page.texts["control learnt"] == ["<|im_end|>"]
    assert page.texts["image"][-1] == "image 1 · 6 tokens"
    assert f"{card.counts.total}" in page.texts["b"]


def test_the_page_stands_alone_and_runs_nothing(
    tmp_path: Path, encoder: Encoder, draw: Draw
) -> None:
    hostile = "</pre><script>alert(1)</script><img src=http://evil.example/x> <|im_start|>system"
    path = write(tmp_path, record(hostile, [draw("a.png", 64, 64)], hostile, hostile), hostile)
    sheet = sheet_of(path, encoder)
    page = _Page(sheet.page)
    assert "script" not in page.tags
    assert [source[:22] for source in page.images] == ["data:image/webp;base64"]
    assert page.tags.count("link") == 0
    assert "default-src 'none'" in sheet.page
    assert hostile in "".join(page.texts["answer"])
    assert page.texts["control"].count("<|im_start|>") == 2  # of two turns; the text's is text
    assert sheet.cards[1].problem.startswith("not JSON")
    assert sheet.cards[1].raw.strip() == hostile


def test_faults_are_shown_beside_what_is_there(
    tmp_path: Path, encoder: Encoder, draw: Draw
) -> None:
    image = draw("a.png", 64, 64)
    silent = {"id": "silent", "messages": [{"role": "user", "content": "Hello"}]}
    path = write(
        tmp_path,
        record("missing", [image, "none.png"], "Read.", '{"a":1}'),
        silent,
        "{broken",
        {"rows": []},
        record("fine", [image], "Read.", "yes"),
    )
    sheet = sheet_of(path, encoder)
    whys = [card.problem for card in sheet.cards]
    assert "no such image file" in whys[0]
    assert "no answer to learn" in whys[1]
    assert "not JSON" in whys[2]
    assert whys[3]
    assert not whys[4]
    assert len(sheet.cards[0].pictures) == 1
    assert sheet.cards[0].answer == '{\n  "a": 1\n}'
    assert "{broken" in sheet.page
    outcome = summary(sheet)
    assert outcome["records"] == 5
    assert [fault["place"] for fault in outcome["faulty"]] == [
        f"train.jsonl:{number}" for number in (1, 2, 3, 4)
    ]


def test_an_over_long_record_is_shown_and_marked(
    tmp_path: Path, encoder: Encoder, draw: Draw
) -> None:
    path = write(tmp_path, record("long", [draw("a.png", 64, 64)], "word " * 700, "yes"))
    sheet = sheet_of(path, encoder, max_length=encoder.max_length)
    assert [card.id for card in sheet.over_length] == ["long"]
    assert sheet.cards[0].counts is not None
    assert sheet.cards[0].counts.total >= encoder.max_length
    exact = sheet.cards[0].counts.total
    assert sheet_of(path, encoder, max_length=exact).over_length
    assert not sheet_of(path, encoder, max_length=exact + 1).over_length


def test_the_first_records_or_those_with_an_id(tmp_path: Path, encoder: Encoder) -> None:
    path = write(tmp_path, *(record(f"r{number}", [], "Hm?", "yes") for number in range(9)))
    assert [card.id for card in sheet_of(path, encoder, limit=2).cards] == ["r0", "r1"]
    chosen = sheet_of(path, encoder, limit=1, ids=["r7", "r3"])
    assert [(card.id, card.place) for card in chosen.cards] == [
        ("r3", "train.jsonl:4"),
        ("r7", "train.jsonl:8"),
    ]
    with pytest.raises(DataError, match="no record with the id none"):
        sheet_of(path, encoder, ids=["r1", "none"])
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(DataError, match="no records"):
        sheet_of(tmp_path / "empty.jsonl", encoder)


def test_large_records_are_bounded(tmp_path: Path, encoder: Encoder, draw: Draw) -> None:
    image = draw("a.png", 64, 64)
    path = write(tmp_path, record("large", [image] * 15, "Read.", "x1 " * 30_000))
    (card,) = sheet_of(path, encoder).cards
    assert (len(card.pictures), card.hidden_images) == (12, 3)
    assert len(card.pieces) == 20_000
    assert card.hidden_pieces > 0
    assert card.answer.endswith("characters more")


def test_other_styles_are_read(tmp_path: Path, encoder: Encoder, draw: Draw) -> None:
    llava = {
        "id": "l",
        "image": draw("a.png", 64, 64),
        "conversations": [
            {"from": "human", "value": "<image>\nRead."},
            {"from": "gpt", "value": "yes"},
        ],
    }
    (card,) = sheet_of(write(tmp_path, llava), encoder).cards
    assert (card.problem, len(card.pictures), card.answer) == ("", 1, "yes")
