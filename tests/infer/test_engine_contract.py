"""What every engine promises, asked of each: the fake one, the embedded one, and a server's."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sightwright.errors import DataError, RefusedError, SchemaError
from sightwright.infer.engine import (
    AnswerCancelledError,
    Completion,
    Delta,
    Engine,
    Request,
    Watch,
)
from sightwright.infer.fake import FakeEngine
from sightwright.infer.http_engine import HttpEngine
from sightwright.infer.transformers_engine import TransformersEngine
from sightwright.records import ImageRef, Message, Text
from sightwright.schema import compile_schema
from sightwright.serve.running import running_server
from sightwright.serve.service import Service
from sightwright.vision import PixelPolicy

MAX_LENGTH = 4096
UNLIKELY = "Größe 漢字🙂"


def one_of(*values: str) -> dict[str, Any]:
    """A schema whose documents any engine can write, taught or not."""
    schema = {"type": "object", "properties": {"kind": {"enum": list(values)}}}
    return compile_schema(schema | {"required": ["kind"]}, "kind").json_schema


def page(width: int, height: int) -> Image.Image:
    rng = np.random.default_rng(width * 1000 + height)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def ask(text: str, *images: Image.Image, **settings: Any) -> Request:
    items = (*(ImageRef("page") for _ in images), Text(text))
    return Request((Message("user", items),), images, **settings)


def obedient(request: Request) -> str:
    """For the fake engine: the first document that the schema allows, else a text of one's own."""
    if request.json_schema is None:
        return f"{request.messages[0].text} {UNLIKELY * 400}"
    kind = request.json_schema["properties"]["kind"]
    return json.dumps({"kind": kind["enum"][0]}, ensure_ascii=False, separators=(",", ":"))


@dataclass
class Counted:
    """An engine, and how many tokens it has written for whoever watches."""

    engine: Engine
    num_steps: int = 0

    @property
    def name(self) -> str:
        return self.engine.name

    def generate(self, requests: Sequence[Request], watch: Watch | None = None) -> list[Completion]:
        return self.engine.generate(requests, watch and _CountingWatch(self, watch))

    def check_schema(self, json_schema: dict[str, Any]) -> None:
        self.engine.check_schema(json_schema)


@dataclass
class _CountingWatch:
    counted: Counted
    watch: Watch

    def wrote(self, index: int, delta: Delta) -> None:
        self.counted.num_steps += 1
        self.watch.wrote(index, delta)

    def is_cancelled(self) -> bool:
        return self.watch.is_cancelled()


@dataclass
class Onlooker:
    """Keeps what it is told; cancels after `patience` deltas."""

    patience: float = float("inf")
    deltas: list[tuple[int, Delta]] = field(default_factory=list[tuple[int, Delta]])

    def wrote(self, index: int, delta: Delta) -> None:
        self.deltas.append((index, delta))

    def is_cancelled(self) -> bool:
        return len(self.deltas) >= self.patience

    def text_of(self, index: int) -> str:
        return "".join(delta.text for of, delta in self.deltas if of == index)


@dataclass(frozen=True)
class Candidate:
    """An engine under test, and the one that does the work in the end."""

    engine: Engine
    working: Counted


@pytest.fixture(scope="module")
def embedded() -> Counted:
    pixels = PixelPolicy(1024, 64 * 1024)
    return Counted(TransformersEngine.from_folder("tiny", device="cpu", pixels=pixels))


@pytest.fixture(scope="module", params=["fake", "embedded", "http"])
def candidate(request: pytest.FixtureRequest, embedded: Counted) -> Iterator[Candidate]:
    if request.param == "fake":
        fake = Counted(FakeEngine(obedient, max_length=MAX_LENGTH))
        yield Candidate(fake, fake)
    elif request.param == "embedded":
        yield Candidate(embedded, embedded)
    else:
        assert isinstance(embedded.engine, TransformersEngine)
        spec = embedded.engine.spec
        with (
            running_server(Service(embedded, spec)) as url,
            HttpEngine(f"{url}/v1", embedded.name, spec=spec) as engine,
        ):
            yield Candidate(engine, embedded)


@pytest.fixture
def engine(candidate: Candidate) -> Engine:
    return candidate.engine


def same(one: Completion, other: Completion) -> bool:
    assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
    return (one.text, one.finish_reason, one.prompt_tokens, one.tokens) == (
        other.text, other.finish_reason, other.prompt_tokens, other.tokens,
    )  # fmt: skip


def test_answers_come_in_the_order_of_the_requests(engine: Engine) -> None:
    names = ["one", "two", "three", "four", "five"]
    requests = [ask("?" * index, json_schema=one_of(name)) for index, name in enumerate(names)]
    answers = [json.loads(completion.text)["kind"] for completion in engine.generate(requests)]
    assert answers == names


def test_a_batch_answers_as_each_request_alone(engine: Engine) -> None:
    requests = [
        ask("Read.", page(64, 64), json_schema=one_of("receipt", "invoice")),
        ask("Read both, please.", page(96, 64), page(32, 64), max_tokens=9),
        ask("No page.", max_tokens=5, temperature=1.0, seed=3),
    ]
    together = engine.generate(requests)
    for completion, request in zip(together, requests, strict=True):
        assert same(completion, engine.generate([request])[0])


