"""Train a segmentation network, or take a published one, and measure it on the real images of the test split."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from pipelines.params import read
from smis.core.config import Config
from smis.core.progress import ProgressBar
from smis.core.seeding import generator
from smis.data.loader import Loader
from smis.data.shards import Prepared, Split
from smis.metrics.image.features import compute_protocol, device_of
from smis.metrics.image.result import Bootstrap, Result
from smis.metrics.segmentation import Segmentation
from smis.metrics.segmenter import Segmenter, SegmenterConfig, published, save, trained
from smis.metrics.unet import class_weights, train


class Params(Config):
    """The section of the stage."""

    segmenter: SegmenterConfig


def main(dataset: str) -> None:
    """Write runs/DATASET/segmenter.safetensors."""
    params = read(Params)
    config, data = params.segmenter, Prepared(Path("data") / dataset)
    device = device_of()
    facts: dict[str, Any] = {"dataset": dataset, "classes": data.classes, "height": data.height, "width": data.width}
    if data.ignored:
        facts["ignored"] = sorted(data.ignored)
    if config.network == "trained":
        segmenter = learn(config, data, facts=facts, device=device)
    else:
        segmenter = published(config.network, facts=facts, device=device)
    measured = measure(segmenter, data.split("test"), config, device)
    results = {result.name: result.to_json() for result in measured}
    path = Path("runs") / dataset / "segmenter.safetensors"
    save(path, replace(segmenter, facts={**segmenter.facts, "results": results}))
    print(", ".join(f"{result.name} {result.value:.3f}" for result in measured))


def learn(config: SegmenterConfig, data: Prepared, *, facts: dict[str, Any], device: torch.device) -> Segmenter:
    """Train a network on the real images of the training split."""
    seed = generator(config.seed, "segmenter").initial_seed()
    network = config.build(classes=len(data.classes), height=data.height, width=data.width, seed=seed)
    split = data.split("train")
    batches = (batch.to(device) for batch in Loader(split, batch=config.batch, seed=config.seed).from_step(0))
    title = f"training a segmenter on real {facts['dataset']} images"
    with ProgressBar(title, total=config.steps, unit="steps") as bar:
        train(
            network,
            batches,
            config,
            device=device,
            weights=class_weights(split.pixels.sum(axis=0), ignore=data.ignored),
            on_step=lambda loss: bar.advance(note=f"loss {loss:.3f}"),
        )
    return trained(network, config, facts=facts)


def measure(segmenter: Segmenter, split: Split, config: SegmenterConfig, device: torch.device) -> list[Result]:
    """Return `mIoU_real` and `accuracy_real`."""
    protocol = {**segmenter.protocol, "split": split.name, **compute_protocol(device)}
    metric = Segmentation(classes=len(split.header.classes), ignore=segmenter.ignored, protocol=protocol)
    batches = split.batch_numbers(config.batch)
    with ProgressBar(f"measuring {segmenter.name} on real images", total=len(batches), unit="batches") as bar:
        for chosen in batches:
            batch = split.batch(chosen).to(device)
            metric.update(batch.keys, segmenter.predict(batch.image), batch.labels)
            bar.advance()
    return [replace(result, name=f"{result.name}_real") for result in metric.compute(Bootstrap(seed=config.seed))]
