"""`smis bench train | sample | encode | loader`: measure speed on this machine and where the time goes."""

import argparse
import json
import platform
from typing import Any

import torch
from rich.console import Console

from smis.bench.loading_speed import measure_loading
from smis.bench.sampling_speed import measure_inference
from smis.bench.training_speed import measure_scaling
from smis.cli.arguments import MOST_WORKERS, nonempty_path, positive, processes, whole
from smis.core.device import usable_device
from smis.metrics.cost import device_name
from smis.training.loop import TrainingConfig

_batch_size = positive(1024)
"""Of made-up images, which are all in memory: 2 GiB at 256 x 512."""
_FLAGS = ("channels_last", "compile", "reuse_image")


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("bench")
    what = parser.add_subparsers(required=True, metavar="what")
    for name, text in {
        "train": "training steps, with random weights",
        "sample": "sampling of latents and synthesis of images",
        "encode": "encoding of images",
        "loader": "loading of batches from shards",
    }.items():
        each = what.add_parser(name, help=text, description=text)
        each.add_argument("--preset", default="deepfashion", help="sizes of a data set (default: deepfashion)")
        each.add_argument("--batch", type=_batch_size, default=4 if name in ("train", "loader") else 1)
        each.add_argument(
            "--repeats", type=positive(10_000), default=5, help="training steps or repetitions (default: 5)"
        )
        each.add_argument("--threads", type=processes, help="CPU threads (default: torch's choice)")
        each.add_argument("--json", action="store_true", help="print JSON")
        each.set_defaults(run=run, what=name)
        if name == "loader":
            each.add_argument(
                "--data", type=nonempty_path, metavar="FOLDER", help="a prepared data set (default: random data)"
            )
            each.add_argument(
                "--workers", type=whole(MOST_WORKERS), default=0, help="reading processes (default: one thread)"
            )
            continue
        each.add_argument("--system", default="groupdnet")
        each.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: a GPU if there is one)")
        each.add_argument("--precision", choices=("float32", "bf16", "fp16"), default="float32")
        if name == "train":
            each.add_argument(
                "--accumulate", type=_batch_size, default=1, help="micro-batches per step (gradient accumulation)"
            )
            for option in _FLAGS:
                each.add_argument(f"--{option.replace('_', '-')}", action="store_true", help=f"train.{option}")
            each.add_argument("--processes", type=processes, default=1, help="compare this many processes with one")


def run(options: argparse.Namespace) -> None:
    """Measure and print."""
    if options.threads:
        torch.set_num_threads(options.threads)
    arguments = {key: value for key, value in vars(options).items() if key not in ("run", "json", "data") and value}
    asked = {"what": arguments.pop("what"), **arguments}
    report = {"asked": asked, "machine": _machine(options), **_measure(options)}
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        _print(report)


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    if options.what == "loader":
        settings = {"batch": options.batch, "workers": options.workers, "repeats": options.repeats}
        return measure_loading(options.data, options.preset, **settings)
    if options.what == "train":
        section = {key: getattr(options, key) for key in ("batch", "precision", "accumulate", *_FLAGS)}
        config = TrainingConfig.check(section, source="smis bench train")
        settings = {"device": options.device, "processes": options.processes, "steps": options.repeats}
        return measure_scaling(options.system, options.preset, config, **settings)
    settings = {"batch": options.batch, "precision": options.precision, "repeats": options.repeats}
    device = usable_device(options.device)
    return measure_inference(options.what, options.system, options.preset, device=device, **settings)


def _machine(options: argparse.Namespace) -> dict[str, Any]:
    device = usable_device(getattr(options, "device", "cpu") or None)
    return {
        "device": device_name(device),
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def _print(report: dict[str, Any]) -> None:
    """Print a line for each number, and the parts of a step with their shares of its time."""
    console = Console(highlight=False)
    asked = " ".join(f"{key} {value}" for key, value in report["asked"].items())
    console.print(asked, style="bold", soft_wrap=True)
    for key, value in report.items():
        if isinstance(value, int | float):
            console.print(_line(key, value))
    parts: dict[str, float] = report.get("seconds", {})
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
