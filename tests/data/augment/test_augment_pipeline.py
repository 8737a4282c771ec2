"""The pipeline as a whole: the same whoever runs it, order of operations, what it writes down."""

import hashlib
import json
import pickle
import subprocess
import sys
from collections import Counter
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sightwright.config.load import load_text
from sightwright.config.sections.augmentation import Augmentation
from sightwright.data.augment.contact_sheet import caption, contact_sheet
from sightwright.data.augment.curriculum import Progress
from sightwright.data.augment.pipeline import OBJECTS_ARE_FIXED, Augmented, Pipeline, Streams
from sightwright.data.augment.report import Skipped
from sightwright.errors import DataError
from sightwright.geometry import Box, Line, Polygon
from sightwright.inspection_records import DenseObject, write_object

OBJECTS = (
    DenseObject("类别=标签,可见性=完整", Box(20, 20, 55, 40)),
    DenseObject("类别=挡风板", Polygon(((100, 30), (180, 40), (150, 60), (170, 110)))),
    DenseObject("类别=光纤", Line(((30, 130), (120, 140), (200, 100)))),
    DenseObject("类别=螺丝", Box(210, 140, 226, 156)),
)

# AU23: the flagship recipe of the playbook's time.
FLAGSHIP = """
custom:
  augmentation:
    enabled: true
    bypass_prob: 0.12
    ops:
      - {name: hflip, params: {prob: 0.25}}
      - {name: vflip, params: {prob: 0.06}}
      - {name: rotate, params: {max_deg: 14, prob: 0.24}}
      - {name: random_crop, params: {scale: [0.82, 1], aspect: [0.93, 1.07], prob: 0.16,
         min_objects: 2}}
      - {name: small_object_zoom_paste, params: {prob: 0.18}}
      - {name: resize_by_scale, params: {lo: 0.92, hi: 1.10, prob: 0.40}}
      - {name: color_jitter, params: {brightness: [0.9, 1.1], contrast: [0.9, 1.1],
         saturation: [0.9, 1.1], prob: 0.20}}
      - {name: gamma, params: {gamma: [0.9, 1.1], prob: 0.12}}
      - {name: hsv, params: {hue_deg: [-5, 5], prob: 0.12}}
      - {name: clahe, params: {clip_limit: 1.5, prob: 0.07}}
      - {name: auto_contrast, params: {prob: 0.06}}
      - {name: sharpness, params: {factor: [0.9, 1.12], prob: 0.12}}
      - {name: expand_to_fit_affine}
    curriculum:
      phases:
        - {until_percent: 5, bypass_prob: 1.0}
        - {until_percent: 12, bypass_prob: 0.60, ops: {rotate: {max_deg: 4}}}
        - {until_percent: 20, bypass_prob: 0.32}
        - {until_percent: 30, bypass_prob: 0.28}
        - {until_percent: 40, bypass_prob: 0.22}
        - {until_percent: 50, bypass_prob: 0.19}
        - {until_percent: 65, bypass_prob: 0.16}
        - {until_percent: 100, bypass_prob: 0.12, ops: {rotate: {max_deg: 14}}}
"""


def flagship() -> Pipeline:
    settings = load_text(FLAGSHIP).config.custom.effective_augmentation
    assert settings is not None
    return Pipeline.of(settings)


def pipeline(*ops: dict[str, Any], **settings: Any) -> Pipeline:
    return Pipeline.of(Augmentation.model_validate({"enabled": True, "ops": ops, **settings}))


def photograph() -> Image.Image:
    image = Image.linear_gradient("L").resize((240, 180)).convert("RGB")
    draw = ImageDraw.Draw(image)
    for item, ink in zip(
        OBJECTS, ((200, 0, 0), (0, 150, 0), (0, 0, 200), (90, 0, 90)), strict=True
    ):
        if isinstance(item.geometry, Line):
            draw.line(item.geometry.points, fill=ink, width=4)
        else:
            draw.polygon(item.geometry.points, fill=ink)
    return image


def run(chosen: Pipeline, record_id: str = "a", **given: Any) -> Augmented:
    settings = {"seed": 7, "epoch": 2, "progress": Progress(0.9), **given}
    return chosen.apply(photograph(), OBJECTS, record_id=record_id, **settings)


def digest(result: Augmented) -> str:
    told = json.dumps([write_object(item) for item in result.objects], ensure_ascii=False)
    return hashlib.sha256(result.image.tobytes() + told.encode()).hexdigest()


