"""`smis bench train | sample | encode | loader`: how fast it is here, and where the time goes."""

import argparse
import json
import platform
from pathlib import Path
from typing import Any

from rich.console import Console

from smis.cli.arguments import positive

_OPTIONS = ("channels_last", "compile", "reuse_image")


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("bench", help="images per second, and where the time goes")
    what = parser.add_subparsers(required=True, metavar="what")
    for name, text in {
        "train": "steps of a training, from made-up weights",
        "sample": "from label maps to images, codes drawn anew",
        "encode": "from images to codes",
        "loader": "batches from shards",
    }.items():
        each = what.add_parser(name, help=text, description=text)
        each.add_argument("--preset", default="deepfashion", help="whose sizes (default: deepfashion)")
        each.add_argument("--batch", type=positive, default=4 if name in ("train", "loader") else 1)
        each.add_argument("--repeats", type=positive, default=5, help="steps, or runs (default: 5)")
        each.add_argument("--threads", type=positive, help="of the CPU (default: as torch chooses)")
        each.add_argument("--json", action="store_true", help="print JSON")
        each.set_defaults(run=run, what=name)
        if name == "loader":
            each.add_argument("--data", type=Path, metavar="FOLDER", help="a prepared data set (default: made up)")
            each.add_argument("--workers", type=int, default=0, help="processes that read (default: a thread)")
            continue
        each.add_argument("--system", default="groupdnet")
        each.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: a GPU if there is one)")
        each.add_argument("--precision", choices=("float32", "bf16", "fp16"), default="float32")
        if name == "train":
            each.add_argument("--accumulate", type=positive, default=1, help="shares of the batch, one after the other")
            for option in _OPTIONS:
                each.add_argument(f"--{option.replace('_', '-')}", action="store_true", help=f"train.{option}")
            each.add_argument("--processes", type=positive, default=1, help="compare so many with one")


def run(chosen: argparse.Namespace) -> None:
    """Measure, and print."""
    import torch

    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    given = {key: value for key, value in vars(chosen).items() if key not in ("run", "json", "data") and value}
    asked = {"what": given.pop("what"), **given}
    found = {"asked": asked, "machine": _machine(chosen), **_measured(chosen)}
    if chosen.json:
        print(json.dumps(found, indent=2))
    else:
        _show(found)


def _measured(chosen: argparse.Namespace) -> dict[str, Any]:
    if chosen.what == "loader":
        from smis.bench.loading import load

        how = {"batch": chosen.batch, "workers": chosen.workers, "repeats": chosen.repeats}
        return load(chosen.data, chosen.preset, **how)
    if chosen.what == "train":
        from smis.bench.scaling import trained
        from smis.bench.training import Case

        options = {option: getattr(chosen, option) for option in _OPTIONS}
        case = Case(chosen.system, chosen.preset, chosen.batch, chosen.precision, chosen.accumulate, **options)
        return trained(case, device=chosen.device, processes=chosen.processes, steps=chosen.repeats)
    from smis.bench import drawing
    from smis.core.device import usable_device

    measure = {"sample": drawing.draw, "encode": drawing.encode}[chosen.what]
    how = {"batch": chosen.batch, "precision": chosen.precision, "repeats": chosen.repeats}
    return measure(chosen.system, chosen.preset, device=usable_device(chosen.device), **how)


def _machine(chosen: argparse.Namespace) -> dict[str, Any]:
    import torch

    from smis.core.device import usable_device
    from smis.metrics.cost import device_name

    device = usable_device(getattr(chosen, "device", "cpu") or None)
    return {
        "device": device_name(device),
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _show(found: dict[str, Any]) -> None:
    """Print a line for each number, the parts of a step as shares."""
    console = Console(highlight=False)
    asked = " ".join(f"{key} {value}" for key, value in found["asked"].items())
    console.print(asked, style="bold", soft_wrap=True)
    for key, value in found.items():
        if isinstance(value, int | float):
            console.print(_line(key, value))
    parts: dict[str, float] = found.get("seconds", {})
    for name, seconds in parts.items():
        share = seconds / sum(parts.values())
        console.print(f"  {name:14} {seconds:8.4f} s {share:6.1%} {'▇' * round(40 * share)}")


def _line(key: str, value: float) -> str:
    name = key.removesuffix("_bytes").replace("_", " ")
    if key.endswith("_bytes"):
        return f"{name}: {value / 2**20:,.0f} MiB"
    if "flops" in key:
        return f"{name.replace('flops', 'GFLOP')}: {value / 1e9:,.1f}"
    return f"{name}: {value:.1%}" if key in ("achieved", "efficiency") else f"{name}: {value:,.4g}"
