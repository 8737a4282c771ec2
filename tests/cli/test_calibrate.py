"""`sightwright calibrate`: from an evaluation's folder to a served threshold."""

import contextlib
import json
import random
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pypdfium2 as pdfium
import pytest
from PIL import Image

from sightwright import certificate, jsonl
from sightwright.certificate import Certificate, Pixels, StoredSchema, Task, digest_of
from sightwright.cli.main import main
from sightwright.demo.tiny import FOLDER
from sightwright.draw.documents import draw_document
from sightwright.draw.schemas import schema_of
from sightwright.evaluate.calibrate import read_holdout
from sightwright.evaluate.weights import file_digest
from sightwright.infer.confidence import field_confidences
from sightwright.infer.engine import Request
from sightwright.metrics import calibration
from sightwright.records import write_chat_record
from sightwright.schema import compile_schema
from sightwright.serve.running import running_server
from sightwright.serve.service import service_of
from sightwright.tasks.extract import ExtractTask

SCHEMA = compile_schema(
    {"type": "object", "properties": {"number": {"type": "string"}, "total": {"type": "number"}}},
    "receipt",
)
TASK = Task(
    type="extract",
    prompt="Read.",
    order="image_first",
    json_schema=StoredSchema.of(SCHEMA),
    prompt_has_schema=False,
    max_output_tokens=64,
)
RECORDED = Certificate(
    base_model="tiny", pixels=Pixels(min_pixels=1024, max_pixels=65536), task=TASK
)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = 0
    try:
        main([str(argument) for argument in ("calibrate", *arguments)])
    except SystemExit as ended:
        code = int(ended.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def write_evaluation(folder: Path, documents: int = 400, **about: Any) -> Path:
    """As `eval --out` writes it: `number` is told 0.9 or 0.5 and right as often as 0.99 or 0.5."""
    rng = random.Random(0)

    def cell(field: str, confidence: float | None, outcome: str) -> dict[str, Any]:
        return {"field": field, "place": field, "confidence": confidence, "outcome": outcome}

    def line(number: int) -> dict[str, Any]:
        sure = number % 4 > 0
        is_right = rng.random() < (0.998 if sure else 0.5)
        cells = [
            cell("number", 0.9 if sure else 0.5, "right" if is_right else "wrong"),
            cell("total", None, "right"),
        ]
        return {"id": f"d{number}", "answer": {}, "cells": cells}

    jsonl.write_all(folder / "predictions.jsonl", map(line, range(documents)))
    report = {
        "model": "tiny",
        "adapters": None,
        "data": str(folder / "test.jsonl"),
        "schema": "receipt",
        "json_schema": StoredSchema.of(SCHEMA).schema,
        "constrained": True,
        "min_pixels": 1024,
        "max_pixels": 65536,
        "order": "image_first",
        "prompt_has_schema": False,
    }
    (folder / "report.json").write_text(json.dumps(report | about), "utf-8")
    return folder


def adapter_in(folder: Path, weights: bytes = b"weights") -> Path:
    """All of an adapter that `calibrate` looks at."""
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}", "utf-8")
    (folder / "adapter_model.safetensors").write_bytes(weights)
    certificate.write(folder, RECORDED)
    return folder


def test_the_files_and_the_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_evaluation(tmp_path / "evaluation")
    (folder / "test.jsonl").write_text("records", "utf-8")
    code, out, err = run(capsys, folder, "--target-risk", 0.03, "--json")
    assert code == 0, err
    told = json.loads(out)
    cases = read_holdout(folder).cases
    sure = [case.is_right for case in cases if case.confidence == 0.9]
    unsure = [case.is_right for case in cases if case.confidence == 0.5]
    assert (len(sure), len(unsure)) == (300, 100)
    assert told["pooled"] == [
        [0.5, pytest.approx(sum(unsure) / 100)],
        [0.9, pytest.approx(sum(sure) / 300)],
    ]
    assert (told["num_cases"], told["num_wrong"], told["num_documents"]) == (
        400,
        sure.count(False) + unsure.count(False),
        400,
    )
    # Two bins, as all cases of a kind are told the same.
    off = 300 * abs(sum(sure) / 300 - 0.9) + 100 * abs(sum(unsure) / 100 - 0.5)
    assert told["ece_before"] == pytest.approx(off / 400)
    assert told["ece_after"] < 0.7 * told["ece_before"]
    # Between the two levels; the two candidates share the 5 %.
    assert told["threshold"] == pytest.approx((sum(unsure) / 100 + sum(sure) / 300) / 2)
    assert told["coverage"] == 0.75
    assert told["risk"] == pytest.approx(sure.count(False) / 300)
    assert told["risk_bound"] == pytest.approx(
        calibration.upper_bound(sure.count(False), 300, 0.975)
    )
    assert (told["schema_name"], told["schema_digest"]) == ("receipt", digest_of(SCHEMA))
    assert (told["data"], told["data_digest"]) == ("test.jsonl", file_digest(folder / "test.jsonl"))
    assert (told["base_model"], told["adapter_digest"]) == ("tiny", None)
    assert told["values_without_confidence"] == 400
    (line,) = told["fields"]
    assert (line["name"], line["num_cases"], line["is_own"]) == ("number", 400, True)
    assert line["reviewed"] == pytest.approx(0.25)
    stored = certificate.read_calibration(folder / "calibration.json")
    assert stored.threshold == told["threshold"]
    page = (folder / "calibration.html").read_text("utf-8")
    assert "<svg" in page and "<script" not in page and "number" in page
    assert "goes to review: 25.0%" in err and "400 values without a confidence" in err