RECORDS = [f"record-{number}" for number in range(12)]


def digests(names: list[str]) -> dict[str, str]:
    chosen = flagship()
    return {name: digest(run(chosen, name)) for name in names}


def test_a_record_gets_the_same_in_any_process_and_any_order() -> None:
    here = digests(RECORDS)
    assert digests(RECORDS[::-1]) == here
    assert digest(run(pickle.loads(pickle.dumps(flagship())), RECORDS[3])) == here[RECORDS[3]]
    program = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import test_augment_pipeline as t; "
        "print(json.dumps(t.digests(t.RECORDS[5:])))"
    )
    folder = __file__.rpartition("/")[0]
    other = subprocess.run(
        [sys.executable, "-c", program, folder], capture_output=True, text=True, check=True,
        env={"PYTHONHASHSEED": "1"},
    )  # fmt: skip
    assert json.loads(other.stdout) == {name: here[name] for name in RECORDS[5:]}


def test_seed_epoch_and_record_each_change_the_draw() -> None:
    turn = pipeline({"name": "rotate", "params": {"prob": 1.0}})
    variants = [{}, {"seed": 8}, {"epoch": 3}, {"record_id": "b"}]
    seen = {digest(run(turn, **variant)) for variant in variants}
    assert len(seen) == 4
    assert digest(run(turn, progress=Progress(0.1))) in seen  # No curriculum, no matter.


def test_a_stream_is_the_same_for_ever() -> None:
    # Written down when it was made: a change here changes every run that is resumed.
    drawn = Streams(seed=42, epoch=0, record_id="cab-7").of("rotate/0").random(2)
    assert drawn.tolist() == pytest.approx(STREAM)


STREAM = [0.5052147469026804, 0.7668690872302404]


def test_another_operation_leaves_the_others_draws() -> None:
    turn = {"name": "rotate", "params": {"prob": 1.0, "max_deg": 30}}
    alone = run(pipeline(turn))
    with_others = run(pipeline({"name": "gamma", "params": {"prob": 1.0}}, turn, {"name": "hsv"}))
    assert with_others.objects == alone.objects
    # A second one of the same name draws for itself.
    twice = run(pipeline(turn, turn))
    assert twice.objects != alone.objects


def test_affine_operations_are_drawn_once() -> None:
    # Turned and turned back: with two warps the edges of the picture would be cut and soft.
    steps = [
        {"name": name, "params": {"prob": 1.0}} for name in ("hflip", "vflip", "hflip", "vflip")
    ]
    assert run(pipeline(*steps)).image.tobytes() == photograph().tobytes()
    two = {"name": "scale", "params": {"lo": 2, "hi": 2, "prob": 1.0}}
    half = {"name": "scale", "params": {"lo": 0.5, "hi": 0.5, "prob": 1.0}}
    result = run(pipeline(two, half))
    assert result.objects == OBJECTS and result.report.reshaped == ()
    assert result.image.tobytes() == photograph().tobytes()
    # A barrier between them draws the first: what it pushed off the canvas is gone.
    barrier = {"name": "resize_by_scale", "params": {"scales": [1.0], "align_multiple": 1}}
    apart = run(pipeline(two, barrier, half)).report
    assert apart.padding_ratio == pytest.approx(0.75, abs=0.01)
    assert {each.op for each in apart.dropped} <= {"scale"}
    assert {each.how for each in apart.reshaped} == {"cut"}


def test_colour_comes_last_whatever_its_place() -> None:
    pad = {"name": "pad_to_multiple"}
    solarize = {"name": "solarize", "params": {"prob": 1.0}}
    result = run(pipeline(solarize, {"name": "hflip", "params": {"prob": 1.0}}, pad))
    assert result.report.applied == ("hflip", "pad_to_multiple", "solarize")
    assert result.image.getpixel((255, 191)) == (127, 127, 127)  # the grey, solarized


def test_whole_and_cut_off_objects_are_told_apart() -> None:
    # Twice as large about the centre of 240 x 180: the label at the top left is pushed off.
    scale = {"name": "scale", "params": {"lo": 2, "hi": 2, "prob": 1.0}}
    result = run(pipeline(scale))
    report = result.report
    assert [(each.index, each.op, each.reason) for each in report.dropped] == [
        (0, "scale", "lies wholly outside the image"),
        (3, "scale", "lies wholly outside the image"),
    ]
    assert report.sources == (1, 2)
    assert [each.how for each in report.reshaped] == ["cut", "cut"]
    assert all(0 < coverage < 1 for coverage in report.coverages)
    assert report.counts() == Counter(
        {"images": 1, "applied: scale": 1, "dropped: scale": 2, "reshaped: cut": 2}
    )


