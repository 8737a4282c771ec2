import os
import random
import stat
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from sightwright.errors import DataError
from sightwright.ingest.archive_plan import ZipLimits
from sightwright.ingest.archives import extract_all, extract_zip

MakeZip = Callable[..., Path]
Entries = Mapping[str, bytes] | list[tuple[str | zipfile.ZipInfo, bytes]]


@pytest.fixture
def make_zip(tmp_path: Path) -> MakeZip:
    def make(
        entries: Entries, name: str = "combined.zip", method: int = zipfile.ZIP_DEFLATED
    ) -> Path:
        path = tmp_path / name
        pairs = list(entries.items()) if isinstance(entries, Mapping) else entries
        with zipfile.ZipFile(path, "w", method) as archive:
            for entry, content in pairs:
                archive.writestr(entry, content)
        return path

    return make


def extract(archive: Path, overwrite: bool = False, **limits: float):
    return extract_zip(
        archive,
        archive.parent / "out",
        overwrite=overwrite,
        limits=ZipLimits(**limits),  # type: ignore[arg-type]
    )


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def assert_refused(archive: Path, why: str, **limits: float) -> None:
    """Refused for that reason, and nothing is left: no destination, no half of one."""
    before = sorted(path.name for path in archive.parent.iterdir())
    with pytest.raises(DataError, match=why):
        extract(archive, **limits)
    assert sorted(path.name for path in archive.parent.iterdir()) == before


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_files_and_folders_come_out_as_they_went_in(make_zip: MakeZip, method: int) -> None:
    contents = {"a.png": b"A" * 5000, "sub/deep/b.jpg": random.Random(0).randbytes(9999)}
    archive = make_zip({**contents, "empty/": b"", "c\\d.png": b""}, method=method)
    outcome = extract(archive)
    assert files(archive.parent / "out") == {**contents, "c/d.png": b""}
    assert (outcome.extracted, outcome.skipped, outcome.num_bytes) == (3, 0, 14_999)
    assert not list(archive.parent.glob(".*"))


def test_what_is_there_stays_unless_overwritten(make_zip: MakeZip, tmp_path: Path) -> None:
    archive = make_zip({"a": b"new", "b": b"new", "c": b"new"})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_bytes(b"old")
    (tmp_path / "out" / "b").write_bytes(b"older")
    outcome = extract(archive)
    assert (outcome.extracted, outcome.skipped, outcome.differing) == (1, 2, ("b",))
    assert files(tmp_path / "out") == {"a": b"old", "b": b"older", "c": b"new"}
    outcome = extract(archive, overwrite=True)
    assert (outcome.extracted, outcome.overwritten, outcome.skipped) == (3, 3, 0)
    assert set(files(tmp_path / "out").values()) == {b"new"}


def test_what_finder_adds_is_left_out_and_counted(make_zip: MakeZip) -> None:
    archive = make_zip({"a.png": b"1", "__MACOSX/._a.png": b"2", "sub/.DS_Store": b"3"})
    outcome = extract(archive)
    assert (outcome.extracted, outcome.left_out) == (1, 2)
    assert list(files(archive.parent / "out")) == ["a.png"]


def test_every_bad_name_of_an_archive_is_named_at_once(make_zip: MakeZip) -> None:
    archive = make_zip(
        {"good.png": b"", "../up": b"", "/abs": b"", "a\\..\\..\\b": b"", "NUL": b""}
    )
    with pytest.raises(DataError) as caught:
        extract(archive)
    lines = caught.value.message.splitlines()
    assert lines[0] == "refused; nothing was written:"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "'../up'", "'/abs'", "'a\\\\..\\\\..\\\\b'", "'NUL'",
    ]  # fmt: skip
    assert caught.value.remedy
    assert_refused(archive, "would lead out")


def special(name: str, kind: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | 0o644) << 16
    return info


