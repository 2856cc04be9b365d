import pytest
import torch
from torch.nn import functional

from smis.nn.label_maps import resize_nearest


@pytest.mark.parametrize("size", [(12, 20), (6, 5), (3, 4), (5, 7), (24, 40), (1, 1)])
def test_ids_are_those_of_torch_at_every_ratio(size):
    ids = torch.randint(40_000, (2, 12, 20))
    expected = functional.interpolate(ids[:, None].double(), size=size, mode="nearest")[:, 0].long()
    assert torch.equal(resize_nearest(ids, height=size[0], width=size[1]), expected)
