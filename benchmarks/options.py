"""`python -m benchmarks.options`: what the options of `smis.load` bring, as JSON.

One image of one label map at a released size, with made-up weights: whole float32 against `channels_last`, bfloat16
and `torch.compile`, each alone. The ratio is that of plain seconds to the option's; above 1 it is faster.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import torch

import smis
from benchmarks.clock import compare, machine
from benchmarks.layouts import figures
from benchmarks.synthesis import built
from smis.models.system_registry import SYSTEMS
from smis.published.published_datasets import dataset_of
from smis.training.export import description, save_weights, tensors_of

OPTIONS: dict[str, dict[str, Any]] = {
    "channels_last": {"channels_last": True},
    "bfloat16": {"precision": "bfloat16"},
    "compile": {"compile": True},
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the options of smis.load.")
    parser.add_argument("--systems", nargs="+", default=["groupdnet", "spade", "inade"])
    parser.add_argument("--options", nargs="+", default=list(OPTIONS), choices=list(OPTIONS))
    parser.add_argument("--preset", default="deepfashion")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    rows = [row for name in asked.systems for row in measure(name, asked)]
    print(json.dumps({"machine": machine(), "rows": rows}, indent=2))


def measure(name: str, asked: argparse.Namespace) -> list[dict[str, Any]]:
    """Time one system plain and with each option."""
    labels = figures(1, size=256)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.safetensors"
        write(path, name, asked.preset, labels)
        plain = smis.load(path, device=asked.device)
        style = plain.sample(labels)
        expected, rows = plain(labels, style), []
        for option in asked.options:
            synth = smis.load(path, device=asked.device, **OPTIONS[option])
            difference = (synth(labels, style) - expected).abs().max().item()
            ways = {"plain": waited(plain, labels, style), option: waited(synth, labels, style)}
            measured = compare(ways, repeats=asked.repeats)
            rows.append({"what": f"{name} {asked.preset}", "option": option, "difference": difference, **measured})
    return rows


def waited(synth: smis.Synthesizer, labels: torch.Tensor, style: smis.ImageStyle) -> Any:
    """Fetch the images, so that a GPU has finished."""
    return lambda: synth(labels, style).cpu()


def write(path: Path, name: str, preset: str, labels: torch.Tensor) -> None:
    """Write a checkpoint of made-up weights."""
    data = dataset_of(preset)
    system = built(name, {"preset": preset}, len(data.classes), labels)
    metadata = description(
        system=name,
        config=SYSTEMS.load(name)(preset=preset),
        dataset=data.name,
        classes=data.classes,
        palette=data.palette,
        height=data.height,
        width=data.width,
    )
    save_weights(path, tensors_of({"generator": system.generator}), metadata=metadata)


if __name__ == "__main__":
    main()
