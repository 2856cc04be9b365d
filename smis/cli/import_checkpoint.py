"""`smis import-checkpoint`: convert the authors' released weights."""

import argparse
from pathlib import Path
from typing import Any

from smis.published.importer import import_checkpoint
from smis.published.releases import RELEASES


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("import-checkpoint", help="convert released weights (latest_net_G.pth) to a checkpoint")
    parser.add_argument("generator", type=Path, metavar="latest_net_G.pth")
    parser.add_argument("--encoder", type=Path, metavar="latest_net_E.pth", help="its encoder, if it has one")
    parser.add_argument("--release", choices=RELEASES, required=True, help="the repository that the weights come from")
    parser.add_argument(
        "--preset", required=True, help="the setting that they were trained at: deepfashion, ade20k, ..."
    )
    parser.add_argument("--system", help="which of the release's systems (default: the first that fits)")
    parser.add_argument("--out", type=Path, required=True, metavar="X.safetensors")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
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
    if result.encoder_missing:
        print("no encoder: styles can be sampled, but images cannot be encoded; --encoder latest_net_E.pth adds it")
