import json
from pathlib import Path
from typing import Any

import pytest

from sightwright.errors import DataError
from sightwright.ingest.result_rows import canonical_port, read_results


def row(filename: object = "a.pdf", container: object = "C1", **others: object) -> dict[str, Any]:
    return {
        "Filename": filename,
        "consignee_name": "ACME",
        "bl_number": "B1",
        "port_of_loading": "Busan",
        "port_of_discharge": "PORT KLANG",
        "vessel_name": "Aurora",
        "detention_free_days": None,
        "demurrage_free_days": None,
        "combined_free_days": 14,
        "Container_Number": container,
        "Container_Size": "20",
        "Container_Type": "GP",
        **others,
    }


@pytest.fixture
def write(tmp_path: Path):
    def write_rows(*rows: object) -> Path:
        path = tmp_path / "results.json"
        path.write_text(json.dumps(rows))
        return path

    return write_rows


def test_the_rows_of_a_file_are_one_document(write) -> None:
    # T26: two rows are one document with two containers; a container met before counts once.
    path = write(row(), row(container="C2"), row("b.pdf"), row(container="C1"))
    documents, report = read_results(path)
    assert [document.filename for document in documents] == ["a.pdf", "b.pdf"]
    label = documents[0].label()
    assert [c["container_number"] for c in label["container_details"]] == ["C1", "C2"]
    assert label["total_expected_containers"] == 2
    assert (report.num_rows, report.repeated_containers) == (4, 1)


def test_the_answer_has_the_documented_order_and_empty_strings(write) -> None:
    # PD5.
    (document,), _ = read_results(
        write(row(container=None, Container_Size=None, Container_Type=""))
    )
    assert json.dumps(document.label(), ensure_ascii=False) == (
        '{"consignee_name": "ACME", "bl_number": "B1", "port_of_loading": "Busan", '
        '"port_of_discharge": "Port Klang", "vessel_name": "Aurora", "detention_free_days": "", '
        '"demurrage_free_days": "", "combined_free_days": "14", '
        '"total_expected_containers": null, "container_details": []}'
    )


def test_values_become_strings(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    written = json.dumps([row(bl_number=" x ", vessel_name=7)])
    path.write_text(written.replace('"combined_free_days": 14', '"combined_free_days": 14.0'))
    (document,), _ = read_results(path)
    header = document.header
    assert (header["bl_number"], header["vessel_name"]) == ("x", "7")
    assert header["combined_free_days"] == "14"
    path.write_text(written.replace('"combined_free_days": 14', '"combined_free_days": 14.50'))
    assert read_results(path)[0][0].header["combined_free_days"] == "14.50"


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        # PD6.
        ("PORT KLANG (WESTPORT), MALAYSIA", "Port Klang"),
        ("Klang", "Port Klang"),
        ("Pasir  Gudang, Johor", "Pasir Gudang"),
        ("TANJUNG PELEPAS", "Port Tanjung Pelepas"),
        ("PTP, MY", "Port Tanjung Pelepas"),
        ("PTPX", "PTPX"),
        ("Penang port", "Penang"),
        ("Busan", "Busan"),
        ("", ""),
    ],
)
def test_ports_of_discharge_have_one_name(printed: str, name: str) -> None:
    assert canonical_port(printed) == name


def test_whatever_is_left_out_or_settled_is_counted(write) -> None:
    path = write(
        row(),
        row(None),
        row(bl_number="B2", extra=1),
        row(container="", bl_number=None),
        row(container=None, Container_Size=None, Container_Type=None),
    )
    _, report = read_results(path)
    assert report.to_json() == {
        "num_rows": 5,
        "without_filename": [2],
        "repeated_containers": 1,
        "without_number": [4],
        "other_headers": [3],
        "unread_keys": {"extra": 1},
        "absent_keys": [],
    }


def test_a_column_that_no_row_has_is_named(write) -> None:
    rows = [{k: v for k, v in row().items() if k not in ("vessel_name", "Container_Type")}]
    _, report = read_results(write(*rows))
    assert report.absent_keys == ["vessel_name", "Container_Type"]


def test_every_bad_row_is_named_at_once(write) -> None:
    path = write(
        row(), row("b.pdf", bl_number={"x": 1}, vessel_name=True), 7, row("c.pdf", ["C"]), row(4.5)
    )
    with pytest.raises(DataError) as caught:
        read_results(path)
    assert caught.value.where == str(path)
    assert caught.value.message.splitlines() == [
        "3 bad rows:",
        "  row 2 ('b.pdf'): bl_number: text or a number is expected, not an object; "
        "vessel_name: text or a number is expected, not true or false",
        "  row 3: an object is expected, not a number",
        "  row 4 ('c.pdf'): Container_Number: text or a number is expected, not a list",
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "not JSON"),
        ("{}", "a list of rows is expected, not an object"),
        ("[", "not JSON"),
        ('[{"Filename": NaN}]', "NaN is not JSON"),
        ("[" * 100_000, "not JSON: nested too deep"),
        ('[{"Filename": ' + "9" * 5000 + "}]", "not JSON"),
        ('[{"Filename": "\\ud800"}]', "not JSON"),
        ("[]", "no row has a Filename"),
        ('[{"bl_number": "1"}]', "no row has a Filename"),
        (
            '[{"Filename": "a"}, {"Filename": "b", "x": 1, "x": 2}]',
            r"row 2 \('b'\): the key 'x' stands twice",
        ),
        (
            '[{"Filename": "a"}, {"Filename": "b", "c": {"x": 1, "x": 2}}]',
            r"row 2 \('b'\): the key 'x' stands twice",
        ),
        ('[{"x": 1, "x": 2}, ', "the key 'x' stands twice"),
    ],
)
def test_hostile_files_are_refused(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(DataError, match=why) as caught:
        read_results(path)
    assert caught.value.where == str(path)


def test_a_missing_and_a_huge_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_results(tmp_path / "none.json")
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(513 * 1024**2)
    with pytest.raises(DataError, match="over the limit"):
        read_results(tmp_path / "huge.json")
