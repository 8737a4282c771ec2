import base64
import json
import runpy
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sightwright import canonical, demo
from sightwright.chat import ChatTokenizer, render
from sightwright.errors import DataError
from sightwright.images import open_image
from sightwright.record_formats import (
    FORMATS,
    RecordFormat,
    format_of,
    read_record,
    write_record,
)
from sightwright.records import ChatRecord, ImageRef, Message, Text

FOLDER = Path(__file__).parent / "formats"
STYLES = ["sightwright", "openai", "ms-swift", "llava", "qwen-vl", "qwen-vl-first"]
TINY = Path(demo.__path__[0]) / "tiny"


def stored(style: str) -> dict[str, Any]:
    return canonical.loads((FOLDER / f"{style}.jsonl").read_bytes())


def user(*items: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(items)}


ANSWER = {"role": "assistant", "content": "{}"}


@pytest.mark.parametrize("style", STYLES)
def test_one_conversation_in_every_style_has_the_same_token_ids(style: str) -> None:
    tokenizer = ChatTokenizer.from_folder(TINY)
    expected = read_record(stored("sightwright"))
    record = read_record(stored(style))
    assert record.messages == expected.messages
    assert record.images == ("first.png", "second.png")
    for image in record.images:
        assert open_image(image, FOLDER).size == (96, 64)
    rendered = render(record.messages, tokenizer, [6, 4], supervise="last")
    assert rendered == render(expected.messages, tokenizer, [6, 4], supervise="last")
    assert rendered.ids.count(tokenizer.image_pad) == 10


@pytest.mark.parametrize(
    ("style", "told"),
    [
        *((style, style) for style in ("sightwright", "openai", "ms-swift", "qwen-vl")),
        # With several images LLaVA's style and Qwen-VL's are one.
        ("llava", "qwen-vl"),
        ("qwen-vl-first", "qwen-vl"),
    ],
)
def test_styles_are_told_by_their_keys(style: str, told: RecordFormat) -> None:
    assert format_of(stored(style)) == told


def one_page(**changes: Any) -> ChatRecord:
    messages = (
        Message("user", (ImageRef("a.png"), Text("Read."))),
        Message("assistant", (Text("{}"),)),
    )
    return ChatRecord(**{"id": "a", "messages": messages, **changes})


@pytest.mark.parametrize("style", FORMATS)
def test_what_is_written_is_told_and_read_again(style: RecordFormat) -> None:
    record = one_page()
    value = json.loads(canonical.dumps(write_record(record, style)))
    assert format_of(value) == style
    assert read_record(value) == record


def test_what_the_styles_look_like() -> None:
    record = one_page(meta={"pages": 1})
    turns = [{"from": "human", "value": "<image>\nRead."}, {"from": "gpt", "value": "{}"}]
    assert write_record(record, "llava") == {
        "id": "a", "image": "a.png", "conversations": turns,
    }  # fmt: skip
    assert write_record(record, "qwen-vl") == {
        "id": "a", "image": ["a.png"], "conversations": turns,
    }  # fmt: skip
    assert write_record(record, "ms-swift") == {
        "id": "a",
        "messages": [{"role": "user", "content": "<image>Read."}, ANSWER],
        "images": ["a.png"],
    }
    assert write_record(record, "openai") == {
        "id": "a",
        "messages": [
            user(
                {"type": "image_url", "image_url": {"url": "a.png"}},
                {"type": "text", "text": "Read."},
            ),
            ANSWER,
        ],
    }


_text = st.text(st.sampled_from("ab \n<>/imageé1:"), min_size=1, max_size=8).map(Text)
_image = st.sampled_from(["a.png", "../b c.png", "https://x.org/c.png"]).map(ImageRef)


def _separated(items: list[Any]) -> tuple[Any, ...]:
    """Two texts side by side are one to a style of tags."""
    kept: list[Any] = []
    for item in items:
        if not (kept and isinstance(item, Text) and isinstance(kept[-1], Text)):
            kept.append(item)
    return tuple(kept)


_users = st.lists(st.one_of(_text, _image), min_size=1, max_size=5).map(_separated)


@given(_users, st.sampled_from(FORMATS), st.booleans())
def test_any_conversation_comes_back(items: Any, style: RecordFormat, twice: bool) -> None:
    turns = (Message("user", items), Message("assistant", (Text("[1]"),)))
    record = ChatRecord("a", turns * 2 if twice else turns)
    try:
        value = write_record(record, style)
    except DataError as error:
        assert "takes for a tag" in error.message
        return
    read = read_record(json.loads(canonical.dumps(value)))
    assert read == record


