"""`smis export-checkpoint`: convert a checkpoint for the authors' code, ONNX Runtime or torch.export."""

import argparse
from pathlib import Path
from typing import Any

from smis.cli.arguments import positive
from smis.published.onnx_model import export_onnx
from smis.published.program import export_program
from smis.published.released import export_released


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser(
        "export-checkpoint", help="convert a checkpoint for the authors' code, ONNX or torch.export"
    )
    parser.add_argument("checkpoint", type=Path, metavar="X.safetensors")
    parser.add_argument(
        "--to",
        choices=("released", "onnx", "program"),
        required=True,
        help="released: latest_net_G.pth and latest_net_E.pth in a folder; program: a .pt2 file of torch.export",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="PATH", help="a folder for `released`, else a file")
    parser.add_argument("--batch", type=positive, default=1, help="batch size of onnx and program (default: 1)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Write the files and print their inputs and outputs."""
    if options.to == "released":
        for path, count in export_released(options.checkpoint, options.out).items():
            print(f"{path}: {count} tensors")
        return
    export = export_onnx if options.to == "onnx" else export_program
    exported = export(options.checkpoint, options.out, batch=options.batch)
    inputs = ", ".join(f"{name} {kind} {shape}" for name, (kind, shape) in exported.inputs.items())
    print(f"{options.out}: {inputs} -> image float32 {exported.output}")
    print(f"greatest difference from eager: {exported.difference:.1e} ({exported.allowed:.0e} is allowed)")