def test_links_and_devices_are_refused(make_zip: MakeZip) -> None:
    assert_refused(make_zip([(special("a", stat.S_IFLNK), b"/etc")]), "'a': a symbolic link")
    assert_refused(make_zip([(special("b", stat.S_IFIFO), b"")]), "'b': neither a file nor")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["a", "a"], "'a': stands twice"),
        (["x/a.png", "X/A.PNG"], r"the same file as 'x/a\.png' on a system that ignores case"),
        (["x/a", "x\\a"], "the same file as"),
        (["a", "a/b"], "'a': a file, and the folder of 'a/b'"),
    ],
)
def test_names_that_collide_are_refused(make_zip: MakeZip, names: list[str], why: str) -> None:
    assert_refused(make_zip([(name, b"") for name in names]), why)


def patched(archive: Path, at: int, local_at: int, value: bytes) -> Path:
    """The archive with bytes set in every directory entry and every local header."""
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\1\2", at), (b"PK\3\4", local_at)):
        place = data.find(signature)
        while place >= 0:
            data[place + offset : place + offset + len(value)] = value
            place = data.find(signature, place + 4)
    archive.write_bytes(data)
    return archive


def test_encrypted_entries_are_refused(make_zip: MakeZip) -> None:
    archive = patched(make_zip({"a": b"secret"}), 8, 6, struct.pack("<H", 1))
    assert_refused(archive, "'a': encrypted")


def test_a_compression_that_nobody_reads_is_refused(make_zip: MakeZip) -> None:
    archive = patched(make_zip({"a": b"x"}), 10, 8, struct.pack("<H", 9))
    assert_refused(archive, "'a': compressed by method 9")


def test_a_bomb_is_stopped_while_it_unpacks(make_zip: MakeZip) -> None:
    archive = make_zip({"a": bytes(4_000_000)})
    assert_refused(archive, "over 200 times its size", ratio_from_bytes=1_000_000)
    # A blank page shrinks as much, and is none.
    assert extract(archive).num_bytes == 4_000_000


def test_sizes_and_numbers_have_limits(make_zip: MakeZip) -> None:
    archive = make_zip({"a": b"1234", "b": b"5678"})
    assert_refused(archive, "over the limit", max_bytes=7)
    assert_refused(archive, "2 entries, over the limit of 1", max_files=1)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_declared_size_is_not_believed(make_zip: MakeZip, method: int) -> None:
    # It says 10 bytes and holds four million: never more than it says, and that is damage.
    archive = make_zip({"a": bytes(4_000_000)}, method=method)
    patched(archive, 24, 22, struct.pack("<I", 10))
    assert_refused(archive, "'a': .*damaged")


def test_a_directory_that_claims_the_memory_is_refused(make_zip: MakeZip, tmp_path: Path) -> None:
    archive = make_zip({"a": b""})
    data = archive.read_bytes()
    end = data.rindex(b"PK\5\6")
    huge = 80 * 1024**2
    # The directory's size; zipfile trusts it as long as the file is that long.
    tail = data[end : end + 12] + struct.pack("<II", huge, 0) + data[end + 20 :]
    with archive.open("wb") as file:
        file.truncate(huge)
        file.seek(huge)
        file.write(tail)
    assert_refused(archive, "its directory claims 83886080 bytes")


@pytest.mark.parametrize("content", [b"", b"PK\5\6", b"no archive", b"PK\3\4" + bytes(60)])
def test_what_is_no_archive_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    assert_refused(path, "not a ZIP archive, or a damaged one")


