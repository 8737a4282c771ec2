import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sightwright.web.cache import UrlCache, default_folder

URL = "https://pages.example/1.png?key=SECRET"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    cache = UrlCache(tmp_path)
    assert cache.read(URL) is None
    cache.write(URL, b"content")
    assert cache.read(URL) == b"content"
    assert cache.read(URL + "x") is None


def test_the_name_is_the_hash_of_the_url(tmp_path: Path) -> None:
    cache = UrlCache(tmp_path)
    cache.write(URL, b"content")
    name = hashlib.sha256(URL.encode()).hexdigest()
    (file,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert file == tmp_path / name[:2] / name
    assert b"SECRET" not in file.read_bytes()


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 40])
def test_damage_counts_as_nothing_kept(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    cache = UrlCache(tmp_path)
    cache.write(URL, b"content")
    cache.path(URL).write_bytes(damage)
    assert cache.read(URL) is None
    assert "damaged" in caplog.text


def test_many_writers_leave_one_whole_file(tmp_path: Path) -> None:
    cache = UrlCache(tmp_path)
    content = bytes(200_000)

    def work(index: int) -> bytes | None:
        cache.write(URL, content)
        return cache.read(URL)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(40))) == {content}
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIGHTWRIGHT_CACHE", str(tmp_path / "chosen"))
    assert default_folder() == tmp_path / "chosen" / "fetched"
    monkeypatch.delenv("SIGHTWRIGHT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_folder() == tmp_path / "xdg" / "sightwright" / "fetched"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_folder() == tmp_path / "home" / ".cache" / "sightwright" / "fetched"
