"""`python -m benchmarks.regions`: SEAN's encoder and normalization layers against the released form, as JSON.

The released form writes each region's code to its positions, image by image and region by region, and convolves the
map of codes; its encoder pools features in the same loops. Both run in turns on the same image, maps and weights of the
preset `celebamask`, and give the same numbers. The goal is twice as fast for encoder and normalization together.
"""

import argparse
import json
from typing import Any

import torch
from torch import Tensor

from benchmarks import straightforward
from benchmarks.clock import compare, machine
from benchmarks.layouts import photographs
from benchmarks.synthesis import settled
from smis.core.seeding import Noise, generator
from smis.models.sean import Config, Sean
from smis.nn.label_maps import LabelPyramid
from smis.nn.sean_norm import SeanNorm, SeanPyramid

CLASSES, SIDE = 19, 256


def main() -> None:
    parser = argparse.ArgumentParser(description="Time SEAN's encoder and normalization in two forms.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(json.dumps({"machine": machine(), "rows": measure(options.batch, options.repeats)}, indent=2))


@torch.inference_mode()
def measure(batch: int, repeats: int) -> list[dict[str, Any]]:
    """Time the encoder and all normalization layers of one forward pass, and add both."""
    torch.manual_seed(0)
    config = Config.model_validate({"preset": "celebamask"})
    system = config.build(classes=CLASSES, height=SIDE, width=SIDE, training=False).eval()
    for weight in (*system.generator.parameters(), *system.encoder.parameters()):  # pyright: ignore[reportOptionalMemberAccess]
        torch.nn.init.normal_(weight, std=0.05)
    settled(system)
    labels = photographs(batch, height=SIDE, width=SIDE, classes=CLASSES)
    image = torch.randint(0, 256, (batch, 3, SIDE, SIDE)) / 127.5 - 1
    rows = [
        {"what": what, "batch": batch, **compare(ways, repeats=repeats, warm=False)}
        for what, ways in forms(system, image, labels).items()
    ]
    loops, ours = (sum(row[f"{way}_s"] for row in rows) for way in ("loops", "ours"))
    together = {"loops_s": round(loops, 5), "ours_s": round(ours, 5), "ratio": round(loops / ours, 2)}
    return [*rows, {"what": "sean encoder and normalization", "batch": batch, **together}]


def forms(system: Sean, image: Tensor, labels: Tensor) -> dict[str, dict[str, Any]]:
    """Return both forms of each part, after a comparison of what they give."""
    norms = [norm for norm in system.generator.modules() if isinstance(norm, SeanNorm)]
    encoder: Any = system.encoder
    style = system.encode(image, labels, labels, Noise(generator(0)))
    assert style.classes is not None
    sizes = system.generator.plane_sizes(SIDE, SIDE)
    norms.sort(key=lambda norm: norm.plane)
    features = [torch.randn(len(image), len(norm.noise_var), *sizes[norm.plane]) for norm in norms]
    planes = [torch.randn(len(image), width, height) for height, width in sizes]

    def ours() -> list[Tensor]:
        pyramid = SeanPyramid(LabelPyramid(labels, classes=CLASSES), style.classes, planes)  # pyright: ignore[reportArgumentType]
        return [norm(x, pyramid.at(*x.shape[2:])) for norm, x in zip(norms, features, strict=True)]

    def theirs() -> list[Tensor]:
        known = straightforward.one_hot(labels, CLASSES)
        return [
            straightforward.sean_norm(norm, x, known, style.classes, planes[norm.plane])  # pyright: ignore[reportArgumentType]
            for norm, x in zip(norms, features, strict=True)
        ]

    def encode() -> Tensor:
        return encoder(image, LabelPyramid(labels, classes=CLASSES))

    def encode_in_loops() -> Tensor:
        return straightforward.style_encoder(encoder, image, straightforward.one_hot(labels, CLASSES))

    torch.testing.assert_close(encode(), encode_in_loops(), rtol=1e-4, atol=1e-4)
    for one, other in zip(ours(), theirs(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)
    return {
        "sean encoder": {"loops": encode_in_loops, "ours": encode},
        "sean normalization": {"loops": theirs, "ours": ours},
    }


if __name__ == "__main__":
    main()