def test_a_truncated_archive_is_refused(make_zip: MakeZip) -> None:
    archive = make_zip({"a": random.Random(1).randbytes(3000)})
    whole = archive.read_bytes()
    for length in (len(whole) - 1, len(whole) // 2, 10):
        archive.write_bytes(whole[:length])
        assert_refused(archive, "damaged")


def test_flipped_bits_end_in_a_whole_folder_or_in_none(make_zip: MakeZip, tmp_path: Path) -> None:
    rng = random.Random(2)
    contents = {f"p{n}.png": rng.randbytes(300) for n in range(3)}
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        whole = make_zip(contents, method=method).read_bytes()
        for trial in range(150):
            data = bytearray(whole)
            for _ in range(rng.randint(1, 4)):
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            archive = tmp_path / "flipped.zip"
            archive.write_bytes(data)
            out = tmp_path / f"{method}-{trial}"
            try:
                extract_zip(archive, out, overwrite=False, limits=ZipLimits())
            except DataError:
                assert not out.exists()
            else:
                # A flipped name or a vanished entry goes unnoticed; contents have checksums.
                assert set(files(out).values()) <= set(contents.values())
    assert not list(tmp_path.glob(".*"))


def test_a_link_at_the_destination_leads_nowhere(make_zip: MakeZip, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="leads out of"):
        extract(make_zip({"sub/a": b""}))
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_file_in_the_way_of_a_folder_and_the_other_way_round(
    make_zip: MakeZip, tmp_path: Path
) -> None:
    (tmp_path / "out" / "a").mkdir(parents=True)
    (tmp_path / "out" / "b").touch()
    with pytest.raises(DataError) as caught:
        extract(make_zip({"a": b"", "b/c": b""}))
    assert "'a': a folder stands at its place" in caught.value.message
    assert "'b/c': " in caught.value.message and "is a file, not a folder" in caught.value.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_destination_that_cannot_be_written(make_zip: MakeZip, tmp_path: Path) -> None:
    archive = make_zip({"a": b""})
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(DataError, match="cannot write in"):
            extract(archive)
    finally:
        tmp_path.chmod(0o700)


def test_a_full_disk_leaves_nothing(make_zip: MakeZip, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_zip({"a": b"x" * 100, "b": b"y" * 100})
    opened = Path.open

    def full(path: Path, mode: str = "r", *rest: object):
        if path.name == "b" and mode == "xb":
            raise OSError(28, "No space left on device", str(path))
        return opened(path, mode, *rest)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    assert_refused(archive, "'b': cannot be written: No space left on device")


def test_what_a_killed_run_left_is_removed_and_a_running_ones_is_not(
    make_zip: MakeZip, tmp_path: Path
) -> None:
    import fcntl

    dead, alive = tmp_path / ".out.0.unzipping", tmp_path / ".out.1.unzipping"
    dead.mkdir()
    alive.mkdir()
    handle = os.open(alive, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    extract(make_zip({"a": b""}))
    os.close(handle)
    assert not dead.exists()
    assert alive.exists()


def test_each_archive_has_its_own_folder(
    make_zip: MakeZip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one, two = make_zip({"a": b"1"}, "one.zip"), make_zip({"a": b"2"}, "two.zip")
    assert [o.out for o in extract_all([one, two], None)] == [
        Path("data/raw/one"),
        Path("data/raw/two"),
    ]
    assert files(tmp_path / "data" / "raw") == {"one/a": b"1", "two/a": b"2"}
    assert [o.out for o in extract_all([one, two], Path("x"))] == [Path("x/one"), Path("x/two")]
    assert [o.out for o in extract_all([one], Path("y"))] == [Path("y")]
    assert [o.out for o in extract_all([one, one], None)] == [Path("data/raw/one")]
    with pytest.raises(DataError, match=r"would both go to data/raw/one"):
        extract_all([one, tmp_path / "sub" / "one.zip"], None)


def test_a_refused_archive_stops_no_other(make_zip: MakeZip, tmp_path: Path) -> None:
    outcomes = extract_all([tmp_path / "none.zip", make_zip({"a": b"1"})], tmp_path / "out")
    assert [outcome.refused for outcome in outcomes] == ["no such file", ""]
    assert outcomes[0].to_json()["archive"] == str(tmp_path / "none.zip")
