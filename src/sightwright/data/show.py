"""Records on an HTML sheet: pages beside the answer, and the conversation token by token.

What is shown is what training sees: the same arrangement, the same token ids, the same grid.
"""

import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sightwright import canonical, html, jsonl, logs
from sightwright.data.encode import Encoded, Encoder, Place
from sightwright.data.pieces import Piece, pieces_of
from sightwright.data.sizes import Grid, grid_of, grid_tokens
from sightwright.errors import DataError
from sightwright.images import open_image, place_of
from sightwright.record_formats import read_record
from sightwright.records import ChatRecord, Message

if TYPE_CHECKING:
    from PIL.Image import Image

_THUMBNAIL_PIXELS = 900
_MOST_IMAGES = 12
_MOST_PIECES = 20_000
_MOST_CHARACTERS = 20_000


@dataclass(frozen=True)
class Picture:
    """An image as the model is shown it.

    Attributes:
        source: a small copy at the model's proportions, as a data URL.
        size: (width, height) as stored, in pixels.
        grid: patches.
        tokens: columns and rows of LLM tokens.
    """

    number: int
    name: str
    source: str
    size: tuple[int, int]
    seen: tuple[int, int]
    grid: Grid
    tokens: tuple[int, int]


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
    encoder: Encoder,
    *,
    about: dict[str, str],
    limit: int,
    ids: Collection[str] = (),
    max_length: int | None = None,
) -> Sheet:
    """Draw records of a JSONL, of any style that is read.

    Args:
        encoder: how training turns records into tokens; its own `max_length` is not applied.
        about: for the head of the sheet: what it was made with.
        limit: the first so many records.
        ids: only the records with these.
        max_length: of a training sequence; records that reach it are marked.

    Raises:
        DataError: no such file, no records, or none with one of the ids.
    """
    unlimited = replace(encoder, max_length=sys.maxsize)
    lines = _chosen(path, limit, ids)
    if not ids:
        lines = logs.progress(lines, "drawing records", limit)
    cards = [
        _card(number, line, unlimited, max_length) for number, line in enumerate(lines, start=1)
    ]
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
    }
    return Sheet(html.render("show.html", values), tuple(cards))


def _chosen(path: Path, limit: int, ids: Collection[str]) -> Iterator[jsonl.Line]:
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
        return read_record(canonical.loads(line.data)).id
    except ValueError:
        return ""


def _card(number: int, line: jsonl.Line, encoder: Encoder, max_length: int | None) -> Card:
    card = Card(number, f"{line.path.name}:{line.number}")
    try:
        record = read_record(canonical.loads(line.data))
        card.id = record.id
        _fill(card, record, line, encoder)
    except DataError as error:
        # The card says already where the record stands.
        within = (error.where or "").removeprefix(str(_place(card))).lstrip(": ")
        card.problem = f"{within}: {error.message}" if within else error.message
        card.remedy = error.remedy or ""
    except ValueError as error:
        card.problem = f"not JSON: {error}"
    if card.problem and not card.pictures and not card.answer:
        card.raw = _cut(line.data[: 4 * _MOST_CHARACTERS].decode("utf-8", "replace"))
    if card.counts is not None and max_length is not None:
        card.is_over_length = card.counts.total >= max_length
    return card


def _place(card: Card) -> Place:
    return Place(card.place, card.number - 1, card.id)


def _fill(card: Card, record: ChatRecord, line: jsonl.Line, encoder: Encoder) -> None:
    """Put on the card what there is, as far as the record's first fault."""
    place = _place(card)
    card.answer = _answer_of(record.messages)
    root = line.path.parent
    sizes: list[tuple[int, int]] = []
    for reference in record.images:
        image = open_image(reference, root)
        sizes.append(image.size)
        if len(sizes) <= _MOST_IMAGES:
            name = place_of(reference, None)
            card.pictures.append(_picture(len(sizes), name, image, encoder))
    card.hidden_images = len(sizes) - len(card.pictures)
    messages = encoder.messages(record, place)
    card.answer = _answer_of(messages)
    encoded = encoder.encode(messages, sizes, place)
    card.counts = _counts(encoded, encoder)
    pieces = list(pieces_of(encoded, encoder.tokenizer))
    card.pieces = pieces[:_MOST_PIECES]
    card.hidden_pieces = len(pieces) - len(card.pieces)


def _picture(number: int, name: str, image: "Image", encoder: Encoder) -> Picture:
    from PIL.Image import Resampling

    spec = encoder.spec
    grid = grid_of(image.width, image.height, spec)
    _, rows, columns = grid
    seen = (columns * spec.patch_size, rows * spec.patch_size)
    scale = min(1.0, _THUMBNAIL_PIXELS / max(seen))
    small = image.resize(
        (max(1, round(seen[0] * scale)), max(1, round(seen[1] * scale))), Resampling.BICUBIC
    )
    tokens = (columns // spec.merge_size, rows // spec.merge_size)
    source = html.picture(small, _THUMBNAIL_PIXELS)
    return Picture(number, name, source, image.size, seen, grid, tokens)


def _counts(encoded: Encoded, encoder: Encoder) -> Counts:
    image = sum(grid_tokens(grid, encoder.spec) for grid in encoded.grids)
    learnt = sum(encoded.supervised)
    return Counts(image, encoded.length - image - learnt, learnt)


def _answer_of(messages: tuple[Message, ...]) -> str:
    """The last answer, laid out where it is JSON."""
    answers = [message.text for message in messages if message.role == "assistant"]
    return _cut(_laid_out(answers[-1])) if answers else ""


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
    return {
        "records": len(sheet.cards),
        "longest": max(totals, default=0),
        "over_length": [{"place": card.place, "id": card.id} for card in sheet.over_length],
        "faulty": [
            {"place": card.place, "id": card.id, "why": card.problem} for card in sheet.faulty
        ],
    }
