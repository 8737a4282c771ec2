from pathlib import Path

import pytest

from sightwright.ingest.annotations.found import Annotated, BadSample
from sightwright.ingest.annotations.image_paths import find_image


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("images/a.png", "images/sub/b.png", "notes/a.json", "secret.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return (tmp_path / "images").resolve()


def find(root: Path, *images: str, beside: Path | None = None) -> Path | BadSample:
    return find_image(Annotated(images, None, "place", beside=beside), root)


@pytest.mark.parametrize(
    "stated", ["a.png", "./a.png", "sub/../a.png", "sub\\..\\a.png", "../images/a.png"]
)
def test_paths_below_the_folder(root: Path, stated: str) -> None:
    assert find(root, stated) == root / "a.png"


def test_whole_paths_below_the_folder(root: Path) -> None:
    assert find(root, str(root / "sub" / "b.png")) == root / "sub" / "b.png"


def test_paths_from_beside_the_annotation(root: Path) -> None:
    beside = root.parent / "notes"
    assert find(root, "../images/sub/b.png", beside=beside) == root / "sub" / "b.png"
    assert find(root, "sub/b.png", beside=beside) == root / "sub" / "b.png"


def test_the_first_that_is_there(root: Path) -> None:
    assert find(root, "none.png", "sub/b.png", "a.png") == root / "sub" / "b.png"


@pytest.mark.parametrize("stated", ["../secret.png", "sub/../../secret.png", "/etc/passwd", "/"])
def test_escapes_are_refused_by_name(root: Path, stated: str) -> None:
    found = find(root, stated)
    assert isinstance(found, BadSample)
    assert found.reason == "image-outside" and stated in found.detail


def test_links_out_of_the_folder_are_refused(root: Path) -> None:
    (root / "link.png").symlink_to(root.parent / "secret.png")
    (root / "within.png").symlink_to(root / "a.png")
    found = find(root, "link.png")
    assert isinstance(found, BadSample) and found.reason == "image-outside"
    assert find(root, "within.png") == root / "a.png"


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ("none.png", "image-missing"),
        ("sub", "image-missing"),
        ("", "image-unnamed"),
        ("a\0.png", "image-unnamed"),
        ("http://example.org/a.png", "image-unnamed"),
        ("data:image/png;base64,AAAA", "image-unnamed"),
        ("x" * 5000, "image-unnamed"),
    ],
)
def test_what_is_not_found(root: Path, stated: str, reason: str) -> None:
    found = find(root, stated)
    assert isinstance(found, BadSample) and found.reason == reason


def test_no_image_is_named(root: Path) -> None:
    found = find(root)
    assert isinstance(found, BadSample) and found.reason == "image-missing"
