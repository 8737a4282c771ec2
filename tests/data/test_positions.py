"""Our positions against the model's own `get_rope_index`."""

import torch
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

from sightwright.data.positions import mrope_positions


def test_worked_example() -> None:
    positions = mrope_positions(9, [2], [(1, 4, 6)], merge_size=2)
    assert positions.tolist() == [
        [0, 1, 2, 2, 2, 2, 2, 2, 5],
        [0, 1, 2, 2, 2, 3, 3, 3, 5],
        [0, 1, 2, 3, 4, 2, 3, 4, 5],
    ]


def test_equal_to_the_models_own() -> None:
    with torch.device("meta"):
        model = Qwen3VLForConditionalGeneration(Qwen3VLConfig())
    grids, starts, length = [(1, 4, 8), (1, 6, 2), (1, 2, 2)], [3, 15, 20], 30
    is_image = torch.zeros((1, length), dtype=torch.long)
    for start, (_, rows, columns) in zip(starts, grids, strict=True):
        is_image[0, start : start + rows * columns // 4] = 1
    theirs, _ = model.model.get_rope_index(
        torch.zeros((1, length), dtype=torch.long), is_image, image_grid_thw=torch.tensor(grids)
    )
    assert mrope_positions(length, starts, grids, merge_size=2).tolist() == theirs[:, 0].tolist()


def test_text_alone_counts_on_every_row() -> None:
    assert mrope_positions(3, [], [], merge_size=2).tolist() == [[0, 1, 2]] * 3
