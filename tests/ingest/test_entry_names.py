import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightwright.ingest.entry_names import UnsafeNameError, collision_key, entry_parts


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.png", ("a.png",)),
        ("pages/a.png", ("pages", "a.png")),
        ("pages\\2024\\a.png", ("pages", "2024", "a.png")),
        ("./a//b/", ("a", "b")),
        ("Größe ¼ (1).png", ("Größe ¼ (1).png",)),
        ("console.png", ("console.png",)),
        ("..a", ("..a",)),
        ("", ()),
    ],
)
def test_ordinary_names_become_paths(name: str, parts: tuple[str, ...]) -> None:
    assert entry_parts(name) == parts


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../a", "'..' would lead out"),
        ("a/../../b", "'..' would lead out"),
        ("..\\..\\a", "'..' would lead out"),
        ("/etc/passwd", "an absolute path"),
        ("\\\\host\\share\\a", "an absolute path"),
        ("C:\\a", "a drive of its own"),
        ("c:a", "a drive of its own"),
        ("a.png:hidden", "a colon"),
        ("con", "a device on Windows"),
        ("a/NUL.png", "a device on Windows"),
        ("Com1 .tar.gz", "a device on Windows"),
        ("lpt³", "a device on Windows"),
        ("a/.. /b", "dots and spaces only"),
        ("...", "dots and spaces only"),
        ("a\0b", "a control character"),
        ("a\x1b[31m", "a control character"),
        ("x" * 256, "a part of over 255 bytes"),
        ("ä" * 128, "a part of over 255 bytes"),
        ("x/" * 600, "over 1024 bytes long"),
    ],
)
def test_unsafe_names_say_why(name: str, why: str) -> None:
    with pytest.raises(UnsafeNameError, match=why):
        entry_parts(name)


@given(st.text(alphabet="ab./\\: CONcon1\0é~$", max_size=12))
def test_whatever_is_let_through_stays_inside(name: str) -> None:
    try:
        parts = entry_parts(name)
    except UnsafeNameError:
        return
    for part in parts:
        assert part not in ("", ".", "..")
        assert not set("/\\:\0") & set(part)


def test_names_that_are_one_file_somewhere_have_one_key() -> None:
    assert collision_key(("A", "x.PNG")) == collision_key(("a", "X.png"))
    assert collision_key(("é",)) == collision_key(("e\u0301",))
    assert collision_key(("a. ",)) == collision_key(("a",))
    assert collision_key(("a", "b")) != collision_key(("ab",))
