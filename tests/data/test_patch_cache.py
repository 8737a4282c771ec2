"""Patches from disk are those computed; many processes share a folder, and no crash spoils it."""

import errno
import fcntl
import os
import pickle
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from cache_hammer import ask, die_while_writing, hammer, held_in

from forking import context
from sightwright.data.dataset import RecordDataset, Shown
from sightwright.data.encode import Encoder
from sightwright.data.patch_cache import PatchCache
from sightwright.data.pixels import image_patches
from sightwright.errors import ConfigError, ImageError
from sightwright.images import open_image
from sightwright.jsonl import write_all
from sightwright.sampling.plan import Pick
from sightwright.vision import PixelPolicy, VisionSpec

Draw = Callable[..., str]
# 128 x 128 pixels are 8 x 8 patches of 768 bytes, and a header of 28.
ENTRY = 64 * 768 + 28


@pytest.fixture
def cache(tmp_path: Path) -> PatchCache:
    return PatchCache.open(tmp_path / "cache", max_gb=1)


@pytest.fixture
def files(tmp_path: Path, draw: Draw) -> list[Path]:
    return [tmp_path / draw(f"{index}.png", 128, 128) for index in range(6)]


def entries(cache: PatchCache) -> list[Path]:
    return sorted(cache.folder.glob("*/*.patches"))


def process(target: Callable[..., None], *arguments: object) -> BaseProcess:
    started = context().Process(target=target, args=arguments)
    started.start()
    return started


@pytest.mark.parametrize(("width", "height"), [(128, 128), (200, 90), (33, 500), (1240, 1754)])
def test_what_is_read_is_what_was_made(
    cache: PatchCache, spec: VisionSpec, tmp_path: Path, draw: Draw, width: int, height: int
) -> None:
    file = tmp_path / draw("a.png", width, height)
    wanted = image_patches(open_image(file), spec)
    counts = Counter[str]()
    made, read = (ask(cache, file, spec, counts) for _ in range(2))
    assert torch.equal(made, wanted) and torch.equal(read, wanted)
    assert read.dtype == torch.uint8
    assert counts == {"patch_cache: made": 1, "patch_cache: read": 1}


def test_the_size_of_the_image_comes_with_it(
    cache: PatchCache, spec: VisionSpec, tmp_path: Path, draw: Draw
) -> None:
    data = (tmp_path / draw("a.png", 200, 90)).read_bytes()
    for _ in range(2):
        found = cache.patches(data, spec, lambda: open_image(data), Counter())
        assert found.size == (200, 90)