@pytest.mark.parametrize("style", ["ms-swift", "llava", "qwen-vl"])
@pytest.mark.parametrize("tag", ["<image>", "<video>"])
@pytest.mark.parametrize("place", [0, 1])
def test_a_tag_that_is_meant_as_text_is_refused(style: RecordFormat, tag: str, place: int) -> None:
    messages = list(one_page().messages)
    messages[place] = Message(
        messages[place].role, (Text(f"Say {tag[:3]}"), Text(f"{tag[3:]} aloud."))
    )
    with pytest.raises(DataError) as caught:
        write_record(one_page(messages=tuple(messages)), style)
    assert str(caught.value) == (
        f"record 'a': the {messages[place].role}'s text holds '{tag}', which {style} takes for a "
        "tag\n  remedy: convert to openai or sightwright, or change the text"
    )


def test_openai_and_ours_say_a_tag_as_text() -> None:
    messages = (Message("user", (Text("Say <image>."),)), *one_page().messages)
    for style in ("sightwright", "openai"):
        record = one_page(messages=messages)
        assert read_record(write_record(record, style)) == record


@pytest.mark.parametrize("style", ["llava", "qwen-vl"])
def test_a_system_message_has_no_place_in_conversations(style: RecordFormat) -> None:
    messages = (Message("system", (Text("Be brief."),)), *one_page().messages)
    with pytest.raises(DataError, match=r"record 'a': .* has no system message(.|\n)*openai or ms"):
        write_record(one_page(messages=messages), style)
    for other in ("openai", "ms-swift"):
        assert read_record(write_record(one_page(messages=messages), other)).messages == messages


def test_llavas_turns_alternate() -> None:
    messages = (Message("user", (Text("One."),)), *one_page().messages)
    with pytest.raises(DataError, match="these go user, user, assistant"):
        write_record(one_page(messages=messages), "llava")
    assert read_record(write_record(one_page(messages=messages), "qwen-vl")).messages == messages


def swift(text: str, images: Any, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}, ANSWER], "images": images, **more}


PNG = base64.b64encode((FOLDER / "first.png").read_bytes()).decode()


@pytest.mark.parametrize(
    ("images", "read"),
    [
        ("a.png", "a.png"),
        (["a.png"], "a.png"),
        ([{"path": "a.png", "bytes": None}], "a.png"),
        ([{"url": "https://x.org/a.png"}], "https://x.org/a.png"),
        ([{"bytes": PNG}], f"data:image/png;base64,{PNG}"),
        (["file:///pages/a%20b.png"], "/pages/a b.png"),
    ],
)
def test_ms_swifts_ways_to_give_an_image(images: Any, read: str) -> None:
    assert read_record(swift("<image>Read.", images)).images == (read,)
    open_image(f"data:image/png;base64,{PNG}")


def test_a_bare_image_item_stands_for_the_next_of_images() -> None:
    value = {
        "messages": [user({"type": "image"}, {"type": "text", "text": "Read."}), ANSWER],
        "images": ["a.png"],
    }
    assert read_record(value).messages == one_page().messages


