"""src/README.md: every path that the user documents name leads somewhere that exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "src/README.md").read_text(encoding="utf-8")

_CODE = re.compile(r"`([^`]+)`")
_PATH = re.compile(r"[\w.-]+/[\w./-]*|[\w-]+\.md")
_NOT_YET = "not in this version"

DOCUMENTS = re.findall(
    r"\S+",
    """
src/sft.py src/config/ src/config/prompts.py src/datasets/ src/datasets/builders/jsonlines.py
src/datasets/geometry.py src/datasets/fusion.py src/trainers/gkd_monitor.py src/stage_a/
src/stage_b/ scripts/train.sh scripts/stage_a_infer.sh scripts/merge_stage2_lora.sh
scripts/run_grpo.py scripts/inspect_lora_ckpts.py scripts/fuse_datasets.py
scripts/validate_jsonl.py scripts/dataset_stats.py scripts/split_jsonl.py
scripts/extract_combined_zip.py scripts/build_jsonl_from_results.py scripts/verify_image_paths.py
scripts/make_example_jsonl.py configs/base.yaml configs/my_experiment.yaml
configs/stage_1/lora.yaml configs/stage_1/full_with_kd.yaml configs/dlora/*.yaml
configs/fusion_train/*.yaml configs/fusion_train/*gkd*.yaml configs/fusion_train/last_6.yaml
configs/1024/*.yaml configs/fusion_train/bbu_rru_summary_grpo_new_schema_1024.yaml
configs/dataset_mix/*.yaml configs/summary.yaml configs/stage_b/*.yaml
configs/grpo/summary_grpo_base.yaml data_conversion/convert_dataset.sh public_data/
archive/packing/ examples/example.jsonl schemas/qwen_vl_pdf_extract.schema.json
docs/TRAINING_GUIDE.md docs/DATA_FORMATS.md docs/INFERENCE_GUIDE.md docs/REFERENCE.md
docs/training/TRAINING_PLAYBOOK.md docs/archive/ docs/data/DATA_JSONL_CONTRACT.md
docs/data/DATA_PREPROCESSING_PIPELINE.md docs/data/DATA_AND_DATASETS.md
docs/TRAINING_QWEN3_VL_8B.md docs/AZUREML_TRAINING_RUNBOOK.md docs/QUANTIZATION_AND_SERVING.md
docs/LATENCY_UNDER_1S.md azureml/ runpod/ data/ output/ swift/llm/train/tuner.py
swift/llm/argument/tuner_args.py swift/llm/template/template_inputs.py
""",
)


def rows() -> Iterator[tuple[list[str], str]]:
    """The code of the first column, and the whole second one."""
    for line in PAGE.splitlines():
        if line.startswith("| ") and not line.startswith("| in the documents"):
            left, right = line.strip("| ").split(" | ", 1)
            yield _CODE.findall(left), right


def paths(codes: list[str]) -> list[str]:
    return [code for code in codes if _PATH.fullmatch(code)]


@pytest.mark.parametrize("path", DOCUMENTS)
def test_a_path_of_the_documents_is_there(path: str) -> None:
    assert any(path in codes for codes, _ in rows())


def test_what_serves_it_exists() -> None:
    named = [path for _, right in rows() for path in paths(_CODE.findall(right))]
    assert len(named) > 50
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_same_name_is_the_same_file() -> None:
    same = [path for codes, right in rows() if "the same" in right for path in paths(codes)]
    assert len(same) > 12
    assert [path for path in same if not (ROOT / path).exists()] == []


def test_what_is_not_built_is_not_there() -> None:
    """Whoever builds it changes its row."""
    missing = [path for codes, right in rows() if right == _NOT_YET for path in paths(codes)]
    assert len(missing) > 8
    assert [path for path in missing if (ROOT / path).exists()] == []
