import math
from types import ModuleType

import torch
from torch import nn
from torch.nn.utils import spectral_norm

from smis.training.throughput import ThroughputMeter, largest_spectral_norm, memory_bytes


def test_the_largest_spectral_norm_is_that_of_the_largest_matrix() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        spectral_norm(nn.Linear(6, 4)), nn.ReLU(), spectral_norm(nn.Conv2d(2, 3, 3)), nn.Linear(4, 9)
    )
    for _ in range(200):
        network[0](torch.zeros(1, 6))
        network[2](torch.zeros(1, 2, 3, 3))
    matrices = [weight.detach().flatten(1) for name, weight in network.named_parameters() if name.endswith("_orig")]
    expected = torch.stack([torch.linalg.matrix_norm(matrix, ord=2) for matrix in matrices]).max()
    found = largest_spectral_norm(network)
    assert found is not None
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert largest_spectral_norm(nn.Linear(2, 2)) is None


def test_diagnostics_and_throughput_are_finite_numbers(toy: ModuleType) -> None:
    trainer = toy.trainer_of(toy.config_of(4))
    meter = ThroughputMeter(0, batch=8, device=torch.device("cpu"))
    with meter.waiting():
        pass
    trainer.train_step(1, toy.batch_of(0), seed=0)
    metrics = {**trainer.diagnostics(), **meter.measure(1)}
    assert {"spectral_generator", "spectral_discriminator", "data_wait_share", "memory_mib"} <= set(metrics)
    assert all(math.isfinite(value) for value in metrics.values())
    assert 0 <= metrics["data_wait_share"] < 1
    assert metrics["images_per_second"] > 0


def test_memory_is_known_here() -> None:
    assert memory_bytes(torch.device("cpu")) > 1 << 20
