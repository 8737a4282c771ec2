import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from sightwright.errors import DataError
from sightwright.ingest.label_records import LabelReport, LabelRules, make_records
from sightwright.schema import compile_schema
from sightwright.tasks.extract import ExtractTask

WritePages = Callable[[Mapping[str, int]], Path]

TASK = ExtractTask(
    compile_schema(
        {
            "type": "object",
            "properties": {
                "number": {"type": "string"},
                "total": {"type": "number"},
                "lines": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
            },
        },
        "bill",
    ),
    prompt="Read it.",
)


def make(
    tmp_path: Path, folder: Path, labels: Mapping[str, str], rules: LabelRules | None = None
) -> tuple[LabelReport, list[dict[str, Any]]]:
    labels_folder = tmp_path / "labels"
    labels_folder.mkdir()
    for name, text in labels.items():
        (labels_folder / f"{name}.json").write_text(text)
    out = tmp_path / "records" / "all.jsonl"
    report = make_records(folder, labels_folder, TASK, out, rules or LabelRules())
    return report, [json.loads(line) for line in out.read_text().splitlines()]


def answers(records: list[dict[str, Any]]) -> list[str]:
    return [record["messages"][-1]["content"][0]["text"] for record in records]


def test_one_record_per_document_with_all_its_pages(
    tmp_path: Path, write_pages: WritePages
) -> None:
    folder = write_pages({"a": 2})
    report, records = make(tmp_path, folder, {"a": '[{"total": 34.70, "number": "7"}]'})
    page = "../pages/a/page-000{}.png".format
    assert records == [
        {
            "id": "a",
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image", "image": page(1)},
                        {"type": "image", "image": page(2)},
                        {"type": "text", "text": "Read it."},
                    ],
                },
                {
                    "role": "assistant",
                    "content": [
                        {"type": "text", "text": '{"number":"7","total":34.70,"lines":null}'}
                    ],
                },
            ],
            "meta": {"document": "a"},
        }
    ]
    assert (report.num_records, report.num_pages) == (1, 2)


def test_labels_are_matched_by_id_path_or_file_name(
    tmp_path: Path, write_pages: WritePages
) -> None:
    folder = write_pages({"a": 1, "sub__b": 1, "c-0f0f0f0f": 1})
    # The third document is `c.pdf` on disk, though its id had to differ.
    index = (folder / "pages.jsonl").read_text().replace("pdfs/c-0f0f0f0f.pdf", "pdfs/c.pdf")
    (folder / "pages.jsonl").write_text(index)
    labels = tmp_path / "labels.jsonl"
    names = ["a.pdf", "sub/b", "c"]
    labels.write_text("".join(f'{{"id": "{name}", "label": {{}}}}\n' for name in names))
    report = make_records(folder, labels, TASK, tmp_path / "all.jsonl", LabelRules())
    assert report.num_records == 3


def test_every_document_that_does_not_fit_is_named_and_nothing_written(
    tmp_path: Path, write_pages: WritePages
) -> None:
    folder = write_pages({"a": 1, "b": 1, "c": 1})
    labels = {"a": '{"totl": 1, "x": 2}', "b": '{"total": "34.70"}', "d": "{}"}
    with pytest.raises(DataError) as caught:
        make(tmp_path, folder, labels)
    where = tmp_path / "labels"
    assert str(caught.value).splitlines() == [
        "nothing was written:",
        "  c: a document without a label",
        f"  d ({where}/d.json): a label without a document",
        "  (--allow-missing leaves such documents and labels out, counted)",
        f"  a ({where}/a.json): keys that the schema 'bill' does not have: totl, x",
        f'  b ({where}/b.json): total: "34.70" is not of types "null", "number"',
        "  remedy: add them to the schema, or drop them, counted, with --drop-unknown",
    ]
    assert not (tmp_path / "records" / "all.jsonl").exists()


def test_unknown_keys_are_dropped_and_counted_when_asked(
    tmp_path: Path, write_pages: WritePages
) -> None:
    folder = write_pages({"a": 1, "b": 1})
    labels = {"a": '{"total": 1, "x": 2}', "b": '{"x": 2, "y": 3}'}
    report, records = make(tmp_path, folder, labels, LabelRules(drop_unknown=True))
    assert report.dropped_keys == {"x": 2, "y": 1}
    assert answers(records)[0] == '{"number":null,"total":1,"lines":null}'


