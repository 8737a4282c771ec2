"""Records on an HTML sheet: pages beside the answer, and the conversation token by token.

What is shown is what training sees: the same arrangement, the same token ids, the same grid. A
photograph has its objects drawn over it, and listed in the order of the answer.
"""

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sightwright import canonical, html, jsonl, logs
from sightwright.data.encode import Encoded, Encoder, Place
from sightwright.data.pieces import Piece, pieces_of
from sightwright.data.show_objects import Drawing, drawing_of, readable_part
from sightwright.data.sizes import Grid, grid_of, grid_tokens
from sightwright.errors import DataError, ImageError
from sightwright.geometry import Ordering
from sightwright.images import open_image, place_of
from sightwright.inspection_records import InspectionRecord, is_inspection, require_size
from sightwright.record_formats import Record, read_any_record
from sightwright.records import Message

if TYPE_CHECKING:
    from PIL.Image import Image

_THUMBNAIL_PIXELS = 900
_PHOTOGRAPH_PIXELS = 1400
_VERSIONS_PIXELS = 2000
_MOST_IMAGES = 12
_MOST_PIECES = 20_000
_MOST_CHARACTERS = 20_000


@dataclass(frozen=True)
class Picture:
    """An image as the model is shown it.

    Attributes:
        source: a small copy, as a data URL: a page at the model's proportions, a photograph at
            its own.
        size: (width, height) as stored, in pixels.
        grid: patches.
        tokens: columns and rows of LLM tokens.
        drawing: the objects that lie over it; None on a page.
    """

    number: int
    name: str
    source: str
    size: tuple[int, int]
    seen: tuple[int, int]
    grid: Grid
    tokens: tuple[int, int]
    drawing: Drawing | None = None


@dataclass(frozen=True)
class Counts:
    """Tokens of a conversation; `prompt` is what is neither image nor learnt."""

    image: int
    prompt: int
    learnt: int

    @property
    def total(self) -> int:
        return self.image + self.prompt + self.learnt


@dataclass
class Card:
    """One record on the sheet.

    Attributes:
        place: `file:line`.
        problem: why it cannot be learnt from; the rest then shows as far as it goes.
        raw: the line's beginning, where nothing better can be shown.
        drawing: the objects of a photograph.
        summary: of a photograph, as the record has it.
        versions: what augmentation makes of it, as one picture (a data URL).
    """

    number: int
    place: str
    id: str = ""
    problem: str = ""
    remedy: str = ""
    raw: str = ""
    pictures: list[Picture] = field(default_factory=list[Picture])
    hidden_images: int = 0
    answer: str = ""
    pieces: list[Piece] = field(default_factory=list[Piece])
    hidden_pieces: int = 0
    counts: Counts | None = None
    is_over_length: bool = False
    drawing: Drawing | None = None
    summary: str = ""
    versions: str = ""


@dataclass(frozen=True)
class How:
    """How records are looked at.

    Attributes:
        encoder: how training turns them into tokens; its own `max_length` is not applied.
        asks_photographs: whether the encoder makes a conversation of a photograph; else the record
            alone is shown.
        ordering: by which point objects are sorted.
        versions: draws what augmentation makes of a record; None leaves it out.
    """

    encoder: Encoder
    asks_photographs: bool = False
    ordering: Ordering = "reference_point"
    versions: "Callable[[Image, Record], Image] | None" = None


@dataclass(frozen=True)
class Sheet:
    """What came of it.

    Attributes:
        page: the HTML.
        cards: what is on it, in the file's order.
    """

    page: str
    cards: tuple[Card, ...]

    @property
    def faulty(self) -> list[Card]:
        return [card for card in self.cards if card.problem]

    @property
    def over_length(self) -> list[Card]:
        return [card for card in self.cards if card.is_over_length]


