"""`python -m benchmarks.synthesis`: generators at their released sizes against the released form, as JSON.

Both forms run in turns on the same maps, with made-up weights, and give the same images. `samples` images of one
layout are made in batches of 4; ours remembers the layout between them. The goals: twice as fast for many samples of a
layout of GroupDNet; INADE with 64 instances 1.25 times at the released width, 2.5 times at width 16, and no slower than
with one instance; OASIS 1.3 times; nothing slower than the released form. CLADE stands beside SPADE, in its released
form and in ours: the goal is twice the images of the released form, and its normalization is to be 0.07 % of the
multiply-adds.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.spectral_norm import SpectralNorm

from benchmarks.clock import CLOCKS, compare, machine
from benchmarks.layouts import figures, photographs, squares
from benchmarks.straightforward import straightforward
from smis.core.process_settings import keep_freed_memory
from smis.core.seeding import Noise, generator
from smis.core.style import Style
from smis.metrics.cost import flops
from smis.models.system_registry import SYSTEMS
from smis.nn.clade_norm import CladeNorm
from smis.nn.spectral_norm import fold_spectral_norm

SHARE = 4


def main() -> None:
    parser = argparse.ArgumentParser(description="Time generators in two forms.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="", help="a part of the rows' names")
    parser.add_argument("--clock", choices=sorted(CLOCKS), default="wall", help="cpu: for a busy machine")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    timing = {"repeats": options.repeats, "clock": options.clock}
    rows = []
    for name, system, maps, samples in cases(options.only):
        row = {"what": name, "samples": samples, **measure(system, *maps, samples=samples, timing=timing)}
        print(json.dumps(row), file=sys.stderr)
        rows.append(row)
    if options.only in "clade beside spade, ade20k":
        rows.append({"what": "clade beside spade, ade20k", "samples": 1, **beside_spade(timing)})
    print(json.dumps({"machine": machine(), "rows": rows}, indent=2))


def cases(only: str) -> Iterator[tuple[str, Any, tuple[Tensor, Tensor], int]]:
    """Give name, system, maps and samples, one system after the other: they are large."""
    figure, photograph = figures(1, size=256), photographs(1, height=256, width=256, classes=151)
    street = photographs(1, height=256, width=512, classes=35)
    wanted = [
        ("groupdnet deepfashion", 8, {"preset": "deepfashion"}, (figure, figure), 1),
        ("groupdnet deepfashion, one layout", 8, {"preset": "deepfashion"}, (figure, figure), 8),
        ("groupdnet cityscapes", 35, {"preset": "cityscapes"}, (street, street), 1),
        ("groupdnet ade20k", 151, {"preset": "ade20k"}, (photograph, photograph), 1),
        ("spade ade20k", 151, {"preset": "ade20k"}, (photograph, photograph), 1),
        ("clade ade20k", 151, {"preset": "ade20k"}, (photograph, photograph), 1),
        ("oasis ade20k", 151, {"preset": "ade20k"}, (photograph, photograph), 1),
        ("oasis ade20k, one layout", 151, {"preset": "ade20k"}, (photograph, photograph), 8),
    ]
    for width in (64, 16):
        for side in (1, 8):
            ids = squares(side, size=256)
            section = {"preset": "deepfashion_paper", "slots": side**2, "width": width}
            name = f"inade deepfashion, width {width}, instances {side**2}"
            wanted.append((name, 8, section, (ids % 8, ids), 1))
    for name, classes, section, maps, samples in wanted:
        if only in name:
            yield name, built(name.split()[0], section, classes, maps[0]), maps, samples


def built(name: str, section: dict[str, Any], classes: int, labels: Tensor) -> Any:
    """Build a system with weights that give images."""
    torch.manual_seed(0)
    config = SYSTEMS.load(name).model_validate(section)
    system = config.build(classes=classes, height=labels.shape[1], width=labels.shape[2], training=False).eval()
    for weight in system.generator.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    return settled(system)


def settled(system: Any) -> Any:
    """Let spectral normalization find its vectors, as any training does; until then images are round-off."""
    for layer in system.generator.modules():
        for hook in layer._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm):
                for _ in range(15):
                    hook.compute_weight(layer, do_power_iteration=True)
    return system


@torch.inference_mode()
def measure(system: Any, labels: Tensor, instances: Tensor, *, samples: int, timing: dict[str, Any]) -> dict[str, Any]:
    """Time both forms, ours as `smis.load` prepares it, in one process with one allocator; their images agree."""
    prepared = as_loaded(system)
    style = system.sample(
        labels.expand(samples, -1, -1), instances.expand(samples, -1, -1), Noise(generator(0, "benchmark"))
    )

    def ours() -> Tensor:
        if samples == 1 or not hasattr(prepared, "layout"):
            return prepared.synthesize(labels, instances, style)
        layout = prepared.layout(labels, instances)
        return torch.cat([prepared.synthesize_on(layout, part) for part in shares(style, samples)])

    def released() -> Tensor:
        with straightforward():
            return torch.cat([each(part) for part in shares(style, samples)])

    def each(part: Style) -> Tensor:
        count = min(SHARE, samples)
        return system.synthesize(labels.expand(count, -1, -1), instances.expand(count, -1, -1), part)

    difference = (ours() - released()).abs().max().item()
    assert difference < 1e-3, difference
    return compare({"released": released, "ours": ours}, **timing) | {"difference": difference}


def as_loaded(system: Any) -> Any:
    """Return a system with the weights that `smis.load` gives it."""
    copied = deepcopy(system)
    fold_spectral_norm(copied.generator)
    return copied


@torch.inference_mode()
def beside_spade(timing: dict[str, Any]) -> dict[str, Any]:
    """Time SPADE in two forms and CLADE on one map of ADE20K's size, and count multiply-adds.

    The share of the normalization is that of one multiply-add for each value that it gives, in those of the generator.
    """
    labels = photographs(1, height=256, width=256, classes=151)
    spade, clade = (built(name, {"preset": "ade20k"}, 151, labels) for name in ("spade", "clade"))
    style = spade.sample(labels, labels, Noise(generator(0, "benchmark")))
    values: list[int] = []
    hooks = [
        layer.register_forward_hook(lambda layer, inputs, output: values.append(output.numel()))
        for layer in clade.modules()
        if isinstance(layer, CladeNorm)
    ]
    adds = flops(lambda: clade.synthesize(labels, labels, style)) / 2
    for hook in hooks:
        hook.remove()

    def released() -> Tensor:
        with straightforward():
            return spade.synthesize(labels, labels, style)

    ours = {name: as_loaded(each) for name, each in (("spade", spade), ("clade", clade))}
    ways = {
        "spade_released": released,
        "spade": lambda: ours["spade"].synthesize(labels, labels, style),
        "clade": lambda: ours["clade"].synthesize(labels, labels, style),
    }
    return compare(ways, **timing) | {
        "clade_gmac": round(adds / 1e9, 2),
        "spade_gmac": round(flops(released) / 2e9, 2),
        "normalization_percent": round(100 * sum(values) / adds, 3),
    }


def shares(style: Style, samples: int) -> list[Style]:
    """Cut a style into batches."""
    kinds = ("global_latent", "classes", "instances", "instance_classes")
    codes = {kind: code.split(min(SHARE, samples)) for kind in kinds if (code := getattr(style, kind)) is not None}
    return [Style(**dict(zip(codes, parts, strict=True))) for parts in zip(*codes.values(), strict=True)]


if __name__ == "__main__":
    main()