def test_another_image_or_policy_is_another_entry(
    cache: PatchCache, spec: VisionSpec, files: list[Path]
) -> None:
    ask(cache, files[0], spec, Counter())
    smaller = replace(spec, pixels=PixelPolicy(32 * 32, 4 * 32 * 32))
    assert ask(cache, files[0], smaller, Counter()).shape == (16, 768)
    content = files[1].read_bytes()
    # The same path and name, another image: no date is asked.
    status = files[0].stat()
    files[0].write_bytes(content)
    os.utime(files[0], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert torch.equal(
        ask(cache, files[0], spec, Counter()), image_patches(open_image(content), spec)
    )
    assert len(entries(cache)) == 3
    # And the same image at another path is the same entry.
    counts = Counter[str]()
    ask(cache, files[1], spec, counts)
    assert counts == {"patch_cache: read": 1}


@pytest.mark.parametrize("damage", ["cut", "grown", "flipped", "empty", "header", "width"])
def test_a_damaged_entry_is_noticed_and_made_anew(
    cache: PatchCache, spec: VisionSpec, files: list[Path], damage: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    wanted = ask(cache, files[0], spec, Counter())
    (entry,) = entries(cache)
    whole = entry.read_bytes()
    flipped, narrower = bytearray(whole), bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    # Of the same patches, as the image of another width.
    narrower[8] ^= 1
    torn = {
        "cut": whole[:-1], "grown": whole + b"\0", "flipped": bytes(flipped), "empty": b"",
        "header": b"X" + whole[1:], "width": bytes(narrower),
    }  # fmt: skip
    entry.write_bytes(torn[damage])
    counts = Counter[str]()
    assert torch.equal(ask(cache, files[0], spec, counts), wanted)
    assert counts == {"patch_cache: damaged": 1, "patch_cache: made": 1}
    assert entry.read_bytes() == whole
    assert "is damaged and is made anew" in caplog.text


def test_an_entry_of_another_user_is_read_though_its_time_cannot_be_set(
    cache: PatchCache, spec: VisionSpec, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))

    wanted, counts = ask(cache, files[0], spec, Counter()), Counter[str]()
    monkeypatch.setattr(os, "utime", refuse)
    assert torch.equal(ask(cache, files[0], spec, counts), wanted)
    assert counts == {"patch_cache: read": 1}


def test_what_was_used_longest_ago_goes_first(
    tmp_path: Path, spec: VisionSpec, files: list[Path]
) -> None:
    cache, counts = PatchCache.open(tmp_path / "small", 4.5 * ENTRY / 1e9), Counter[str]()
    for age, file in enumerate(files[:4]):
        ask(cache, file, spec, counts)
        os.utime(cache.path_of(file.read_bytes(), spec), (1000 + age, 1000 + age))
    ask(cache, files[0], spec, counts)  # It is used, and stays.
    ask(cache, files[4], spec, counts)
    kept = [cache.path_of(file.read_bytes(), spec).is_file() for file in files[:5]]
    # Nine tenths of 4.5 have room for 4, the new one among them.
    assert kept == [True, False, True, True, True]
    assert counts["patch_cache: evicted"] == 1
    assert held_in(cache.folder) == 4 * ENTRY
    assert (cache.folder / "ledger").read_text() == str(4 * ENTRY)


def test_an_image_larger_than_the_cache_is_not_kept_and_drives_nothing_out(
    tmp_path: Path, spec: VisionSpec, files: list[Path], draw: Draw
) -> None:
    cache, counts = PatchCache.open(tmp_path / "small", 1.5 * ENTRY / 1e9), Counter[str]()
    ask(cache, files[0], spec, counts)
    ask(cache, tmp_path / draw("large.png", 256, 256), spec, counts)
    assert counts == {"patch_cache: made": 2, "patch_cache: not_kept": 1}
    assert len(entries(cache)) == 1


def test_processes_hammer_one_bounded_cache(tmp_path: Path, spec: VisionSpec, draw: Draw) -> None:
    files = [tmp_path / draw(f"{index}.png", 64 + 32 * (index % 3), 96) for index in range(12)]
    folder, bound = tmp_path / "cache", 200_000
    PatchCache.open(folder, bound / 1e9)
    running = [process(hammer, folder, files, spec, bound, seed) for seed in range(4)]
    for each in running:
        each.join(120)
    assert [each.exitcode for each in running] == [0] * 4
    assert not list(folder.glob("*/.*.partial"))
    assert 0 < held_in(folder) <= int((folder / "ledger").read_text()) <= bound


def test_no_entry_gets_its_name_while_another_process_counts(
    cache: PatchCache, spec: VisionSpec, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_file = Path.replace

    def replace_locked(self: Path, target: Path) -> Path:
        with (cache.folder / "ledger").open("rb") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return replace_file(self, target)

    monkeypatch.setattr(Path, "replace", replace_locked)
    ask(cache, files[0], spec, Counter())
    assert len(entries(cache)) == 1


def test_a_process_that_dies_while_it_writes_leaves_nothing_to_be_read(
    cache: PatchCache, spec: VisionSpec, files: list[Path]
) -> None:
    dead = process(die_while_writing, cache.folder, files[0], spec)
    dead.join(60)
    assert dead.exitcode == -signal.SIGKILL
    (partial,) = cache.folder.glob("*/.*.partial")
    assert entries(cache) == []
    wanted = image_patches(open_image(files[0]), spec)
    assert torch.equal(ask(cache, files[0], spec, Counter()), wanted)
    # What it left is counted, and goes when room is made and nobody can be writing it any more.
    assert (cache.folder / "ledger").read_text() == str(2 * ENTRY)
    full = PatchCache(cache.folder, 2 * ENTRY + 1)
    ask(full, files[1], spec, Counter())
    assert partial.exists()
    os.utime(partial, (1, 1))
    ask(full, files[2], spec, Counter())
    assert not partial.exists()
    assert held_in(cache.folder) <= full.max_bytes


def test_what_is_not_its_own_is_left_alone(
    cache: PatchCache, spec: VisionSpec, files: list[Path]
) -> None:
    (cache.folder / "ab").mkdir()
    (cache.folder / "photos").mkdir()
    others = [cache.folder / "ab" / ".mine.partial", cache.folder / "photos" / "0.patches"]
    for other in others:
        other.write_bytes(b"x")
        os.utime(other, (1, 1))
    full = PatchCache(cache.folder, ENTRY)
    for file in files:
        ask(full, file, spec, Counter())
    assert all(other.exists() for other in others)


def test_a_ledger_that_says_nothing_is_counted_anew(
    cache: PatchCache, spec: VisionSpec, files: list[Path]
) -> None:
    ask(cache, files[0], spec, Counter())
    (cache.folder / "ledger").write_text("x")
    ask(cache, files[1], spec, Counter())
    assert (cache.folder / "ledger").read_text() == str(2 * ENTRY)


def test_a_disk_that_cannot_be_written_costs_no_run(
    cache: PatchCache, spec: VisionSpec, files: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    counts = Counter[str]()
    ask(cache, files[0], spec, counts)
    (cache.folder / "ledger").unlink()
    (cache.folder / "ledger").mkdir()
    for file in files[:3]:
        assert ask(cache, file, spec, counts).shape == (64, 768)
    assert counts == {"patch_cache: made": 3, "patch_cache: read": 1, "patch_cache: not_kept": 2}
    assert caplog.text.count("no more patches are kept") == 1


def test_an_entry_that_cannot_be_read_is_made(
    cache: PatchCache, spec: VisionSpec, files: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    counts = Counter[str]()
    # Where its folder should be stands a file.
    cache.path_of(files[0].read_bytes(), spec).parent.write_bytes(b"")
    assert ask(cache, files[0], spec, counts).shape == (64, 768)
    assert counts["patch_cache: damaged"] == 1
    assert "cannot be read, and is made anew: Not a directory" in caplog.text


def test_a_folder_that_cannot_be_made_is_told_at_load(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"data\.patch_cache\.dir.*\n.*name another folder"):
        PatchCache.open(tmp_path / "file" / "cache", 1)


def test_a_broken_image_is_told_and_nothing_is_kept(cache: PatchCache, spec: VisionSpec) -> None:
    with pytest.raises(ImageError):
        cache.patches(b"no image", spec, lambda: open_image(b"no image"), Counter())
    assert entries(cache) == []


# As a part of a data set


def record(index: int, image: str) -> dict[str, object]:
    content = [{"type": "image", "image": image}, {"type": "text", "text": "What?"}]
    messages = [{"role": "user", "content": content}, {"role": "assistant", "content": "yes"}]
    return {"id": f"doc-{index}", "messages": messages}


@pytest.fixture
def jsonl(tmp_path: Path, draw: Draw) -> Iterator[Path]:
    write_all(tmp_path / "a.jsonl", [record(i, draw(f"{i}.png", 100, 70)) for i in range(2)])
    yield tmp_path / "a.jsonl"


def test_a_data_set_has_the_same_samples_with_it(
    jsonl: Path, encoder: Encoder, cache: PatchCache
) -> None:
    plain, _ = RecordDataset.open(jsonl, encoder)
    kept, _ = RecordDataset.open(jsonl, encoder, cache=cache)
    picks: list[Pick | int] = [Pick(0, 0, 0, 0.0), Pick(0, 1, 3, 0.5), 0]
    samples = [kept[pick] for pick in picks]
    for pick, sample in zip(picks, samples, strict=True):
        assert sample.encoded == plain[pick].encoded
        assert torch.equal(sample.patches[0], plain[pick].patches[0])
    assert [sample.changes for sample in samples] == [
        {"patch_cache: made": 1}, {"patch_cache: read": 1}, {"patch_cache: read": 1},
    ]  # fmt: skip
    # A loader's process may be sent it.
    assert pickle.loads(pickle.dumps(kept))[1].changes == {"patch_cache: made": 1}


def test_an_image_that_training_changes_is_not_kept(
    jsonl: Path, encoder: Encoder, cache: PatchCache
) -> None:
    from sightwright.config.load import load_text
    from sightwright.data.augment.pipeline import Pipeline
    from sightwright.data.changes import TrainingChange

    text = "custom: {augmentation: {enabled: true, bypass_prob: 0, ops: [{name: gamma}]}}"
    settings = load_text(text).config.custom.effective_augmentation
    assert settings is not None
    pipeline = Pipeline.of(settings)
    change = TrainingChange(7, pipeline)
    kept, _ = RecordDataset.open(jsonl, encoder, change=change, pipeline=pipeline, cache=cache)
    sample = kept[Pick(0, 0, 0, 0.0)]
    assert not any(key.startswith("patch_cache") for key in sample.changes)
    assert entries(cache) == []
    # Asked as evaluation sees it, it is not changed.
    assert kept[0].changes == {"patch_cache: made": 1}


def test_a_change_of_the_record_alone_goes_with_it(
    jsonl: Path, encoder: Encoder, cache: PatchCache
) -> None:
    def renamed(shown: Shown, pick: Pick) -> Shown:
        return replace(shown, place=replace(shown.place, id="other"))

    kept, _ = RecordDataset.open(jsonl, encoder, change=renamed, cache=cache)
    for _ in range(2):
        assert kept[Pick(0, 0, 0, 0.0)].encoded.place.id == "other"
    assert kept[Pick(0, 0, 0, 0.0)].changes == {"patch_cache: read": 1}
