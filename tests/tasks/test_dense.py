import json
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sightwright import canonical
from sightwright.errors import DataError
from sightwright.geometry import Box, Geometry, Line, Polygon, faults
from sightwright.geometry import canonical as spelled
from sightwright.inspection_records import DenseObject, InspectionRecord
from sightwright.metrics.geometry import Found
from sightwright.records import ImageRef, Message, Text
from sightwright.tasks.dense import DenseTask, render_group
from sightwright.tasks.inspection import Asking, photograph_task
from sightwright.tasks.object_text import MAX_OBJECTS, MAX_POINTS
from sightwright.tasks.prompt_texts import Norm
from sightwright.tasks.prompts import Prompt

TASK = DenseTask(Prompt("You look.", "List all."))
HEADER = "<DOMAIN=BBU>, <TASK=DETECTION>"


def record(
    *objects: tuple[str, Geometry], size: tuple[int, int] = (1000, 1000)
) -> InspectionRecord:
    things = tuple(DenseObject(desc, shape) for desc, shape in objects)
    return InspectionRecord("r1", "a.jpg", *size, things)


ALL_KINDS = record(
    ("类别=标签,文本=5G", Box(264, 144, 326, 201)),
    ("类别=BBU设备", Polygon(((12, 34), (56, 34), (56, 78), (12, 78)))),
    ("类别=电线", Line(((400, 20), (300, 5)))),
)


# What is asked


@pytest.mark.parametrize(
    ("order", "content"),
    [
        ("image_first", (ImageRef("a.jpg"), Text("List all."))),
        ("instruction_first", (Text("List all."), ImageRef("a.jpg"))),
    ],
)
def test_a_question_is_a_system_turn_and_one_of_the_user(order: Any, content: Any) -> None:
    task = DenseTask(TASK.prompt, order=order)
    asked = task.prompt_of(ALL_KINDS)
    assert asked == (Message("system", (Text("You look."),)), Message("user", content))
    assert asked == task.messages(["a.jpg"])
    assert DenseTask(Prompt(None, "?")).prompt_of(ALL_KINDS)[0].role == "user"


# What is expected


def test_t4_the_target_as_the_documents_have_it() -> None:
    line, poly, box = (
        '{"desc": "类别=电线", "line_points": 2, "line": [[300, 5], [400, 20]]}',
        '{"desc": "类别=BBU设备", "poly": [[12, 34], [56, 34], [56, 78], [12, 78]]}',
        '{"desc": "类别=标签,文本=5G", "bbox_2d": [264, 144, 326, 201]}',
    )
    wanted = f'{{"object_1": {line}, "object_2": {poly}, "object_3": {box}}}'
    assert TASK.target(ALL_KINDS) == wanted
    assert DenseTask(TASK.prompt, header=HEADER).target(ALL_KINDS) == f"{HEADER}\n{wanted}"


def test_t3_objects_run_from_top_to_bottom_and_left_to_right() -> None:
    unordered = record(
        ("b100", Box(100, 50, 120, 70)),
        ("b20", Box(20, 50, 40, 70)),
        ("line", Line(((30, 80), (5, 10), (60, 5)))),
        ("poly", Polygon(((0, 60), (9, 60), (9, 90)))),
    )
    # A line is sorted by its left-most point, which need not be an end.
    assert [each.desc for each in TASK.gold(unordered).objects] == ["line", "b20", "b100", "poly"]
    by_centre = DenseTask(TASK.prompt, ordering="center")
    assert by_centre.gold(unordered).objects[0].desc == "line"


def test_t1_coordinates_are_thousandths_of_the_sides() -> None:
    hd = record(("x", Box(264, 144, 326, 201)), size=(1920, 1080))
    assert '"bbox_2d": [138, 133, 170, 186]' in TASK.target(hd)
    hundredths = DenseTask(TASK.prompt, norm="norm100")
    assert '"bbox_2d": [14, 13, 17, 19]' in hundredths.target(hd)
    # Ties to even, and the far edge is 1000.
    assert "[2, 0, 1000, 1000]" in TASK.target(record(("x", Box(1, 0, 400, 10)), size=(400, 10)))


