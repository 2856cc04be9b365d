from collections import OrderedDict

import pytest
import torch
from torch import nn

from smis.training.snapshot import Snapshot


def test_a_snapshot_keeps_every_bit_and_order_and_shares_no_memory() -> None:
    parts = {"a": torch.randn(2, 3, 4, 4).contiguous(memory_format=torch.channels_last), "b": (1, "x", [None, 2.5])}
    taken = Snapshot(parts).state()
    before = parts["a"].clone()
    parts["a"].zero_()
    assert taken["a"].equal(before)
    assert taken["a"].is_contiguous(memory_format=torch.channels_last)
    assert taken["b"] == (1, "x", [None, 2.5])


def test_a_view_of_a_large_tensor_is_copied_alone() -> None:
    taken = Snapshot({"a": torch.zeros(1000)[:3]}).state()
    assert taken["a"].untyped_storage().nbytes() == 12


def test_what_a_state_dict_says_of_its_versions_stays_with_it() -> None:
    network = nn.utils.spectral_norm(nn.Linear(2, 2))
    kept = Snapshot({"network": network.state_dict()}).state()["network"]
    assert isinstance(kept, OrderedDict)
    assert kept._metadata == network.state_dict()._metadata  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_snapshot_of_a_gpu_is_in_pinned_memory_and_not_changed_by_what_comes_after() -> None:
    weights = torch.zeros(1 << 24, device="cuda")
    snapshot = Snapshot({"weights": weights})
    weights += 1
    kept = snapshot.state()["weights"]
    assert kept.is_pinned()
    assert not kept.any()
