import torch

from smis.core.batch import Batch


def test_shares_are_equal_parts_of_the_global_batch_in_its_order() -> None:
    labels = torch.arange(4)[:, None, None].expand(4, 2, 2)
    batch = Batch(torch.zeros(4, 3, 2, 2), labels, labels + 10, tuple("abcd"), shares=3)
    first, second = batch.split(2)
    assert (first.keys, second.keys) == (("a", "b"), ("c", "d"))
    assert (first.shares, second.shares) == (6, 6)
    assert second.labels[:, 0, 0].tolist() == [2, 3]
    assert second.instances[:, 0, 0].tolist() == [12, 13]
    assert second.sketch is None