def make_sheet(
    path: Path,
    how: How,
    *,
    about: dict[str, str],
    limit: int,
    ids: Collection[str] = (),
    max_length: int | None = None,
) -> Sheet:
    """Draw records of a JSONL, of any style that is read.

    Args:
        about: for the head of the sheet: what it was made with.
        limit: the first so many records.
        ids: only the records with these.
        max_length: of a training sequence; records that reach it are marked.

    Raises:
        DataError: no such file, no records, or none with one of the ids.
    """
    how = replace(how, encoder=replace(how.encoder, max_length=sys.maxsize))
    lines = chosen_lines(path, limit, ids)
    if not ids:
        lines = logs.progress(lines, "drawing records", limit)
    cards = [_card(number, line, how, max_length) for number, line in enumerate(lines, start=1)]
    if not cards and not ids:
        raise DataError("no records", where=str(path))
    if missing := sorted(set(ids) - {card.id for card in cards}):
        raise DataError(f"no record with the id {', '.join(missing)}", where=str(path))
    values = {
        "name": path.name,
        "cards": cards,
        "about": about,
        "max_length": max_length,
        "chosen": bool(ids),
        "photographs": sum(card.drawing is not None for card in cards),
        "tokens": any(card.pieces for card in cards),
    }
    return Sheet(html.render("show.html", values), tuple(cards))


def chosen_lines(path: Path, limit: int, ids: Collection[str]) -> Iterator[jsonl.Line]:
    """The first lines of a file, or those with an id."""
    left = set(ids)
    lines = jsonl.read_lines(path)
    # Only a search may go through a large file.
    for count, line in enumerate(logs.progress(lines, "looking for records") if ids else lines):
        if not ids:
            if count >= limit:
                return
            yield line
        elif (found := _id_of(line)) in left:
            yield line
            left.discard(found)
        if ids and not left:
            return


def _id_of(line: jsonl.Line) -> str:
    try:
        return name_in(canonical.loads(line.data))
    except ValueError:
        return ""


def name_in(value: object) -> str:
    """What a record is called, as it stands in its line, be the rest right or wrong: its id; a
    photograph without one is called as its image is."""
    if not isinstance(value, dict):
        return ""
    raw = cast("dict[str, object]", value)
    name = raw.get("id")
    if not name and is_inspection(raw):
        images = raw.get("images")
        name = cast("list[object]", images)[0] if isinstance(images, list) and images else ""
    return str(name) if isinstance(name, str | int) else ""


def _card(number: int, line: jsonl.Line, how: How, max_length: int | None) -> Card:
    card = Card(number, f"{line.path.name}:{line.number}")
    value: object = None
    try:
        value = canonical.loads(line.data)
        card.id = name_in(value)
        _fill(card, read_any_record(value), line, how)
    except DataError as error:
        # The card says already where the record stands.
        within = (error.where or "").removeprefix(str(_place(card))).lstrip(": ")
        card.problem = f"{within}: {error.message}" if within else error.message
        card.remedy = error.remedy or ""
        _add_readable_part(card, value, line, how)
    except ValueError as error:
        card.problem = f"not JSON: {error}"
    if card.problem and not (card.pictures or card.answer or card.drawing):
        card.raw = _cut(line.data[: 4 * _MOST_CHARACTERS].decode("utf-8", "replace"))
    if card.counts is not None and max_length is not None:
        card.is_over_length = card.counts.total >= max_length
    return card


def _place(card: Card) -> Place:
    return Place(card.place, card.number - 1, card.id)


def _fill(card: Card, record: Record, line: jsonl.Line, how: How) -> None:
    """Put on the card what there is, as far as the record's first fault."""
    if isinstance(record, InspectionRecord):
        card.drawing, card.summary = drawing_of(record, how.ordering), record.summary or ""
    else:
        card.answer = _answer_of(record.messages)
    sizes: list[tuple[int, int]] = []
    for reference in record.images:
        image = open_image(reference, line.path.parent)
        sizes.append(image.size)
        if len(sizes) <= _MOST_IMAGES:
            name = place_of(reference, None)
            card.pictures.append(_picture(len(sizes), name, image, how.encoder, card.drawing))
        if len(sizes) == 1 and how.versions is not None:
            card.versions = html.picture(how.versions(image, record), _VERSIONS_PIXELS)
    card.hidden_images = len(sizes) - len(card.pictures)
    if isinstance(record, InspectionRecord):
        require_size(record, sizes[0])
        if not how.asks_photographs:
            return
    _add_conversation(card, record, sizes, how.encoder)