@pytest.mark.parametrize(
    ("box", "written"),
    [
        (Box(1, 2, 3, 4), "[1, 2, 3, 4]"),
        (Box(1.0, 2.5, 3.14159, 4), "[1, 2.5, 3.14, 4]"),
    ],
)
def test_pixels_as_they_are(box: Box, written: str) -> None:
    task = DenseTask(TASK.prompt, norm="none")
    assert (
        task.target(record(("x", box))) == f'{{"object_1": {{"desc": "x", "bbox_2d": {written}}}}}'
    )


def test_a_shape_is_in_its_one_spelling_on_the_grid_too() -> None:
    # The second point is the upper one by a hair, which the grid does not see.
    wide = record(("x", Polygon(((1000, 500.4), (3000, 500), (2000, 3000)))), size=(4000, 4000))
    assert '"poly": [[250, 125], [750, 125], [500, 750]]' in TASK.target(wide)
    # Neighbours that fall together are one point.
    close = record(("x", Line(((0, 0), (0.1, 0), (4000, 0)))), size=(4000, 4000))
    assert '"line_points": 2, "line": [[0, 0], [1000, 0]]' in TASK.target(close)


@pytest.mark.parametrize(
    ("shape", "written"),
    [
        (Box(1000, 1000, 1001, 3000), '"bbox_2d": [250, 250, 251, 750]'),
        # On the edge there is no room beyond it: 999.75 rounds to 1000 on both sides.
        (Box(3999, 100, 4000, 4000), '"bbox_2d": [999, 25, 1000, 1000]'),
        (Line(((1000, 1000), (1001, 1001))), '"line": [[250, 250], [251, 250]]'),
        (
            Polygon(((1000, 1000), (1001, 1000), (1001, 1001))),
            '"poly": [[250, 250], [251, 250], [251, 251], [250, 251]]',
        ),
        # A needle: three points on one line of the grid.
        (
            Polygon(((1000, 1000), (3000, 1001), (2000, 1001))),
            '"poly": [[250, 250], [750, 250], [750, 251], [250, 251]]',
        ),
        # A slanting needle covers a line, and not the rectangle around it.
        (
            Polygon(((1000, 1000), (3000, 3000), (3000, 3000.5))),
            '"poly": [[250, 250], [251, 250], [751, 750], [750, 750]]',
        ),
        (
            Polygon(((4000, 400), (4000, 400.5), (2000, 2400))),
            '"poly": [[999, 100], [1000, 100], [500, 600], [499, 600]]',
        ),
        # From corner to corner there is no room beside it, but for its own inside.
        (
            Polygon(((0, 0), (4000, 4000), (3999.5, 4000))),
            '"poly": [[0, 0], [1000, 1000], [999, 1000]]',
        ),
    ],
)
def test_what_is_too_thin_for_the_grid_is_one_step_wide_and_named(
    shape: Geometry, written: str
) -> None:
    thin = record(("fine", Box(0, 0, 400, 400)), ("thin", shape), size=(4000, 4000))
    assert written in TASK.target(thin)
    assert TASK.written(thin).widened == ("object_2",)
    parsed = TASK.parse(TASK.target(thin), 4000, 4000)
    assert not parsed.wrong
    assert len(parsed.objects) == 2


def test_a_sliver_whose_sides_come_to_cross_on_the_grid_stays_a_sliver() -> None:
    # 3 px wide and 1720 px long; its ring on the grid is a figure of eight of no net area.
    sliver = Polygon(((1000.84, 1807.89), (2513.53, 2630.78), (2509.53, 2628.79), (1002.59, 1811)))
    thin = record(("x", sliver), size=(4000, 3000))
    assert TASK.target(thin) == (
        '{"object_1": {"desc": "x", "poly": [[250, 603], [628, 877], [627, 876], [251, 604]]}}'
    )
    assert TASK.written(thin).widened == ()
    assert not TASK.parse(TASK.target(thin), 4000, 3000).wrong


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        (Box(0, 0, 1001, 10), "outside the image of 1000x1000"),
        (Polygon(((-1, 0), (5, 5), (0, 9))), "(-1, 0) outside the image"),
        (Line(((5, 5), (5, 5))), "line has no length"),
        (Box(5, 5, 5, 9), "is not left < right"),
        (Polygon(tuple((i, i * i % 7) for i in range(MAX_POINTS + 1))), "501 points"),
    ],
)
def test_an_object_that_cannot_be_written_is_named(shape: Geometry, why: str) -> None:
    bad = record(("good", Box(0, 0, 5, 5)), ("类别=坏", shape))
    with pytest.raises(DataError, match="object 2") as error:
        TASK.target(bad)
    assert error.value.where == "record 'r1', object 2 (类别=坏)"
    assert why in error.value.message


