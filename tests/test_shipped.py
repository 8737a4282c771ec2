import pytest

from sightwright.errors import DataError
from sightwright.shipped import shipped


@pytest.mark.parametrize(
    "path",
    [
        "configs/demo/extract.yaml",
        "configs/demo/dense.yaml",
        "configs/demo/summary.yaml",
        "configs/dataset_mix/demo_dense.yaml",
        "configs/dataset_mix/demo_summary.yaml",
        "schemas/invoice.schema.json",
        "prompts/bl_extraction_prompt.txt",
    ],
)
def test_shipped_files_are_found(path: str) -> None:
    assert shipped(path).is_file()


def test_a_file_that_is_not_shipped_is_named() -> None:
    with pytest.raises(DataError, match="this installation lacks a file") as caught:
        shipped("configs/none.yaml")
    assert caught.value.where == "configs/none.yaml"