def _add_readable_part(card: Card, value: object, line: jsonl.Line, how: How) -> None:
    """The photograph of a record that breaks its contract, so that one sees what is meant."""
    part = readable_part(value) if card.drawing is None else None
    if part is None:
        return
    with suppress(ImageError):
        image = open_image(part.image, line.path.parent)
        name = place_of(part.image, None)
        card.drawing = drawing_of(part, how.ordering)
        card.pictures.append(_picture(1, name, image, how.encoder, card.drawing))


def _add_conversation(
    card: Card, record: Record, sizes: list[tuple[int, int]], encoder: Encoder
) -> None:
    place = _place(card)
    messages = encoder.messages(record, place)
    card.answer = _answer_of(messages, is_line=card.drawing is not None)
    encoded = encoder.encode(messages, sizes, place)
    card.counts = _counts(encoded, encoder)
    pieces = list(pieces_of(encoded, encoder.tokenizer))
    card.pieces = pieces[:_MOST_PIECES]
    card.hidden_pieces = len(pieces) - len(card.pieces)


def _picture(
    number: int, name: str, image: "Image", encoder: Encoder, drawing: Drawing | None
) -> Picture:
    from PIL.Image import Resampling

    spec = encoder.spec
    grid = grid_of(image.width, image.height, spec)
    _, rows, columns = grid
    seen = (columns * spec.patch_size, rows * spec.patch_size)
    scale = min(1.0, _THUMBNAIL_PIXELS / max(seen))
    small = image
    if drawing is None:
        # A person looks at a photograph's own pixels for what lies beside a line.
        small = image.resize(
            (max(1, round(seen[0] * scale)), max(1, round(seen[1] * scale))), Resampling.BICUBIC
        )
    tokens = (columns // spec.merge_size, rows // spec.merge_size)
    source = html.picture(small, _THUMBNAIL_PIXELS if drawing is None else _PHOTOGRAPH_PIXELS)
    return Picture(number, name, source, image.size, seen, grid, tokens, drawing)


def _counts(encoded: Encoded, encoder: Encoder) -> Counts:
    image = sum(grid_tokens(grid, encoder.spec) for grid in encoded.grids)
    learnt = sum(encoded.supervised)
    return Counts(image, encoded.length - image - learnt, learnt)


def _answer_of(messages: tuple[Message, ...], *, is_line: bool = False) -> str:
    """The last answer, laid out where it is JSON, unless its one line is what matters."""
    answers = [message.text for message in messages if message.role == "assistant"]
    if not answers:
        return ""
    return _cut(answers[-1] if is_line else _laid_out(answers[-1]))


def _laid_out(text: str) -> str:
    import msgspec

    try:
        # Numbers keep their spelling, which `json.dumps` would not leave them.
        return msgspec.json.format(text.encode("utf-8"), indent=2).decode("utf-8")
    except (msgspec.DecodeError, RecursionError):
        return text


def _cut(text: str) -> str:
    over = len(text) - _MOST_CHARACTERS
    return text if over <= 0 else f"{text[:_MOST_CHARACTERS]}… and {over} characters more"


def summary(sheet: Sheet) -> dict[str, Any]:
    """The sheet in numbers, for programs."""
    totals = [card.counts.total for card in sheet.cards if card.counts is not None]
    drawings = [card.drawing for card in sheet.cards if card.drawing is not None]
    return {
        "records": len(sheet.cards),
        "photographs": len(drawings),
        "objects": sum(drawing.num_objects for drawing in drawings),
        "longest": max(totals, default=0),
        "over_length": [{"place": card.place, "id": card.id} for card in sheet.over_length],
        "faulty": [
            {"place": card.place, "id": card.id, "why": card.problem} for card in sheet.faulty
        ],
    }
