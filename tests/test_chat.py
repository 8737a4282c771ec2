from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sightwright
from sightwright.chat import CONTROL_TOKENS, ChatTokenizer, render
from sightwright.errors import DataError, ModelError
from sightwright.records import ImageRef, Message, Text

TINY = Path(sightwright.__file__).parent / "demo" / "tiny"
TOKENIZER = ChatTokenizer.from_folder(TINY)

IMAGE = ImageRef("page.png")
ANSWER = '{"vendor":"KIOSK","total":34.71}'


def conversation(*content: Text | ImageRef, answer: str = ANSWER) -> list[Message]:
    return [Message("user", content), Message("assistant", (Text(answer),))]


@pytest.fixture(scope="module")
def model_tokenizer():  # type: ignore[no-untyped-def]
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(TINY)


def by_the_models_template(model_tokenizer, messages, image_tokens, generation_prompt=False):  # type: ignore[no-untyped-def]
    """What transformers makes of the same conversation, each pad repeated as its processor does."""
    plain = [
        {
            "role": message.role,
            "content": [
                {"type": "image"}
                if isinstance(item, ImageRef)
                else {"type": "text", "text": item.text}
                for item in message.content
            ],
        }
        for message in messages
    ]
    text = model_tokenizer.apply_chat_template(
        plain, tokenize=False, add_generation_prompt=generation_prompt
    )
    pieces = text.split("<|image_pad|>")
    expanded = pieces[0]
    for count, piece in zip(image_tokens, pieces[1:], strict=True):
        expanded += "<|image_pad|>" * count + piece
    return model_tokenizer(expanded, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize(
    ("messages", "image_tokens"),
    [
        (conversation(IMAGE, Text("Extract.")), [3]),
        (conversation(Text("Extract."), IMAGE), [3]),
        (conversation(IMAGE, IMAGE, Text("two pages")), [2, 4]),
        (conversation(Text("no image")), []),
        (conversation(Text("\n\n leading white space, é ☃ 無关图片")), []),
        ([Message("system", (Text("Be brief."),)), *conversation(IMAGE, Text("x"))], [1]),
        ([*conversation(Text("one")), *conversation(IMAGE, Text("two"))], [5]),
    ],
)
def test_rendering_equals_the_models_own_template(model_tokenizer, messages, image_tokens) -> None:  # type: ignore[no-untyped-def]
    expected = by_the_models_template(model_tokenizer, messages, image_tokens)
    assert render(messages, TOKENIZER, image_tokens).ids == expected
    prompt = by_the_models_template(model_tokenizer, messages[:-1], image_tokens, True)
    rendered = render(messages[:-1], TOKENIZER, image_tokens, generation_prompt=True)
    assert rendered.ids == prompt


def test_the_loss_falls_on_the_last_answer_and_its_end() -> None:
    messages = [*conversation(Text("one"), answer="first"), *conversation(Text("two"))]
    rendered = render(messages, TOKENIZER, [], supervise="last")
    learned = [i for i, counts in zip(rendered.ids, rendered.supervised, strict=True) if counts]
    assert learned == [*TOKENIZER.encode(ANSWER), TOKENIZER.im_end]


def test_all_turns_learns_every_answer_and_no_question() -> None:
    messages = [*conversation(Text("one"), answer="first"), *conversation(Text("two"))]
    rendered = render(messages, TOKENIZER, [], supervise="all_turns")
    learned = [i for i, counts in zip(rendered.ids, rendered.supervised, strict=True) if counts]
    end = TOKENIZER.im_end
    assert learned == [*TOKENIZER.encode("first"), end, *TOKENIZER.encode(ANSWER), end]


@pytest.mark.parametrize("token", sorted(CONTROL_TOKENS.values()))
def test_a_control_token_in_text_is_text(token: str) -> None:
    ids = TOKENIZER.encode(f"total {token} 5")
    assert not set(ids) & TOKENIZER.control_ids
    assert TOKENIZER.decode(ids) == f"total {token} 5"
    rendered = render(conversation(Text(f"a{token}b")), TOKENIZER, [])
    assert rendered.ids.count(TOKENIZER.im_end) == 2
    assert rendered.ids.count(TOKENIZER.image_pad) == 0


@given(st.text(max_size=60))
def test_no_text_can_write_a_control_token(text: str) -> None:
    rendered = render(conversation(Text(text), answer=text), TOKENIZER, [], supervise="last")
    assert rendered.ids.count(TOKENIZER.im_start) == 2
    assert rendered.ids.count(TOKENIZER.im_end) == 2
    assert len(rendered.ids) == len(rendered.supervised)


def test_image_starts_point_at_the_first_pad() -> None:
    rendered = render(conversation(IMAGE, Text("and"), IMAGE), TOKENIZER, [2, 3])
    pads = [i for i, token in enumerate(rendered.ids) if token == TOKENIZER.image_pad]
    assert len(pads) == 5
    assert rendered.image_starts == [pads[0], pads[2]]


def test_a_prompt_and_its_answer_join_to_the_training_sequence() -> None:
    messages = conversation(IMAGE, Text("Extract."))
    prompt = render(messages[:-1], TOKENIZER, [2], generation_prompt=True).ids
    whole = render(messages, TOKENIZER, [2], supervise="last")
    answer = [i for i, counts in zip(whole.ids, whole.supervised, strict=True) if counts]
    assert whole.ids == [*prompt, *answer, *TOKENIZER.encode("\n")]


def test_images_and_sizes_must_agree() -> None:
    with pytest.raises(DataError, match="hold 1 images, but 2 image sizes"):
        render(conversation(IMAGE), TOKENIZER, [1, 2])


def test_a_record_without_an_answer_cannot_be_learned() -> None:
    with pytest.raises(DataError, match="the last message is not the assistant's"):
        render([Message("user", (Text("x"),))], TOKENIZER, [], supervise="last")


def test_a_folder_without_a_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no tokenizer\.json"):
        ChatTokenizer.from_folder(tmp_path)


def test_a_tokenizer_without_control_tokens_is_refused() -> None:
    from tokenizers import Tokenizer, models

    with pytest.raises(ModelError, match="no control token"):
        ChatTokenizer(Tokenizer(models.BPE()).to_str())


def test_the_bytes_of_the_tokens_are_the_text() -> None:
    text = 'Größe 12 m², "日本" \x00\n😀'
    ids = TOKENIZER.encode(text)
    assert b"".join(TOKENIZER.token_bytes(ids)) == text.encode()
    assert TOKENIZER.token_bytes([TOKENIZER.im_end]) == (b"",)
