"""A tiny SegFormer in the place of a published one: made-up weights, under the names of the published files."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from smis.core import weights
from smis.core.weights import WeightsFile
from smis.metrics import segformer
from smis.metrics.segformer import Published

SIZES: dict[str, Any] = {
    **segformer.B5,
    "depths": [1, 1, 1, 1],
    "hidden_sizes": [8, 16, 24, 32],
    "num_attention_heads": [1, 2, 3, 4],
    "decoder_hidden_size": 16,
}
SIDE = 64


def build(sizes: dict[str, Any], *, channels: int) -> Any:
    """Build transformers' own network."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    return SegformerForSemanticSegmentation(SegformerConfig.from_dict({**sizes, "num_labels": channels}))


def made_up(*, channels: int, seed: int = 0) -> Any:
    """Return a network whose scores differ from place to place."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(SIZES, channels=channels)
        for parameter in network.parameters():
            if parameter.ndim > 1:  # biases would drown what is in the picture
                nn.init.normal_(parameter, std=0.3)
    return network.eval()


def put(
    name: str, folder: Path, *, ids: tuple[int, ...], classes: int, patch: pytest.MonkeyPatch, seed: int = 0
) -> nn.Module:
    """Let a tiny network stand for the published one of this name, its file in `folder`; return transformers' own."""
    network, path = made_up(channels=len(ids), seed=seed), folder / f"{name}.bin"
    network.save_pretrained(folder / "saved")
    torch.save(load_file(folder / "saved" / "model.safetensors"), path)
    patch.setenv("SMIS_WEIGHTS", str(folder))
    patch.setitem(
        weights.TABLE, name, WeightsFile(path.name, hashlib.sha256(path.read_bytes()).hexdigest(), url="here")
    )
    row = Published("made-up classes", frozenset({classes}), ids, side=SIDE, sizes=SIZES)
    patch.setitem(segformer.PUBLISHED, name, row)
    return network