def test_no_threshold_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_evaluation(tmp_path)
    code, out, _ = run(capsys, folder, "--target-risk", 0.001, "--out", tmp_path / "other")
    assert code == 0
    assert "every value will be sent to review" in " ".join(out.split())
    assert certificate.read_calibration(tmp_path / "other" / "calibration.json").threshold is None


def test_it_is_stored_in_the_evaluated_adapter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = adapter_in(tmp_path / "adapter")
    folder = write_evaluation(tmp_path / "evaluation", adapters=str(adapter))
    code, out, err = run(capsys, folder, "--into", adapter, "--target-risk", 0.03)
    assert (code, err) == (0, "")
    assert "sightwright.json" in "".join(out.split())
    recorded = certificate.read(adapter)
    assert recorded is not None and recorded.calibration is not None
    assert replace(recorded, calibration=None) == RECORDED
    assert recorded.calibration == certificate.read_calibration(folder / "calibration.json")
    assert recorded.calibration.adapter_digest == file_digest(adapter / "adapter_model.safetensors")
    # The folder it was merged into is the same model.
    merged = tmp_path / "merged"
    merged.mkdir()
    (merged / "config.json").write_text("{}", "utf-8")
    certificate.write(merged, replace(RECORDED, adapter_digest=recorded.calibration.adapter_digest))
    assert run(capsys, folder, "--into", merged)[0] == 0


def test_other_weights_are_refused_unless_accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluated = adapter_in(tmp_path / "evaluated")
    other = adapter_in(tmp_path / "other", b"other weights")
    folder = write_evaluation(tmp_path / "evaluation", adapters=str(evaluated))
    code, _, err = run(capsys, folder, "--into", other)
    assert code == 2 and "of other weights: tiny with adapter" in err
    assert certificate.read(other) == RECORDED
    assert run(capsys, folder, "--into", other, "--other-weights")[0] == 0
    # An adapter is nothing without its base.
    folder = write_evaluation(tmp_path / "on_other", adapters=str(evaluated), model="another")
    assert run(capsys, folder, "--into", evaluated)[0] == 2
    shutil.rmtree(evaluated)
    code, _, err = run(capsys, folder, "--into", other)
    assert code == 2 and "the adapter that was evaluated is not there" in err


def test_a_folder_without_a_record_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_evaluation(tmp_path / "evaluation", model=str(tmp_path / "model"))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}", "utf-8")
    code, _, err = run(capsys, folder, "--into", tmp_path / "model")
    assert code == 2 and "no sightwright.json" in err


def test_asking_otherwise_than_the_service_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = adapter_in(tmp_path / "adapter")
    folder = write_evaluation(
        tmp_path / "evaluation", adapters=str(adapter), constrained=False, max_pixels=9999
    )
    code, _, err = run(capsys, folder, "--into", adapter)
    assert code == 0
    assert "without the grammar" in err and "max_pixels 9999, taught with 65536" in err


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ([{"id": "a", "answer": {}}], "not a line of an evaluation"),
        ([{"id": "a", "answer": {}, "cells": [{"field": "x"}]}], "not a line of an evaluation"),
        ([{"id": "a", "answer": {}, "cells": 3}], "not a line of an evaluation"),
        ([[]], "not a line of an evaluation"),
        (
            [{"id": "a", "answer": {}, "cells": [
                {"field": "x", "confidence": 1.5, "outcome": "right"}]}],
            r"outside 0\.\.1",
        ),
        ([{"id": "a", "answer": None, "cells": []}], "too little to calibrate on: 0 values"),
    ],
)  # fmt: skip
def test_anything_else_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: Sequence[Any], complaint: str
) -> None:
    write_evaluation(tmp_path)
    jsonl.write_all(tmp_path / "predictions.jsonl", lines)
    code, _, err = run(capsys, tmp_path)
    assert code == 2
    assert complaint.replace("\\", "") in err


