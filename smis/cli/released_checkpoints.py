"""`smis import-checkpoint | export-checkpoint`: convert checkpoints of the authors, to ONNX and to torch.export."""

import argparse
from typing import Any

from smis.cli.arguments import nonempty_path, positive
from smis.published.generator_export import export_onnx, export_program
from smis.published.importer import RELEASES, import_checkpoint
from smis.published.release_files import export_released


def add(verbs: Any) -> None:
    """Add the verbs to the command's parser."""
    _add_import(verbs)
    _add_export(verbs)


def _add_import(verbs: Any) -> None:
    parser = verbs.add_parser("import-checkpoint")
    parser.add_argument("generator", type=nonempty_path, metavar="latest_net_G.pth")
    parser.add_argument("--encoder", type=nonempty_path, metavar="latest_net_E.pth", help="its encoder, if it has one")
    parser.add_argument("--release", choices=RELEASES, required=True, help="the repository that the weights come from")
    parser.add_argument(
        "--preset", required=True, help="the setting that they were trained at: deepfashion, ade20k, ..."
    )
    parser.add_argument("--system", help="which of the release's systems (default: the first that fits)")
    parser.add_argument("--out", type=nonempty_path, required=True, metavar="X.safetensors")
    parser.set_defaults(run=_import)


def _import(options: argparse.Namespace) -> None:
    """Write the checkpoint and print what the files contained."""
    result = import_checkpoint(
        options.generator,
        encoder=options.encoder,
        release=options.release,
        preset=options.preset,
        system=options.system,
        out=options.out,
    )
    counts = ", ".join(f"{name} {count} tensors" for name, count in result.tensors.items())
    print(f"{options.out}: {result.system} at preset {result.preset}; {counts}")
    for part, count in result.unused.items():
        print(f"not used by the network: {part}.* ({count} tensors)")
    for path in result.parallel:
        print(f"{path}: names begin with `module.` (saved through DataParallel), which was taken away")
    if result.encoder_missing:
        print("no encoder: styles can be sampled, but images cannot be encoded; --encoder latest_net_E.pth adds it")


def _add_export(verbs: Any) -> None:
    parser = verbs.add_parser("export-checkpoint")
    parser.add_argument("checkpoint", type=nonempty_path, metavar="X.safetensors")
    parser.add_argument(
        "--to",
        choices=("released", "onnx", "program"),
        required=True,
        help="released: latest_net_G.pth and latest_net_E.pth in a folder; program: a .pt2 file of torch.export",
    )
    parser.add_argument(
        "--out", type=nonempty_path, required=True, metavar="PATH", help="a folder for `released`, else a file"
    )
    parser.add_argument("--batch", type=positive(1024), default=1, help="batch size of onnx and program (default: 1)")
    parser.set_defaults(run=_export)


def _export(options: argparse.Namespace) -> None:
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
