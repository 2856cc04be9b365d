"""`smis export-checkpoint`: a checkpoint for programs that are not ours."""

import argparse
from pathlib import Path
from typing import Any

from smis.published.onnx_model import export_onnx
from smis.published.program import export_program
from smis.published.released import export_released


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("export-checkpoint", help="give a checkpoint to the authors' code, ONNX or torch.export")
    parser.add_argument("checkpoint", type=Path, metavar="X.safetensors")
    parser.add_argument(
        "--to",
        choices=("released", "onnx", "program"),
        required=True,
        help="released: latest_net_G.pth and latest_net_E.pth in a folder; program: a .pt2 file of torch.export",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="PATH", help="a folder for `released`, else a file")
    parser.add_argument("--batch", type=_count, default=1, help="images at once of onnx and program (default: 1)")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Write the files, and say what they take and give."""
    if chosen.to == "released":
        for path, count in export_released(chosen.checkpoint, chosen.out).items():
            print(f"{path}: {count} tensors")
        return
    export = export_onnx if chosen.to == "onnx" else export_program
    made = export(chosen.checkpoint, chosen.out, batch=chosen.batch)
    inputs = ", ".join(f"{name} {kind} {shape}" for name, (kind, shape) in made.inputs.items())
    print(f"{chosen.out}: {inputs} -> image float32 {made.output}")
    print(f"greatest difference from eager: {made.difference:.1e} ({made.allowed:.0e} is allowed)")


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of images; give 1 or more")
    return int(text)