def test_missing_ones_are_left_out_and_named_when_asked(
    tmp_path: Path, write_pages: WritePages
) -> None:
    folder = write_pages({"a": 1, "b": 1})
    report, records = make(tmp_path, folder, {"a": "{}", "z": "{}"}, LabelRules(allow_missing=True))
    assert [record["id"] for record in records] == ["a"]
    assert report.without_label == ["b"]
    assert [name.split()[0] for name in report.without_document] == ["z"]


def test_two_labels_for_one_document_are_an_error(tmp_path: Path, write_pages: WritePages) -> None:
    labels = tmp_path / "labels.jsonl"
    labels.write_text('{"id": "a"}\n{"document": "a.pdf"}\n')
    with pytest.raises(DataError, match=r"a: two labels, in .*:1 and in .*:2"):
        make_records(write_pages({"a": 1}), labels, TASK, tmp_path / "o.jsonl", LabelRules())


def test_a_long_document_is_refused_by_name(tmp_path: Path, write_pages: WritePages) -> None:
    with pytest.raises(DataError, match=r"a \(.*\): 3 pages, over --max-pages 2"):
        make(tmp_path, write_pages({"a": 3}), {"a": "{}"}, LabelRules(max_pages=2))


def test_a_long_document_is_cut_when_asked(tmp_path: Path, write_pages: WritePages) -> None:
    rules = LabelRules(max_pages=2, over_pages="first")
    report, records = make(
        tmp_path, write_pages({"a": 3, "b": 2}), {"a": '{"total": 1}', "b": "{}"}, rules
    )
    assert report.cut_to_first_pages == ["a"]
    assert [len(record["messages"][0]["content"]) - 1 for record in records] == [2, 2]


def test_windows_take_the_labels_of_their_pages(tmp_path: Path, write_pages: WritePages) -> None:
    label = {
        "pages": {"1": {"number": "7", "lines": ["a"]}, "2": {"lines": ["b"]}, "3": {"total": 4}}
    }
    rules = LabelRules(max_pages=2, over_pages="windows")
    report, records = make(tmp_path, write_pages({"a": 3}), {"a": json.dumps(label)}, rules)
    assert [record["id"] for record in records] == ["a#1-2", "a#3-3"]
    assert [record["meta"] for record in records] == [
        {"document": "a", "pages": [1, 2]},
        {"document": "a", "pages": [3, 3]},
    ]
    assert answers(records) == [
        '{"number":"7","total":null,"lines":["a","b"]}',
        '{"number":null,"total":4,"lines":null}',
    ]
    assert report.split_in_windows == ["a"]


def test_a_short_document_labelled_by_page_is_one_record(
    tmp_path: Path, write_pages: WritePages
) -> None:
    label = {"pages": {"1": {"lines": ["a"]}, "2": {"lines": ["b"]}}}
    _, records = make(tmp_path, write_pages({"a": 2}), {"a": json.dumps(label)})
    assert answers(records) == ['{"number":null,"total":null,"lines":["a","b"]}']


def test_what_is_wrong_with_windows_is_named(tmp_path: Path, write_pages: WritePages) -> None:
    labels = {
        "whole": '{"total": 1}',
        "unknown": '{"pages": {"1": {"x": 1}}}',
        "outside": '{"pages": {"4": {}}}',
        "toomany": json.dumps({"pages": {"1": {"lines": ["a"] * 2}, "2": {"lines": ["b"] * 2}}}),
    }
    rules = LabelRules(max_pages=2, over_pages="windows")
    with pytest.raises(DataError) as caught:
        make(tmp_path, write_pages(dict.fromkeys(sorted(labels), 3)), labels, rules)
    lines = str(caught.value).splitlines()
    assert "page '4' is none of the document's 3 pages" in lines[1]
    assert 'lines: ["a","a","b","b"] has more than 3 items' in lines[2]
    assert "keys that the schema 'bill' does not have: x" in lines[3]
    assert "3 pages in windows of 2 need a label by page" in lines[4]


def test_an_ingest_that_was_cut_short_is_not_taken_for_whole(
    tmp_path: Path, write_pages: WritePages
) -> None:
    folder = write_pages({"a": 1})
    (folder / ".unfinished").touch()
    with pytest.raises(DataError, match="cut short"):
        make(tmp_path, folder, {"a": "{}"})
