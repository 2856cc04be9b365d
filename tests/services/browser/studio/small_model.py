"""What a workspace trains, in seconds: an INADE for 64 x 64, and a segmenter that begins to learn from it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from smis import Synthesizer, load
from smis.core.batch import Batch
from smis.core.checkpoint_path import zoo_folder
from smis.core.images import read_ids
from smis.datasets.io.raw_images import resize_ids
from smis.metrics import segmenter
from smis.metrics.unet import UnetConfig, train
from smis.models.system_registry import SYSTEMS
from smis.training.export import read_checkpoint, save_weights, tensors_of

SIZE = (64, 64)
STEPS, LOOKS = 20, 5


def write_checkpoint(path: Path) -> Path:
    """Write an INADE for 64 x 64 with the zoo's weights, but for those of its first layer, which are of one size."""
    checkpoint = read_checkpoint(zoo_folder("inade-paperdoll") / "checkpoint.safetensors", SYSTEMS)
    torch.manual_seed(0)
    system = checkpoint.build(*SIZE)
    own = tensors_of({"generator": system.generator, "encoder": system.encoder})
    known = {key: value for key, value in checkpoint.tensors.items() if own[key].shape == value.shape}
    path.parent.mkdir(parents=True)
    height, width = map(str, SIZE)
    save_weights(path, own | known, metadata={**checkpoint.metadata, "height": height, "width": width})
    return path


def write_segmenter(path: Path, checkpoint: Path) -> None:
    """Train a segmenter on pictures of the model, and write it."""
    synth = load(checkpoint, device="cpu")
    config = UnetConfig.check({"depth": 3, "width": 32, "steps": STEPS}, source="test")
    network = config.build(classes=len(synth.classes), height=SIZE[0], width=SIZE[1], seed=0)
    files = sorted((zoo_folder("inade-paperdoll") / "labels").iterdir())
    maps = torch.from_numpy(np.stack([resize_ids(read_ids(file, title=file.name), SIZE) for file in files]).astype(int))
    train(network, batches(synth, maps), config, device=torch.device("cpu"), weights=torch.ones(len(synth.classes)))
    facts = {"classes": synth.classes, "height": SIZE[0], "width": SIZE[1]}
    segmenter.save(path, segmenter.trained(network, config, facts=facts))


def batches(synth: Synthesizer, maps: torch.Tensor) -> Iterator[Batch]:
    """Yield pictures of some looks, in turns; seeds from 100 on."""
    looks = [synth(maps.numpy(), synth.sample(maps.numpy(), seed=100 + number)).clone() for number in range(LOOKS)]
    for step in range(STEPS):
        yield Batch(looks[step % LOOKS], maps, maps, ("",) * len(maps))