def test_a_ring_that_crosses_itself_is_written_and_marked() -> None:
    bow = record(("x", Polygon(((0, 0), (400, 400), (400, 100), (0, 500)))))
    assert TASK.mark(TASK.gold(bow), TASK.target(bow), cut=False).exact


def test_more_objects_than_an_answer_holds() -> None:
    crowd = record(*[("x", Box(0, 0, 5, 5))] * (MAX_OBJECTS + 1))
    with pytest.raises(DataError, match="1001 objects; an answer holds at most 1000"):
        TASK.target(crowd)


# The way there and back

shape_points = st.lists(
    st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=6, unique=True
)


@st.composite
def shapes(draw: st.DrawFn, width: int, height: int) -> Geometry:
    points = tuple((x * width, y * height) for x, y in draw(shape_points))
    kind = draw(st.sampled_from(["bbox_2d", "poly", "line"]))
    if kind == "line":
        return Line(points)
    (x1, y1), (x2, y2) = points[:2]
    return Box(x1, y1, x2, y2) if kind == "bbox_2d" else Polygon(points)


@st.composite
def records(draw: st.DrawFn) -> InspectionRecord:
    width, height = draw(st.integers(32, 5000)), draw(st.integers(32, 5000))
    found = [spelled(each) for each in draw(st.lists(shapes(width, height), max_size=5))]
    good = [each for each in found if not faults(each, width, height)]
    return record(*((f"类别={n}", each) for n, each in enumerate(good)), size=(width, height))


@settings(max_examples=120, deadline=None)
@given(records(), st.sampled_from(["norm1000", "norm100", "none"]))
def test_reading_the_target_gives_the_gold_within_half_a_step(
    wanted: InspectionRecord, norm: Norm
) -> None:
    task = DenseTask(TASK.prompt, header=HEADER, norm=norm)
    text = task.target(wanted)
    assert text.count("\n") == 1
    parsed = task.parse(text, wanted.width, wanted.height)
    assert (parsed.error, parsed.wrong, parsed.header_right, parsed.notes) == (None, (), True, {})
    gold, widened = task.gold(wanted), task.written(wanted).widened
    assert len(parsed.objects) == len(gold.objects)
    scale = {"norm1000": 1000, "norm100": 100, "none": None}[norm]
    step_x = wanted.width / scale if scale else 0.01
    step_y = wanted.height / scale if scale else 0.01
    for read, each in zip(parsed.objects, gold.objects, strict=True):
        assert read.object.desc == each.desc
        assert read.object.geometry.kind == each.geometry.kind
        if read.key in widened:
            continue
        # Neighbours may have fallen together, and another vertex may come first.
        for some, others in (
            (read.object.geometry.points, each.geometry.points),
            (each.geometry.points, read.object.geometry.points),
        ):
            for x, y in some:
                near = [
                    abs(x - u) <= step_x * 0.5001 and abs(y - v) <= step_y * 0.5001
                    for u, v in others
                ]
                assert any(near)
    if norm != "norm100" and not widened:
        unchanged = task.mark(gold, text, cut=False)
        assert unchanged.all_place.answered == unchanged.all_place.gold == len(gold.objects)


@pytest.mark.parametrize("norm", ["norm1000", "norm100", "none"])
def test_the_target_is_a_perfect_answer(norm: Norm) -> None:
    task = DenseTask(TASK.prompt, norm=norm)
    marked = task.mark(task.gold(ALL_KINDS), task.target(ALL_KINDS), cut=False)
    assert marked.exact
    assert marked.all_named.at(0.75).f1 == 1.0


# How answers are read


def read(objects: dict[str, Any] | str, task: DenseTask = TASK) -> Any:
    text = objects if isinstance(objects, str) else canonical.dumps(objects, "spaced")
    return task.parse(text, 500, 2000)


