"""`smis metrics fid | kid | lpips | diversity | regions | segmentation`: measure the images of any model."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smis.cli.arguments import positive, whole

NETWORKS = ("lpips_alex", "lpips_vgg", "lpips_squeeze", "stlpips_alex", "stlpips_vgg16")
_IGNORE = "(default: those that the prepared data set of LABELS or TRUE ignores)"
_SET = "a folder of images, an Arrow file of samples, or a prepared data set"
_MAPS = "a folder, or a prepared data set"
_SPLIT = "split of prepared data sets (default: test)"


def add(verbs: Any) -> None:
    """Add the verb to the command's parser."""
    parser = verbs.add_parser("metrics", help="measure images: FID, KID, LPIPS, diversity, mCSD, mOCD, segmentation")
    metrics = parser.add_subparsers(required=True, metavar="metric")

    fid = _metric(metrics, "fid", "Fréchet Inception distance, equal to pytorch-fid's")
    fid.add_argument("real", type=Path, metavar="REAL", help=f"{_SET}, or a .npz of statistics")
    fid.add_argument("fake", type=Path, metavar="FAKE", nargs="?", help="as REAL; optional with --save")
    fid.add_argument("--save", type=Path, metavar="FILE.npz", help="write REAL's statistics in pytorch-fid's format")
    kid = _metric(metrics, "kid", "kernel Inception distance")
    kid.add_argument("real", type=Path, metavar="REAL", help=f"{_SET}, or a .npz with vectors")
    kid.add_argument("fake", type=Path, metavar="FAKE", help=_SET)
    lpips = _metric(metrics, "lpips", "mean LPIPS of pairs of images with one name in two sets")
    lpips.add_argument("a", type=Path, metavar="A", help=_SET)
    lpips.add_argument("b", type=Path, metavar="B", help="as A, with images of the same names and sizes")

    diversity = _metric(metrics, "diversity", "mean LPIPS between the samples of one label map")
    diversity.add_argument(
        "folder", type=Path, metavar="FOLDER", help="STEM_00.png ..., a subfolder per label map, or an Arrow file"
    )
    regions = _metric(
        metrics, "regions", "mCSD and mOCD, mISD and mOISD of samples that differ in one class or instance"
    )
    regions.add_argument(
        "folder",
        type=Path,
        metavar="FOLDER",
        help="has class-ID and instance-ID folders, each as for diversity, or class-ID.arrow and instances.arrow",
    )
    regions.add_argument("labels", type=Path, metavar="LABELS", help=f"label maps: {_MAPS}")
    regions.add_argument("--instances", type=Path, metavar="MAPS", help="folder of instance maps, for instance-ID")
    regions.add_argument(
        "--ignore", type=whole, nargs="+", default=[], metavar="ID", help=f"classes that do not count {_IGNORE}"
    )
    regions.add_argument("--region", choices=("mask", "spatial"), default="mask", help="default: mask")
    segmentation = _metric(metrics, "segmentation", "mIoU and accuracy of label maps against the true ones")
    segmentation.add_argument("predicted", type=Path, metavar="PRED", help=f"label maps: {_MAPS}")
    segmentation.add_argument("truth", type=Path, metavar="TRUE", help=f"label maps of the same names: {_MAPS}")
    segmentation.add_argument("--classes", type=positive, required=True, metavar="N", help="ids are 0 to N - 1")
    segmentation.add_argument(
        "--ignore", type=int, nargs="+", default=[], metavar="ID", help=f"pixels of TRUE that do not count {_IGNORE}"
    )
    segmentation.add_argument("--per-class", action="store_true", help="also print the IoU of each class")

    for metric in (fid, kid, lpips, regions, segmentation):
        metric.add_argument("--split", default="test", help=_SPLIT)
    for metric in (diversity, regions):
        metric.add_argument("--pairs", choices=("consecutive", "all"), default="consecutive")
    for metric in (lpips, diversity, regions):
        metric.add_argument("--network", choices=NETWORKS, default="lpips_alex", help="default: lpips_alex")


def _metric(metrics: Any, name: str, text: str) -> argparse.ArgumentParser:
    """Add a metric with the options that all have."""
    parser: argparse.ArgumentParser = metrics.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="print one JSON object per value, each on its own line")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (default: a GPU if there is one)")
    parser.add_argument("--batch", type=positive, default=32, help="images in the network at once (default: 32)")
    parser.add_argument("--workers", type=positive, default=min(8, os.cpu_count() or 1), help="threads that decode")
    parser.add_argument("--seed", type=whole, default=0, help="of the bootstrap and of KID's subsets (default: 0)")
    parser.set_defaults(run=run, metric=name)
    return parser


def run(options: argparse.Namespace) -> None:
    """Measure, and print each value with its interval."""
    from smis.cli.image_metrics import METRICS  # imports torch, which other verbs need not wait for

    show(METRICS[options.metric](options), as_json=options.json)


def show(results: Sequence[Any], *, as_json: bool) -> None:
    """Print a line per value; warnings go to stderr."""
    for result in results:
        if as_json:
            print(json.dumps({"name": result.name, **result.to_json()}, allow_nan=False))
            continue
        low, high = result.interval
        interval = f" [{low:.5g}, {high:.5g}]" if low == low else ""  # NaN: unknown
        print(f"{result.name} {result.value:.6g}{interval}")
        if "warning" in result.protocol:
            print(f"warning: {result.protocol['warning']}", file=sys.stderr)
