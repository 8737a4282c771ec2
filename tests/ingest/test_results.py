import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sightwright import canonical
from sightwright.errors import DataError
from sightwright.ingest.results import make_result_records, read_prompt
from sightwright.ingest.validate import Validator
from sightwright.schema import load_schema
from sightwright.shipped import shipped

SCHEMA = load_schema(shipped("schemas/bill_of_lading.schema.json"))


def row(filename: str, container: str = "C1", **others: object) -> dict[str, Any]:
    return {
        "Filename": filename,
        "consignee_name": "Größe & Söhne",
        "bl_number": "B1",
        "port_of_loading": "Busan",
        "port_of_discharge": "PTP",
        "vessel_name": "Aurora",
        "detention_free_days": "7",
        "demurrage_free_days": "5",
        "combined_free_days": None,
        "Container_Number": container,
        "Container_Size": "20",
        "Container_Type": "GP",
        **others,
    }


class Project:
    """A folder with results, images, and what comes out."""

    def __init__(self, folder: Path) -> None:
        self.results = folder / "docs" / "results.json"
        self.images = folder / "data" / "raw" / "combined"
        self.out = folder / "data" / "train.jsonl"
        self.results.parent.mkdir()
        self.images.mkdir(parents=True)

    def write(self, rows: list[dict[str, Any]], *images: str) -> None:
        self.results.write_text(json.dumps(rows))
        for image in images:
            Image.new("RGB", (8, 8)).save(self.images / image)

    def make(self, **options: Any):
        return make_result_records(self.results, [self.images], "Read it.", self.out, **options)

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.read_text().splitlines()]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_two_rows_of_a_file_are_one_record(project: Project) -> None:
    # T26, PD8.
    project.write(
        [row("BL 1.pdf"), row("BL 1.pdf", "C2"), row("BL 1.pdf", "C2")], "bl_1_single_page.png"
    )
    report = project.make()
    answer = (
        '{"consignee_name":"Größe & Söhne","bl_number":"B1","port_of_loading":"Busan",'
        '"port_of_discharge":"Port Tanjung Pelepas","vessel_name":"Aurora",'
        '"detention_free_days":"7","demurrage_free_days":"5","combined_free_days":"",'
        '"total_expected_containers":2,"container_details":['
        '{"container_number":"C1","container_size":"20","container_type":"GP"},'
        '{"container_number":"C2","container_size":"20","container_type":"GP"}]}'
    )
    image = "raw/combined/bl_1_single_page.png"
    (record,) = project.records()
    system = record["messages"][0]
    assert (system["role"], "JSON only" in system["content"][0]["text"]) == ("system", True)
    assert {**record, "messages": record["messages"][1:]} == {
        "id": "bl_1",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image", "image": image},
                    {"type": "text", "text": "Read it."},
                ],
            },
            {"role": "assistant", "content": [{"type": "text", "text": answer}]},
        ],
        "meta": {"filename": "BL 1.pdf", "image_rel": image},
    }
    assert (report.num_records, report.rows.repeated_containers) == (1, 1)


def test_the_records_are_good_records(project: Project) -> None:
    names = [f"{number}.pdf" for number in range(5)]
    project.write([row(name) for name in names], *(f"{n}_1.jpg" for n in range(5)))
    project.make()
    assert list(Validator(SCHEMA).check([project.out])) == []
    for record in project.records():
        answer = canonical.loads(record["messages"][-1]["content"][0]["text"])
        assert SCHEMA.problems(answer) == []


def test_without_a_flag_every_missing_image_is_named(project: Project, tmp_path: Path) -> None:
    project.write([row("a.pdf"), row("b.pdf"), row("c.pdf")], "b.png")
    project.out.write_text("older")
    missing = tmp_path / "docs" / "missing.txt"
    with pytest.raises(DataError) as caught:
        project.make(missing_report=missing)
    assert caught.value.message.splitlines() == [
        "nothing was written:",
        "  'a.pdf': no image has its name",
        "  'c.pdf': no image has its name",
    ]
    assert "--skip-missing-images" in (caught.value.remedy or "")
    assert project.out.read_text() == "older"
    assert missing.read_text() == "a.pdf\nc.pdf\n"