BOX = {"desc": "x", "bbox_2d": [0, 0, 1000, 500]}


def test_an_answer_in_pixels_of_its_image() -> None:
    parsed = read({"object_1": BOX, "object_2": {"desc": "y", "line": [[0, 0], [10, 10], [20, 0]]}})
    assert [each.object.geometry for each in parsed.objects] == [
        Box(0, 0, 500, 1000),
        Line(((0, 0), (5, 20), (10, 0))),
    ]


@pytest.mark.parametrize(
    ("entry", "kind", "reason"),
    [
        ({"desc": "x", "bbox_2d": [0, 0, 1001, 5]}, "bbox_2d", "a coordinate out of range"),
        ({"desc": "x", "bbox_2d": [-1, 0, 10, 5]}, "bbox_2d", "a coordinate out of range"),
        ({"desc": "x", "bbox_2d": [0, 0, 10**400, 5]}, "bbox_2d", "a coordinate out of range"),
        ({"desc": "x", "bbox_2d": [0, 0, 10.5, 5]}, "bbox_2d", "a coordinate is no whole number"),
        ({"desc": "x", "bbox_2d": [0, 0, 10.0, 5]}, "bbox_2d", "a coordinate is no whole number"),
        ({"desc": "x", "bbox_2d": [0, 0, True, 5]}, "bbox_2d", "bbox_2d holds what is no number"),
        ({"desc": "x", "bbox_2d": ["0", 0, 9, 5]}, "bbox_2d", "bbox_2d holds what is no number"),
        ({"desc": "x", "bbox_2d": [0, 0, 9]}, "bbox_2d",
         "bbox_2d has a wrong number of coordinates"),
        ({"desc": "x", "bbox_2d": [5, 0, 5, 9]}, "bbox_2d", "bbox_2d without extent"),
        ({"desc": "x", "bbox_2d": [9, 0, 5, 9]}, "bbox_2d", "bbox_2d without extent"),
        ({"desc": "x", "poly": [0, 0, 9, 0, 9, 9]}, "poly", "poly is no list of [x, y]"),
        ({"desc": "x", "poly": [[0, 0], [9, 0, 1], [9, 9]]}, "poly", "poly is no list of [x, y]"),
        ({"desc": "x", "poly": []}, "poly", "poly is no list of [x, y]"),
        ({"desc": "x", "poly": [[0, 0], [9, 0]]}, "poly", "poly has a wrong number of coordinates"),
        ({"desc": "x", "poly": [[0, 0], [9, 9], [5, 5]]}, "poly", "poly without extent"),
        ({"desc": "x", "poly": [[0, 0]] * 501}, "poly", "poly of more than 500 points"),
        ({"desc": "x", "line": [[5, 5], [5, 5]]}, "line", "line without extent"),
        ({"desc": "x", "line_points": 3, "line": [[0, 0], [5, 5]]}, "line",
         "line_points disagrees with the geometry"),
        ({"desc": "x", "line_points": 2, "bbox_2d": [0, 0, 5, 5]}, "bbox_2d",
         "line_points disagrees with the geometry"),
        ({"desc": "x"}, None, "not exactly one geometry"),
        ({"desc": "x", "line": [[0, 0], [5, 5]], "bbox_2d": [0, 0, 5, 5]}, None,
         "not exactly one geometry"),
        ({"desc": "x", "bbox_2d": [0, 0, 5, 5], "score": 1}, "bbox_2d", "unknown keys"),
        ({"desc": " ", "bbox_2d": [0, 0, 5, 5]}, "bbox_2d", "no desc"),
        ({"bbox_2d": [0, 0, 5, 5]}, "bbox_2d", "no desc"),
        ([1, 2], None, "not an object of desc and geometry"),
    ],
)  # fmt: skip
def test_a_wrong_object_costs_itself_alone(entry: Any, kind: str | None, reason: str) -> None:
    parsed = read({"object_1": entry, "object_2": BOX})
    assert parsed.error is None
    assert [(each.key, each.kind, each.reason) for each in parsed.wrong] == [
        ("object_1", kind, reason)
    ]
    gold = DenseTask(TASK.prompt).gold(record(("x", Box(0, 0, 500, 1000)), size=(500, 2000)))
    text = canonical.dumps({"object_1": entry, "object_2": BOX}, "spaced")
    marked = TASK.mark(gold, text, cut=False)
    assert marked.faults == {reason: 1}
    assert marked.all_place.at(0.5).f1 == pytest.approx(2 / 3)