TURN = {"from": "human", "value": "<image>\nRead."}
GPT = {"from": "gpt", "value": "{}"}
WRITE = 'remedy: write {"type": "image", "image": '


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        # T23 and its like: none of these is read as a record without images.
        ({"messages": [user({"type": "image", "url": "a.png"}), ANSWER]}, WRITE),
        ({"messages": [user({"type": "image", "path": "a.png"}), ANSWER]}, WRITE),
        ({"messages": [user({"type": "image"}), ANSWER]}, WRITE),
        ({"messages": [user({"type": "image_url", "url": "a.png"}), ANSWER]}, WRITE),
        ({"messages": [user({"type": "image", "source": {"data": ""}}), ANSWER]}, WRITE),
        ({"messages": [user({"type": "input_image", "image_url": "a"}), ANSWER]}, WRITE),
        ({"messages": [user({"image": "a.png"}), ANSWER]}, WRITE),
        ({"messages": [user({"type": "video", "video": "a.mp4"}), ANSWER]}, "single frames"),
        ({"messages": [{"role": "user", "content": "<image>"}, ANSWER]}, "no 'images' beside"),
        (swift("Read.", ["a.png"]), "tags <image>: 0, images: 1"),
        (swift("<image><image>Read.", ["a.png"]), "tags <image>: 2, images: 1"),
        (swift("<image>Read.", None), "tags <image>: 1, images: 0"),
        (swift("<video>Read.", []), "<video> in the text: only images are read"),
        (swift("<image>", [3]), "'images': an entry is a path"),
        (swift("<image>", [{"file": "a"}]), "path, url or bytes, not file"),
        (swift("<image>", [{"bytes": "?"}]), "'bytes' is not base64"),
        (swift("<image>", [{"bytes": "QQ=="}]), "not the base64 of an image"),
        (swift("<image>", ["file://host/a.png"]), "names no file of this machine"),
        (swift("<image>", ["a"], image="a"), "both 'image' and 'images'"),
        (swift("<image>", ["a"], objects={"ref": []}), "an ms-swift record with 'objects'"),
        (swift("<image>", ["a"], meta=1), "'meta' is an object"),
        (swift("<image>", ["a"], id=1.5), "'id' is a string"),
        ({**swift("", ["a"]), "messages": [{"role": "user", "content": [
            {"type": "text", "text": "<image>"}]}]}, "a tag within a list of items"),
        ({"messages": [ANSWER], "images": []}, "no user message"),
        ({"messages": [{"role": "tool", "content": ""}], "images": []}, "role 'tool'"),
        ({"messages": [{"role": "user", "content": "", "loss": 1}], "images": []}, "keys loss"),
        ({"messages": 3, "images": []}, "'messages' is a non-empty list"),
        ({"messages": [{"role": "assistant", "content": "<image>"}], "images": ["a"]},
         "an image in a message of the assistant"),
        ({"conversations": [TURN, GPT]}, "tags <image>: 1, images: 0"),
        ({"image": "a", "conversations": [{"from": "bot", "value": ""}]}, "'from' is 'bot'"),
        ({"image": "a", "conversations": [{"from": "human", "value": 1}]}, "'value' is a string"),
        ({"image": "a", "conversations": [TURN, {**GPT, "x": 1}]}, "unknown keys x"),
        ({"image": "a", "conversations": [TURN, {"from": "gpt", "value": "<image>"}]},
         "conversations[1]: an image in a message of the assistant"),
        ({"image": "a", "video": "v", "conversations": [TURN]}, "unknown keys video"),
        ({"conversations": [{"from": "user", "value": "<img></img>Read."}]}, "names no image"),
        ({"conversations": [{"from": "user", "value": "hi"}, {"from": "assistant", "value":
            "<img>a</img>"}]}, "an image in a message of the assistant"),
        ({"images": ["a.png"], "objects": [], "width": 4}, "'messages' is a non-empty"),
        ([], "a record is an object, not list"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_an_error_and_not_a_guess(value: Any, complaint: str) -> None:
    with pytest.raises(DataError) as caught:
        read_record(value)
    assert complaint in str(caught.value)


@pytest.mark.parametrize("value", [[], {"id": "a"}, {"images": [], "objects": []}])
def test_what_has_no_style(value: Any) -> None:
    with pytest.raises(DataError, match=r"a record is an object|neither 'messages' nor"):
        format_of(value)


def test_llavas_numbers_for_ids_are_names() -> None:
    assert read_record({"id": 33, "image": "a", "conversations": [TURN, GPT]}).id == "33"


def test_a_text_before_an_image_keeps_its_place() -> None:
    value = {"image": "a", "conversations": [{"from": "human", "value": "See <image>\n\nnow"}, GPT]}
    (message, _) = read_record(value).messages
    assert message.content == (Text("See "), ImageRef("a"), Text("\nnow"))


def test_the_table_of_styles_is_whole() -> None:
    assert set(get_args(RecordFormat)) == set(STYLES) - {"qwen-vl-first"}


def test_the_fixtures_are_what_their_script_writes() -> None:
    records = runpy.run_path(str(FOLDER / "make.py"))["records"]()
    assert records == {style: stored(style) for style in STYLES}
    for name in ("first", "second"):
        with Image.open(FOLDER / f"{name}.png") as page:
            darkest, lightest = page.convert("L").getextrema()
            assert darkest < 50 and lightest == 255


def test_keys_that_say_nothing_are_no_fault() -> None:
    # As ms-swift's exports and tables turned into JSONL have them.
    value = swift("<image>What?", ["a.png"], videos=[], audios=[], objects=None)
    assert read_record(value).images == ("a.png",)
    with pytest.raises(DataError, match="unknown keys videos"):
        read_record({**value, "videos": ["a.mp4"]})