def test_no_evaluation_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, tmp_path)
    assert code == 2 and "give the folder that `eval --out` wrote" in err
    (tmp_path / "report.json").write_text("{}", "utf-8")
    assert "not a report of this version" in run(capsys, tmp_path)[2]
    (tmp_path / "report.json").write_text('{"json_schema": {}, "data": "x"}', "utf-8")
    assert "does not name model and schema" in run(capsys, tmp_path)[2]


def test_too_little_is_refused_with_the_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, write_evaluation(tmp_path, documents=19))
    assert code == 2
    assert "too little to calibrate on: 19 values with a confidence" in err
    assert "from 19 documents" in err and "at least 100 values, 5 wrong, 20 documents" in err


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged model beside what it is asked, and its evaluation on pages it finds hard."""
    folder = tmp_path_factory.mktemp("tiny")
    schema = compile_schema(schema_of("receipt"), "receipt")
    task = replace(TASK, json_schema=StoredSchema.of(schema), max_output_tokens=200)
    shutil.copytree(FOLDER, folder / "model")
    certificate.write(folder / "model", replace(RECORDED, task=task))
    records = []
    rng = np.random.default_rng(0)
    for seed in range(48):
        document = draw_document("receipt", "receipt/till", 7_000_000 + seed)
        _noisy(document.pdf, rng).save(folder / f"{seed}.png")
        record = ExtractTask(schema, "Read.").record(f"d{seed}", [f"{seed}.png"], document.label)
        records.append(write_chat_record(record))
    jsonl.write_all(folder / "test.jsonl", records)
    out = folder / "evaluation"
    with contextlib.suppress(SystemExit):
        main(["eval", "--model", str(folder / "model"), "--data", str(folder / "test.jsonl"),
              "--out", str(out), "--device", "cpu"])  # fmt: skip
    return folder


def _noisy(pdf: bytes, rng: np.random.Generator) -> Image.Image:
    """A page under anything from no noise to much."""
    with pdfium.PdfDocument(pdf) as opened:
        page = np.asarray(opened[0].render(scale=1).to_pil().convert("RGB"), dtype=np.float64)
    noise = rng.normal(size=(*page.shape[:2], 1)) * rng.uniform(0, 120)
    return Image.fromarray((page + noise).clip(0, 255).astype(np.uint8))


def test_a_real_model_is_calibrated_on_documents_not_fitted_on(tiny: Path) -> None:
    cases = read_holdout(tiny / "evaluation").cases
    documents = sorted({case.document for case in cases})
    seen = set(documents[::2])
    fitted = [case for case in cases if case.document in seen]
    others = [case for case in cases if case.document not in seen]
    assert len(fitted) > 150 and len(others) > 150
    right = [case.is_right for case in others]
    before = calibration.calibration_error([case.confidence for case in others], right)
    scores = calibration.calibrated(calibration.fit(fitted), others)
    after = calibration.calibration_error(scores, right)
    assert after < 0.8 * before


def test_what_is_stored_is_what_is_served(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(
        capsys, tiny / "evaluation", "--into", tiny / "model", "--target-risk", 0.1, "--json"
    )
    assert (code, "warning" in err.lower()) == (0, False), err
    told = json.loads(out)
    assert told["ece_after"] < 0.7 * told["ece_before"]
    service = service_of(tiny / "model", device="cpu")
    with running_server(service) as url, (tiny / "3.png").open("rb") as page:
        answer = httpx.post(f"{url}/v1/extract", files={"file": page}, timeout=60).json()
    # The same page, asked without a server.
    (task,) = service.tasks.values()
    with Image.open(tiny / "3.png") as page:
        request = Request(
            task.messages(["page 1"]), (page.convert("RGB"),), task.schema.json_schema, 200
        )
    raw = field_confidences(service.engine.generate([request])[0], task.schema)
    assert len(raw) == 7
    assert list(answer["fields"]) == list(raw)
    assert (answer["calibrated"], answer["review_threshold"]) == (True, told["threshold"])
    for place, confidence in raw.items():
        knots = told["per_field"].get(re.sub(r"\[\d+\]", "[]", place), told["pooled"])
        by_hand = np.interp(confidence, *np.transpose(knots))
        served = answer["fields"][place]
        assert served["confidence"] == pytest.approx(by_hand, abs=1e-3)
        assert served["review"] == (by_hand < told["threshold"])
    # The vendor is in letters that the model was never taught: it guesses, and says so.
    assert [place for place, served in answer["fields"].items() if served["review"]] == ["vendor"]
    # The command line reads it the same way.
    with contextlib.suppress(SystemExit):
        main(["infer", "--model", str(tiny / "model"), "--image", str(tiny / "3.png"), "--json",
              "--device", "cpu"])  # fmt: skip
    read = json.loads(capsys.readouterr().out)
    for key in ("fields", "calibrated", "review_threshold"):
        assert read[key] == answer[key]
