import torch
from torch import nn

from sightwright.model.shards import is_shard, lies_in_shards, whole_size


def test_a_weight_of_zero3_is_known_by_its_number() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 5))
    assert not lies_in_shards(model)
    weight = model[1].weight
    weight.ds_id, weight.ds_numel = 7, 20  # type: ignore[assignment]
    weight.data = torch.empty(0)
    assert is_shard(weight) and lies_in_shards(model)
    assert (weight.numel(), whole_size(weight)) == (0, 20)
    assert not is_shard(model[0].weight) and whole_size(model[0].weight) == 12
