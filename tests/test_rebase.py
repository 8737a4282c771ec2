"""Image paths of a record that moves into another folder."""

from pathlib import Path

import pytest

from sightwright.inspection_records import InspectionRecord
from sightwright.rebase import Rebase
from sightwright.records import ChatRecord, ImageRef, Message, Text


def test_relative_paths_are_written_as_seen_from_the_new_folder(tmp_path: Path) -> None:
    rebase = Rebase.between(tmp_path / "a/b", tmp_path / "c")
    assert rebase.image("x.jpg") == "../a/b/x.jpg"
    assert rebase.image("pages\\x.jpg") == "../a/b/pages/x.jpg"
    assert rebase.image("../x.jpg") == "../a/x.jpg"


@pytest.mark.parametrize(
    "same", ["/pages/x.jpg", "https://a.b/x.jpg", "data:image/png;base64,AA=="]
)
def test_what_names_the_same_from_anywhere_stays(tmp_path: Path, same: str) -> None:
    assert Rebase.between(tmp_path / "a", tmp_path / "b").image(same) == same


def test_the_climb_starts_where_a_link_leads(tmp_path: Path) -> None:
    (tmp_path / "deep/down").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep/down")
    rebase = Rebase.between(tmp_path / "data", tmp_path / "link")
    assert rebase.image("x.jpg") == "../../data/x.jpg"


def test_under_a_root_of_images_paths_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOT_IMAGE_DIR", str(tmp_path))
    assert Rebase.between(tmp_path / "a", tmp_path / "b").image("x\\y.jpg") == "x/y.jpg"


def test_records_of_either_kind_are_rebased(tmp_path: Path) -> None:
    rebase = Rebase.between(tmp_path / "a", tmp_path)
    photograph = InspectionRecord("1", "x.jpg", 4, 4, summary="无关图片", meta={"k": 1})
    moved = rebase.record(photograph)
    assert (moved.image, moved.summary, moved.meta) == ("a/x.jpg", "无关图片", {"k": 1})
    chat = ChatRecord("1", (Message("user", (ImageRef("x.jpg"), Text("x.jpg"))),))
    assert rebase.record(chat).messages[0].content == (ImageRef("a/x.jpg"), Text("x.jpg"))
