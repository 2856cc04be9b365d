from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor

import smis
from smis.styles import Synthesizer
from tests import checkpoints

Load = Callable[[str], Synthesizer]


@pytest.fixture(scope="session")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    """Load a tiny checkpoint of a system, once."""
    folder = tmp_path_factory.mktemp("checkpoints")

    @cache
    def loaded(name: str) -> Synthesizer:
        return smis.load(checkpoints.write(folder / f"{name}.safetensors", name), device="cpu")

    return loaded


@pytest.fixture
def labels() -> Tensor:
    """Two label maps of upright bars: background, hair, face, top, skin; and the same without hair."""
    bars = torch.arange(checkpoints.SIZE[1]) * 5 // checkpoints.SIZE[1]
    one = bars.expand(*checkpoints.SIZE).contiguous()
    return torch.stack([one, torch.where(one == 1, 0, one)])


@pytest.fixture
def photograph() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, 3, *checkpoints.SIZE, generator=generator) * 2 - 1
