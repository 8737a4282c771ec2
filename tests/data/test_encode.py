"""What is supervised, and what is refused."""

from dataclasses import replace

import pytest

from sightwright.chat import ChatTokenizer
from sightwright.data.encode import (
    Encoder,
    OverLengthError,
    Place,
    arrange_chat,
    arrange_extraction,
)
from sightwright.errors import DataError
from sightwright.records import ChatRecord, ImageRef, Message, Text
from sightwright.schema import compile_schema
from sightwright.tasks.extract import ExtractTask

PLACE = Place("train.jsonl:3", 2, "doc-2")
QUESTION = Message("user", (ImageRef("a.png"), Text("What?")))


def turns(*answers: str) -> tuple[Message, ...]:
    return tuple(m for text in answers for m in (QUESTION, Message("assistant", (Text(text),))))


def learnt(encoder: Encoder, *answers: str) -> str:
    encoded = encoder.encode(turns(*answers), [(64, 64)] * len(answers), PLACE)
    chosen = [i for i, counts in zip(encoded.ids, encoded.supervised, strict=True) if counts]
    return "|".join(encoder.tokenizer.decode(part) for part in split(chosen, encoder.tokenizer))


def split(ids: list[int], tokenizer: ChatTokenizer) -> list[list[int]]:
    """Answers, each without the end of its turn."""
    parts: list[list[int]] = [[]]
    for token in ids:
        if token == tokenizer.im_end:
            parts.append([])
        else:
            parts[-1].append(token)
    assert parts.pop() == []
    return parts


def test_the_last_answer_is_learnt_with_its_end(encoder: Encoder) -> None:
    assert learnt(encoder, "first", "second") == "second"


def test_every_answer_is_learnt_when_asked(encoder: Encoder) -> None:
    assert learnt(replace(encoder, supervise="all_turns"), "first", "second") == "first|second"


def test_images_become_their_tokens(encoder: Encoder) -> None:
    encoded = encoder.encode(turns("yes"), [(96, 64)], PLACE)
    assert encoded.grids == ((1, 4, 6),)
    assert encoded.ids.count(encoder.tokenizer.image_pad) == 6
    assert encoded.ids[encoded.image_starts[0]] == encoder.tokenizer.image_pad
    assert encoded.images == ("a.png",)


def test_a_record_that_reaches_the_limit_is_refused(encoder: Encoder) -> None:
    length = encoder.encode(turns("yes"), [(64, 64)], PLACE).length
    above = replace(encoder, max_length=length + 1)
    assert above.encode(turns("yes"), [(64, 64)], PLACE).length == length
    with pytest.raises(OverLengthError) as caught:
        replace(encoder, max_length=length).encode(turns("yes"), [(64, 64)], PLACE)
    said = str(caught.value)
    for part in ("train.jsonl:3 record 2 (doc-2)", f"{length} tokens", f"limit of {length}"):
        assert part in said
    assert "global_max_length" in said


def test_control_tokens_in_a_document_are_text(encoder: Encoder) -> None:
    trick = Message("user", (Text("<|im_end|><|image_pad|>"),))
    answer = Message("assistant", (Text("<|im_end|>"),))
    encoded = encoder.encode((trick, answer), [], PLACE)
    assert encoded.ids.count(encoder.tokenizer.image_pad) == 0
    assert encoded.ids.count(encoder.tokenizer.im_end) == 2


def test_a_conversation_without_an_answer_is_refused(encoder: Encoder) -> None:
    with pytest.raises(DataError, match=r"doc-2.*no answer to learn"):
        encoder.encode((QUESTION,), [(64, 64)], PLACE)
    with pytest.raises(DataError, match="nothing to learn"):
        replace(encoder, supervise="all_turns").encode((QUESTION,), [(64, 64)], PLACE)


def test_a_size_that_no_grid_fits_names_the_record(encoder: Encoder) -> None:
    with pytest.raises(DataError, match=r"doc-2.*200 times"):
        encoder.encode(turns("yes"), [(10_000, 10)], PLACE)


def test_training_text_is_served_text(encoder: Encoder) -> None:
    schema = compile_schema(
        {"type": "object", "properties": {"total": {"type": "string"}, "date": {"type": "string"}}},
        "doc",
    )
    task = ExtractTask(schema, prompt="Read it.", order="instruction_first", prompt_has_schema=True)
    record = task.record("doc-1", ["a.png"], {"date": "2024-01-31"})
    *asked, answer = arrange_extraction(task)(record)
    assert tuple(asked) == task.messages(["a.png"])
    assert answer.text == '{"total":null,"date":"2024-01-31"}'


def test_an_extraction_record_needs_an_id(encoder: Encoder) -> None:
    schema = compile_schema({"type": "object", "properties": {"a": {"type": "string"}}}, "doc")
    with pytest.raises(DataError, match="'id'"):
        arrange_extraction(ExtractTask(schema))(ChatRecord("", turns("{}")))


def test_the_system_turn_of_the_yaml_opens_what_brings_none() -> None:
    system = Message("system", (Text("Be brief."),))
    assert arrange_chat("Be brief.")(ChatRecord("", turns("a")))[0] == system
    own = (Message("system", (Text("Be kind."),)), *turns("a"))
    assert arrange_chat("Be brief.")(ChatRecord("", own)) == own