def test_pixels_are_held_to_the_image() -> None:
    task = DenseTask(TASK.prompt, norm="none")
    assert not read({"object_1": {"desc": "x", "bbox_2d": [0, 0, 499.5, 2000]}}, task).wrong
    assert read({"object_1": {"desc": "x", "bbox_2d": [0, 0, 501, 2000]}}, task).wrong
    for endless in ("1e999", "-1e999", "9" * 500):
        text = f'{{"object_1": {{"desc": "x", "bbox_2d": [0, 0, {endless}, 5]}}}}'
        assert read(text, task).wrong[0].reason == "a coordinate out of range"


def test_the_grid_is_never_chosen_by_the_gold() -> None:
    # The same numbers, which are right in pixels, are wrong in thousandths of another size.
    wanted = record(("x", Box(100, 100, 200, 200)), size=(500, 500))
    text = '{"object_1": {"desc": "x", "bbox_2d": [100, 100, 200, 200]}}'
    assert TASK.mark(TASK.gold(wanted), text, cut=False).all_place.at(0.5).tp == 0
    in_pixels = DenseTask(TASK.prompt, norm="none")
    assert in_pixels.mark(in_pixels.gold(wanted), text, cut=False).exact


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "not JSON"),
        ("I see a cat.", "not JSON"),
        ('{"object_1": {"desc": "x", "bbox_2d": [0, 0, 5, 5]}', "not JSON"),
        ('{"object_1": {"desc": "x", "bbox_2d": [0, 0, NaN, 5]}}', "not JSON"),
        ('{"a": {}, "a": {}}', "a key stands twice"),
        ('{"a": {"desc": "x", "desc": "y"}}', "a key stands twice"),
        ('{"object_1": {}} and more', "not JSON"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ("[" * 100_000, "not JSON"),
        ('{"a": ' + "9" * 10_000 + "}", "not JSON"),
    ],
)
def test_an_answer_that_cannot_be_read_counts_as_empty(text: str, error: str) -> None:
    parsed = read(text)
    assert (parsed.error, parsed.objects) == (error, ())
    marked = TASK.mark(TASK.gold(ALL_KINDS), text, cut=False)
    assert marked.all_place == Found(3, 0)
    assert marked.faults == {f"the answer: {error}": 1}
    assert not marked.readable


def test_what_ends_a_turn_is_no_part_of_the_answer() -> None:
    for end in ("<|im_end|>", "<|im_end|>\n<|endoftext|>", "<|eot_id|>", "\n"):
        assert read(canonical.dumps({"object_1": BOX}) + end).objects
    # Inside a text it is text.
    inside = {"object_1": {**BOX, "desc": "<|im_end|>"}}
    assert read(inside).objects[0].object.desc == "<|im_end|>"


def test_keys_out_of_order_are_noted_and_cost_nothing() -> None:
    parsed = read({"object_2": BOX, "b": BOX})
    assert len(parsed.objects) == 2
    assert parsed.notes == {"keys are not object_1 to object_N": 1}
    assert read({"object_1": BOX}).notes == {}


@pytest.mark.parametrize(
    ("header", "text", "right"),
    [
        (HEADER, f"{HEADER}\n{{}}", True),
        (HEADER, f"  {HEADER} \r\n{{}}<|im_end|>", True),
        (HEADER, "<DOMAIN=RRU>, <TASK=DETECTION>\n{}", False),
        (HEADER, "{}", False),
        (None, "{}", None),
        (None, f"{HEADER}\n{{}}", False),
        ("任务: BBU", "任务: BBU\n{}", True),
    ],
)
def test_the_header_is_checked_and_costs_no_object(
    header: str | None, text: str, right: bool | None
) -> None:
    parsed = DenseTask(TASK.prompt, header=header).parse(text, 10, 10)
    assert (parsed.error, parsed.header_right) == (None, right)
    assert text[parsed.json_start :].startswith("{}")


