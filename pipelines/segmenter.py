"""Train a small segmentation network on the real images, and say how well it does on those of the test split."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from pipelines.params import read
from pipelines.stage import run
from smis.core.config import Config
from smis.core.progress import Bar
from smis.core.seeding import generator
from smis.data.loader import Loader
from smis.data.shards import Prepared, Split
from smis.metrics.features import device_of
from smis.metrics.result import Bootstrap, Result
from smis.metrics.segmentation import Segmentation, dont_care
from smis.metrics.segmenter import SegmenterConfig, class_weights, predict, save, train


class Params(Config):
    """The sections that decide what is learned."""

    seed: int
    segmenter: SegmenterConfig


def main(dataset: str) -> None:
    """Write runs/DATASET/segmenter.safetensors."""
    params = read(Params)
    config, data = params.segmenter, Prepared(Path("data") / dataset)
    device = device_of(os.environ.get("SMIS_DEVICE"))
    network = config.build(classes=len(data.classes), height=data.height, width=data.width, seed=_seed(params.seed))
    split = data.split("train")
    batches = Loader(split, batch=config.batch, seed=params.seed).from_step(0)
    with Bar(f"training a segmenter on real {dataset} images", total=config.steps, unit="steps") as bar:
        train(
            network,
            batches,
            config,
            device=device,
            weights=class_weights(split.pixels.sum(axis=0), ignore=dont_care(data.classes)),
            after=lambda loss: bar.advance(note=f"loss {loss:.3f}"),
        )
    measured = measure(network, data.split("test"), config, device=device, seed=params.seed)
    facts = {
        "dataset": dataset,
        "classes": data.classes,
        "height": data.height,
        "width": data.width,
        "results": {result.name: result.to_json() for result in measured},
    }
    save(Path("runs") / dataset / "segmenter.safetensors", network, config, facts=facts)
    print(", ".join(f"{result.name} {result.value:.3f}" for result in measured))


def measure(
    network: nn.Module, split: Split, config: SegmenterConfig, *, device: torch.device, seed: int
) -> list[Result]:
    """Return mIoU and accuracy on real images, under names that say so."""
    classes, protocol = split.header.classes, {"segmenter": config.encoder, "split": split.name, "resize": "none"}
    found = Segmentation(classes=len(classes), ignore=dont_care(classes), protocol=protocol)
    for start in range(0, len(split), config.batch):
        batch = split.batch(range(start, min(start + config.batch, len(split)))).to(device)
        found.update(batch.keys, predict(network, batch.image), batch.labels)
    return [replace(result, name=f"{result.name}_real") for result in found.compute(Bootstrap(seed=seed))]


def _seed(seed: int) -> int:
    return generator(seed, "segmenter").initial_seed()


if __name__ == "__main__":
    run(lambda: main(*sys.argv[1:]))
