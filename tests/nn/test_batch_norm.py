"""Batch normalization in one process and in several; `tests/training` has whole trainings of several."""

import pytest
import torch
from torch import Tensor, nn

from smis.nn import batch_norm
from smis.nn.batch_norm import BatchNorm


class OnCuda(Tensor):
    """Says that it is on a GPU."""

    is_cuda = True  # pyright: ignore[reportAssignmentType]


@pytest.fixture
def synchronized(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Pretend that there are two processes, and collect what torch's own layer is given."""
    inputs: list[Tensor] = []
    monkeypatch.setattr(batch_norm, "_process_count", lambda: 2)
    monkeypatch.setattr(batch_norm.dist, "all_reduce", lambda total: None)
    monkeypatch.setattr(nn.SyncBatchNorm, "forward", lambda self, x: inputs.append(x) or x)
    return inputs


def test_several_processes_use_torchs_layer_on_cuda(synchronized: list[Tensor]) -> None:
    BatchNorm(3)(torch.rand(2, 3, 4, 4).as_subclass(OnCuda))
    assert len(synchronized) == 1


def test_several_processes_do_not_use_it_on_cpu(synchronized: list[Tensor]) -> None:
    x = torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(BatchNorm(3)(x), torch.nn.functional.batch_norm(x, None, None, training=True))
    assert synchronized == []


def test_evaluation_and_one_process_do_not_use_it(synchronized: list[Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.rand(2, 3, 4, 4).as_subclass(OnCuda)
    BatchNorm(3).eval()(x)
    monkeypatch.setattr(batch_norm, "_process_count", lambda: 1)
    BatchNorm(3)(x)
    assert synchronized == []


def test_the_state_is_that_of_torchs_layer_without_scale_and_shift() -> None:
    assert list(BatchNorm(3).state_dict()) == ["running_mean", "running_var", "num_batches_tracked"]