def test_a_cut_answer_is_empty_even_if_it_is_json() -> None:
    marked = TASK.mark(TASK.gold(ALL_KINDS), TASK.target(ALL_KINDS), cut=True)
    assert (marked.all_place, marked.cut) == (Found(3, 0), True)


def test_nothing_wanted_and_nothing_said() -> None:
    nothing = record()
    assert TASK.target(nothing) == "{}"
    assert TASK.mark(TASK.gold(nothing), "{}", cut=False).exact


def test_a_hostile_answer_is_bounded() -> None:
    many = {f"object_{i}": BOX for i in range(1, 10_001)}
    started = time.perf_counter()
    gold = TASK.gold(record(("x", Box(0, 0, 500, 1000)), size=(500, 2000)))
    for text in ("{" + " " * 300_000 + "x", "<|im_end|>" * 100_000, "\n" * 300_000):
        assert TASK.parse(text, 9, 9).error == "not JSON"
    commas = "类别=a" + ",b=1" * 100_000 + ",文本=" + "," * 100_000
    said = canonical.dumps({"object_1": {**BOX, "desc": commas}})
    assert TASK.mark(gold, said, cut=False).all_place.at(0.5).tp == 1
    marked = TASK.mark(gold, canonical.dumps(many), cut=False)
    assert marked.faults == {"beyond the first 1000 objects": 9000}
    assert marked.all_place.answered == 10_000
    outline = [[i % 1000, i * 7 % 1000] for i in range(400)]
    tangles = {f"object_{i}": {"desc": "x", "poly": outline} for i in range(1, 41)}
    assert TASK.mark(gold, canonical.dumps(tangles), cut=False).faults == {
        "beyond the first 10000 points": 15
    }
    assert time.perf_counter() - started < 30


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["object_1", "desc", "bbox_2d", "poly", "line", "line_points"]),
                inner,
            )
        ),
        max_leaves=20,
    )
)
def test_any_json_is_read_without_a_crash(value: Any) -> None:
    text = json.dumps(value)
    parsed = TASK.parse(text, 100, 100)
    TASK.mark(TASK.gold(ALL_KINDS), text, cut=False)
    assert parsed.error or len(parsed.objects) + len(parsed.wrong) == len(value)


# Several images in one turn


def test_a_group_is_one_answer_with_flat_coordinates() -> None:
    first = record(("类别=电线", Line(((9, 9), (3, 4)))))
    second = record(
        ("b", Polygon(((0, 0), (10, 0), (10, 20)))), ("a", Box(0, 0, 5, 5)), size=(20, 20)
    )
    assert render_group([first, second], "dense") == (
        '{"图片_1": {"object_1": {"desc": "类别=电线", "line_points": 2, "line": [3, 4, 9, 9]}}, '
        '"图片_2": {"object_1": {"desc": "b", "poly": [0, 0, 500, 0, 500, 1000]}, '
        '"object_2": {"desc": "a", "bbox_2d": [0, 0, 250, 250]}}}'
    )


def test_a_group_of_summaries() -> None:
    first = InspectionRecord("a", "a.jpg", 9, 9, summary="无关图片")
    second = InspectionRecord("b", "b.jpg", 9, 9, summary='{"objects_total": 1}')
    assert render_group([first, second], "summary") == (
        '{"图片_1": "无关图片", "图片_2": "{\\"objects_total\\": 1}"}'
    )
    with pytest.raises(DataError, match="no summary") as error:
        render_group([first, record()], "summary")
    assert error.value.where == "record 'r1'"


def test_a_header_of_the_runs_own_format_is_known_whatever_it_says() -> None:
    asking = Asking(header_format="任务 {task}/{domain}", domain="bbu")
    task = photograph_task("dense", TASK.prompt, asking)
    assert isinstance(task, DenseTask)
    assert task.header == "任务 DETECTION/BBU"
    spaced = replace(task, header=f" {task.header} ", header_format=" 任务 {task}/{domain} ")
    for line, right in (("任务 DETECTION/BBU", True), ("任务 DETECTION/RRU", False)):
        for each in (task, spaced):
            parsed = each.parse(f"{line}\n{{}}", 10, 10)
            assert (parsed.error, parsed.header_right) == (None, right)