def test_a_record_whose_objects_are_fixed_keeps_them_all() -> None:
    scale = {"name": "scale", "params": {"lo": 2, "hi": 2, "prob": 1.0}}
    crop = {"name": "random_crop", "params": {"min_objects": 0}}
    paste = {"name": "small_object_zoom_paste", "params": {"prob": 1.0}}
    chosen = pipeline(crop, scale, paste, paste)
    assert chosen.skipped_when_fixed() == ("random_crop", "small_object_zoom_paste")
    result = run(chosen, objects_fixed=True)
    assert result.objects == OBJECTS
    assert result.report.skipped == (
        Skipped("random_crop", OBJECTS_ARE_FIXED),
        Skipped("small_object_zoom_paste", OBJECTS_ARE_FIXED),
        Skipped("small_object_zoom_paste", OBJECTS_ARE_FIXED),
        Skipped("scale", "would drop an object"),
    )
    assert pipeline({"name": "hflip"}).skipped_when_fixed() == ()


def test_bypassed_is_left_as_it_is() -> None:
    result = run(pipeline({"name": "pad_to_multiple"}, bypass_prob=1.0))
    assert result.report.bypassed and result.report.applied == ()
    assert result.objects == OBJECTS and result.image.tobytes() == photograph().tobytes()
    # The curriculum is asked first: at the start of the run it leaves everything alone.
    early = [run(flagship(), name, progress=Progress(0.01)) for name in RECORDS]
    assert all(each.report.bypassed for each in early)
    flip = pipeline({"name": "hflip"}, bypass_prob=0.12)
    late = [run(flip, f"r{i}").report.bypassed for i in range(300)]
    assert 0.08 < np.mean(late) < 0.16


def test_the_flagship_recipe_runs_through() -> None:
    counts: Counter[str] = Counter()
    for number in range(60):
        result = run(flagship(), f"r{number}", progress=Progress(1.0))
        assert result.report.bypassed or all(side % 32 == 0 for side in result.image.size)
        counts += result.report.counts()
    assert counts["images"] == 60
    for name in ("hflip", "rotate", "resize_by_scale", "color_jitter", "expand_to_fit_affine"):
        assert counts[f"applied: {name}"] > 0


def test_only_rgb_is_taken() -> None:
    with pytest.raises(DataError, match="RGB images, not L"):
        pipeline({"name": "hflip"}).apply(Image.new("L", (8, 8)), seed=0, epoch=0, record_id="a")


def test_a_contact_sheet_shows_the_record_and_its_versions() -> None:
    chosen = flagship()
    sheet = contact_sheet(
        photograph(), OBJECTS, chosen, count=5, seed=7, record_id="a", tile_px=120
    )
    assert len(sheet.versions) == 5
    expected = chosen.apply(
        photograph(), OBJECTS, seed=7, epoch=4, record_id="a", progress=Progress(1.0)
    )
    assert digest(sheet.versions[4]) == digest(expected)
    # Six pictures in three columns and two rows.
    assert sheet.image.width > 3 * 100 and sheet.image.height > 2 * 100
    assert caption(sheet.versions[0].report)


@pytest.mark.parametrize("key", ["until_percent", "until_step"])
def test_a_contact_sheet_shows_the_end_of_a_curriculum(key: str) -> None:
    phases = [{key: 50, "bypass_prob": 1.0}, {key: 100, "bypass_prob": 0.0}]
    chosen = pipeline({"name": "hflip"}, curriculum={"phases": phases})
    sheet = contact_sheet(photograph(), OBJECTS, chosen, count=3, seed=7, record_id="a")
    assert not any(each.report.bypassed for each in sheet.versions)


def test_a_caption_tells_what_was_done() -> None:
    scale = {"name": "scale", "params": {"lo": 2, "hi": 2, "prob": 1.0}}
    assert caption(run(pipeline(scale)).report) == "scale; 2 dropped"
    assert caption(run(pipeline(scale, bypass_prob=1.0)).report) == "bypassed"
    never = {"name": "scale", "params": {"prob": 0.0}}
    assert caption(run(pipeline(never)).report) == "nothing done"