def test_a_name_of_the_table_stays_on_its_line(project: Project, tmp_path: Path) -> None:
    project.write([row("a.pdf"), row("b\n\x1b[31m.pdf")], "a.png")
    missing = tmp_path / "missing.txt"
    project.make(missing="skip", missing_report=missing)
    assert missing.read_text() == "'b\\n\\x1b[31m.pdf'\n"


def test_missing_images_are_skipped_and_counted(project: Project, tmp_path: Path) -> None:
    project.write([row("a.pdf"), row("b.pdf")], "b.png", "b_1.png")
    report = project.make(missing="skip")
    assert [record["id"] for record in project.records()] == ["b"]
    assert (report.missing, report.num_documents, report.with_other_images) == (("a.pdf",), 2, 1)
    # The report of a run without news is empty, not yesterday's.
    missing = tmp_path / "missing.txt"
    missing.write_text("old.pdf\n")
    Image.new("RGB", (8, 8)).save(project.images / "a.png")
    project.make(missing="skip", missing_report=missing)
    assert missing.read_text() == ""


def test_missing_images_are_written_empty_when_asked(project: Project) -> None:
    # PD7: and the check then fails.
    project.write([row("a.pdf"), row("b.pdf")], "b.png")
    report = project.make(missing="empty")
    assert report.num_records == 2
    assert project.records()[0]["messages"][1]["content"][0] == {"type": "image", "image": ""}
    problems = list(Validator().check([project.out]))
    assert [(problem.line, problem.id) for problem in problems] == [(1, "a")]


def test_a_limit_counts_documents_and_not_those_left_out(project: Project) -> None:
    project.write([row(f"{name}.pdf") for name in "abcde"], "b.png", "c.png", "d.png")
    report = project.make(limit=2, missing="skip")
    assert [record["id"] for record in project.records()] == ["b", "c"]
    assert report.missing == ("a.pdf",)
    assert project.make(limit=3, missing="empty").num_records == 3
    with pytest.raises(DataError, match="nothing was written"):
        project.make(limit=2)


def test_names_alike_get_ids_apart_and_are_named(project: Project) -> None:
    project.write([row("a b.pdf"), row("A-B.PDF")], "a_b.png")
    report = project.make()
    first, second = (record["id"] for record in project.records())
    assert first == "a_b"
    assert second.startswith("a_b_") and len(second) == 12
    assert report.same_names == ("A-B.PDF",)
    assert list(Validator().check([project.out])) == []


def test_a_row_that_no_answer_can_hold_is_named(project: Project) -> None:
    project.write([row("a.pdf"), row("b.pdf", bl_number="9" * 61)], "a.png", "b.png")
    with pytest.raises(DataError, match=r"row 2 \('b\.pdf'\): bl_number: .*60"):
        project.make()
    assert not project.out.exists()


def test_paths_start_at_the_jsonls_folder(project: Project, tmp_path: Path) -> None:
    project.write([row("a.pdf")], "a.png")
    out = tmp_path / "elsewhere" / "deep" / "x.jsonl"
    make_result_records(project.results, [project.images], "Read.", out)
    image = json.loads(out.read_text())["messages"][1]["content"][0]["image"]
    assert image == "../../data/raw/combined/a.png"
    assert (out.parent / image).is_file()


def test_the_prompt_is_the_files_the_projects_or_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ours = read_prompt(None)
    for key in SCHEMA.root.properties:
        assert f'"{key}"' in ours
    for port in ("Port Klang", "Pasir Gudang", "Port Tanjung Pelepas", "Penang"):
        assert f'"{port}"' in ours
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "bl_extraction_prompt.txt").write_text("Mine.\n")
    assert read_prompt(None) == "Mine."
    (tmp_path / "other.txt").write_text(" \n")
    with pytest.raises(DataError, match="an empty prompt"):
        read_prompt(tmp_path / "other.txt")
    (tmp_path / "other.txt").write_bytes(b"\xff")
    with pytest.raises(DataError, match="not UTF-8"):
        read_prompt(tmp_path / "other.txt")
    with pytest.raises(DataError, match="cannot be read"):
        read_prompt(tmp_path / "none.txt")
