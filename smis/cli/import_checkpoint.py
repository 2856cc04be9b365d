"""`smis import-checkpoint`: the authors' released weights as a checkpoint of ours."""

import argparse
from pathlib import Path
from typing import Any

from smis.published.importer import import_checkpoint
from smis.published.releases import RELEASES


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("import-checkpoint", help="bring released weights (latest_net_G.pth) into our format")
    parser.add_argument("generator", type=Path, metavar="latest_net_G.pth")
    parser.add_argument("--encoder", type=Path, metavar="latest_net_E.pth", help="its encoder, where there is one")
    parser.add_argument("--release", choices=RELEASES, required=True, help="whose code the weights are of")
    parser.add_argument(
        "--preset", required=True, help="the setting that they were trained at: deepfashion, ade20k, ..."
    )
    parser.add_argument("--system", help="which of the release's systems (default: the first that fits)")
    parser.add_argument("--out", type=Path, required=True, metavar="X.safetensors")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> None:
    """Write the checkpoint, and say what was in the files."""
    found = import_checkpoint(
        chosen.generator,
        encoder=chosen.encoder,
        release=chosen.release,
        preset=chosen.preset,
        system=chosen.system,
        out=chosen.out,
    )
    counts = ", ".join(f"{name} {count} tensors" for name, count in found.tensors.items())
    print(f"{chosen.out}: {found.system} at preset {found.preset}; {counts}")
    for part, count in found.unused.items():
        print(f"not used by the network: {part}.* ({count} tensors)")
    if found.encoder_missing:
        print("no encoder: styles can be drawn, but not taken from images; --encoder latest_net_E.pth adds it")