def test_an_answer_keeps_to_its_schema(engine: Engine) -> None:
    schema = one_of("receipt", "invoice", UNLIKELY)
    requests = [
        ask(f"Page {seed}", json_schema=schema, temperature=1.0, seed=seed) for seed in range(4)
    ]
    for completion in engine.generate(requests):
        assert completion.finish_reason == "stop"
        assert compile_schema(schema, "kind").problems(json.loads(completion.text)) == []


def test_an_answer_at_the_limit_says_that_it_was_cut(engine: Engine) -> None:
    (completion,) = engine.generate([ask("?", json_schema=one_of(UNLIKELY), max_tokens=3)])
    assert (completion.finish_reason, completion.completion_tokens) == ("length", 3)
    assert len(completion.tokens) == 3


def test_an_answer_that_just_fits_is_whole(engine: Engine) -> None:
    request = ask("?", json_schema=one_of("receipt"))
    (whole,) = engine.generate([request])
    exactly = ask("?", json_schema=one_of("receipt"), max_tokens=whole.completion_tokens)
    assert same(engine.generate([exactly])[0], whole)


@pytest.mark.parametrize("limit", [5, 11, 512])
def test_tokens_and_logprobs_agree_with_the_text(engine: Engine, limit: int) -> None:
    schema = one_of(UNLIKELY)
    (completion,) = engine.generate([ask("?", page(64, 32), json_schema=schema, max_tokens=limit)])
    assert b"".join(completion.tokens).decode(errors="replace") == completion.text
    assert len(completion.tokens) == len(completion.logprobs) == completion.completion_tokens
    assert all(logprob <= 0 for logprob in completion.logprobs)
    assert completion.prompt_tokens >= 0


def test_a_draw_can_be_repeated(engine: Engine) -> None:
    request = ask("?", max_tokens=10, temperature=1.5, seed=11)
    assert same(engine.generate([request])[0], engine.generate([request])[0])


def test_images_and_their_places_must_agree(engine: Engine) -> None:
    message = Message("user", (ImageRef("a"), ImageRef("b"), Text("?")))
    with pytest.raises(DataError, match="2 places for images, and 1 are given"):
        engine.generate([Request((message,), (page(32, 32),))])


@pytest.mark.parametrize("settings", [{"max_tokens": 0}, {"temperature": -1.0}])
def test_settings_out_of_range_are_refused(engine: Engine, settings: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="at least"):
        engine.generate([ask("?", **settings)])


def test_more_than_the_model_can_hold_is_refused(engine: Engine) -> None:
    with pytest.raises(RefusedError, match="4096") as caught:
        engine.generate([ask("word " * 4096)])
    assert caught.value.status == 413


def test_a_schema_that_no_document_could_follow_is_refused(engine: Engine) -> None:
    schema = one_of("a")
    engine.check_schema(schema)
    with pytest.raises(SchemaError, match="not"):
        engine.check_schema(schema | {"not": {}})


def test_nothing_asked_is_nothing_answered(engine: Engine) -> None:
    assert engine.generate([]) == []


def test_deltas_make_the_text_and_split_no_character(engine: Engine) -> None:
    requests = [
        ask("?", json_schema=one_of(UNLIKELY)),
        ask("?", json_schema=one_of("receipt")),
        ask("?", json_schema=one_of(UNLIKELY), max_tokens=6),
    ]
    onlooker = Onlooker()
    completions = engine.generate(requests, onlooker)
    for index, completion in enumerate(completions):
        assert onlooker.text_of(index) == completion.text
        told = [delta for of, delta in onlooker.deltas if of == index]
        tokens = tuple(token for delta in told for token in delta.tokens)
        # A server tells of them at the end alone.
        assert tokens in ((), completion.tokens)
        if completion.finish_reason == "stop":
            assert not any("\ufffd" in delta.text for delta in told)
    assert len([of for of, _ in onlooker.deltas if of == 0]) > 1


def test_being_watched_changes_nothing(engine: Engine) -> None:
    request = ask("Read.", page(64, 64), json_schema=one_of("receipt", "invoice"))
    assert same(engine.generate([request], Onlooker())[0], engine.generate([request])[0])


@pytest.mark.parametrize("patience", [0, 3])
def test_a_cancelled_answer_ends_between_two_steps(candidate: Candidate, patience: int) -> None:
    # Nothing but its length may end this answer.
    letters = {"type": "string", "minLength": 3000}
    schema = compile_schema(
        {"type": "object", "properties": {"kind": letters}, "required": ["kind"]}, "long"
    ).json_schema
    if isinstance(candidate.working.engine, FakeEngine):
        schema = None
    before = candidate.working.num_steps
    onlooker = Onlooker(patience)
    with pytest.raises(AnswerCancelledError):
        candidate.engine.generate([ask("?", json_schema=schema, max_tokens=3000)], onlooker)
    assert len(onlooker.deltas) >= patience
    # The engine is free again, and wrote little more than was seen.
    (completion,) = candidate.engine.generate([ask("?", json_schema=one_of("a"))])
    assert json.loads(completion.text) == {"kind": "a"}
    assert candidate.working.num_steps - before < 500
