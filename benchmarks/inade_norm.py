"""`python -m benchmarks.inade_norm`: INADE's normalisation by looking rows up and as products of one-hot maps, as JSON.

The products are the released form; its one-hot maps are made before the clock starts, our indices after. Medians in
seconds, forwards alone and with the way back, for 1 and 64 instances, both forms in the same run.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from smis.nn.inade_norm import InadeNorm, InstanceLayout

CLASSES, NOISE = 8, 64


def main() -> None:
    parser = argparse.ArgumentParser(description="Time two forms of INADE's normalisation.")
    for name, default in {"channels": 64, "size": 256, "batch": 1, "threads": 2, "repeats": 7}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cases = [measure(options, slots=slots) for slots in (1, 64)]
    machine = {"cpu": platform.processor() or platform.machine(), "torch": torch.__version__}
    print(json.dumps({"machine": machine, "options": vars(options), "classes": CLASSES, "cases": cases}, indent=2))


def measure(options: argparse.Namespace, *, slots: int) -> dict[str, object]:
    """Compare both forms on one picture's worth of square instances."""
    torch.manual_seed(0)
    size = options.size
    norm = InadeNorm(options.channels, classes=CLASSES, noise=NOISE)
    x = torch.randn(options.batch, options.channels, size, size, requires_grad=True)
    side = round(slots**0.5)
    rows = torch.arange(size) * side // size
    instances = (rows[:, None] * side + rows).expand(options.batch, -1, -1)
    labels = instances % CLASSES
    noise = torch.randn(options.batch, slots, 2, NOISE)
    counted = (labels, CLASSES), (instances, slots)

    def looked_up() -> Tensor:
        return norm(x, InstanceLayout(labels, instances, noise).at(size, size))

    maps = [functional.one_hot(ids, count).permute(0, 3, 1, 2).float() for ids, count in counted]

    def one_hot() -> Tensor:
        return one_hot_form(norm, x, maps[0], maps[1], noise)

    torch.testing.assert_close(looked_up(), one_hot(), atol=1e-4, rtol=1e-4)
    times: dict[str, object] = {"instances": slots}
    for name, form in {"look_up": looked_up, "one_hot": one_hot}.items():
        times[f"{name}_forward_s"] = median(lambda form=form: form().detach(), options.repeats)
        times[f"{name}_both_ways_s"] = median(lambda form=form: form().backward(torch.ones_like(x)), options.repeats)
    return times


def one_hot_form(norm: InadeNorm, x: Tensor, classes: Tensor, slots: Tensor, noise: Tensor) -> Tensor:
    drawn = norm.fc_noise(noise)
    scale, shift = (
        torch.einsum("kc,bkhw->bchw", norm.weight[:, :, t], classes)
        * torch.einsum("bsc,bshw->bchw", drawn[:, :, t], slots)
        + torch.einsum("kc,bkhw->bchw", norm.bias[:, :, t], classes)
        for t in (0, 1)
    )
    return scale * norm.param_free_norm(x) + shift


def median(run: Callable[[], object], repeats: int) -> float:
    run()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
