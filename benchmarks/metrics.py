"""`python -m benchmarks.metrics`: the metrics against the packages that they equal, as JSON.

All ways of a row run in turns, on the same made-up weights. The goals on two cores: LPIPS diversity of 20 samples
>= 8 times calling the package for each of the 190 pairs and >= 1.7 times for the 19 neighbors; Fréchet distance at
2048 >= 3 times scipy's `sqrtm`; FID of folders >= 1.5 times `python -m pytorch_fid`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import lpips as package
import numpy as np
import torch
from PIL import Image
from scipy import linalg
from torch import nn
from torch.nn import functional as F

from benchmarks.clock import compare, machine
from smis.core import weights
from smis.metrics.image import inception, lpips
from smis.metrics.image.fid import Statistics, frechet_distance
from smis.metrics.image.lpips import PerceptualDistance
from smis.metrics.image.sample_diversity import Pairing, diversity, pair_up

SAMPLES = 20
DIMENSIONS = 2048
ROWS = ("diversity", "frechet", "fid")
SHIM = """
import os, torch, pytorch_fid.inception as i
i.load_state_dict_from_url = lambda url, progress: torch.load(os.environ["MADE_UP"], weights_only=True)
from pytorch_fid.fid_score import main
main()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the metrics.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--size", type=int, default=256, help="of the images, each way")
    parser.add_argument("--images", type=int, default=2000, help="of the folder that FID sees")
    parser.add_argument("--only", choices=ROWS, nargs="+", default=ROWS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows: list[dict[str, Any]] = []
    if "diversity" in options.only:
        rows += [time_diversity(pairs, options) for pairs in ("all", "consecutive")]
    if "frechet" in options.only:
        rows.append(time_frechet(options))
    if "fid" in options.only:
        rows.append(time_fid(options))
    print(json.dumps({"machine": machine(), "rows": rows}, indent=2))


def alexnets() -> tuple[PerceptualDistance, nn.Module]:
    """Ours and the package's, with one trunk."""
    torch.manual_seed(0)
    with warnings.catch_warnings(action="ignore"):
        theirs = package.LPIPS(net="alex", pnet_rand=True, verbose=False)
    trunk = {f"features.{key.partition('.')[2]}": value for key, value in theirs.net.state_dict().items()}
    return lpips.build("lpips_alex", trunk=trunk, heads=weights.read("lpips_alex")), theirs


@torch.inference_mode()
def time_diversity(pairs: Pairing, options: argparse.Namespace) -> dict[str, Any]:
    ours, theirs = alexnets()
    image = torch.rand(SAMPLES, 3, options.size, options.size) * 2 - 1
    sides = [side.tolist() for side in pair_up(SAMPLES, pairs)]

    def each_pair() -> torch.Tensor:
        return torch.stack([theirs(image[[a]], image[[b]]).flatten()[0] for a, b in zip(*sides, strict=True)])

    def once() -> torch.Tensor:
        return diversity(image, ours, pairs=pairs)

    torch.testing.assert_close(once(), each_pair(), rtol=1e-4, atol=1e-7)
    case = {"what": "LPIPS diversity", "samples": SAMPLES, "size": options.size, "pairs": len(sides[0])}
    return case | compare({"package_per_pair": each_pair, "ours": once}, repeats=options.repeats)


def time_frechet(options: argparse.Namespace) -> dict[str, Any]:
    """Time the table's case of 4000 points in 2048 dimensions."""
    points = [np.random.RandomState(1).randn(4000, DIMENSIONS), np.random.RandomState(2).randn(4000, DIMENSIONS)]
    points[1] = points[1] * 1.2 + 0.1
    (first, one), (second, other) = ((each.mean(axis=0), np.cov(each, rowvar=False)) for each in points)

    def general() -> float:
        root = np.real(linalg.sqrtm(one @ other))
        return float(((first - second) ** 2).sum() + np.trace(one) + np.trace(other) - 2 * np.trace(root))

    def symmetric() -> float:
        gaussians = [Statistics(torch.from_numpy(m), torch.from_numpy(c)) for m, c in ((first, one), (second, other))]
        return frechet_distance(*gaussians)

    np.testing.assert_allclose(symmetric(), general(), rtol=1e-6)
    case = {"what": "Fréchet distance", "dimensions": DIMENSIONS}
    return case | compare({"scipy_sqrtm": general, "ours": symmetric}, repeats=options.repeats)


def time_fid(options: argparse.Namespace) -> dict[str, Any]:
    """Time both commands, start to end, on two folders of PNG files that look like photographs."""
    with tempfile.TemporaryDirectory() as place:
        folders = [_photographs(Path(place) / name, options, seed=seed) for seed, name in enumerate(("real", "fake"))]
        torch.manual_seed(0)
        stored = Path(place) / weights.TABLE[inception.NAME].file
        torch.save(inception.bare().state_dict(), stored)
        environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads), "SMIS_WEIGHTS": place}
        environment["MADE_UP"] = str(stored)

        def theirs() -> None:
            _run([sys.executable, "-W", "ignore", "-c", SHIM, *folders, "--device", "cpu"], environment)

        def ours() -> None:
            """The made-up file has another checksum than the published one."""
            code = "import sys; from smis.core import weights; weights.check = lambda path, wanted: None\n"
            code += "from smis.cli import main; sys.exit(main(sys.argv[1:]))"
            _run([sys.executable, "-c", code, "metrics", "fid", *folders, "--device", "cpu", "--json"], environment)

        ways = {"pytorch_fid": theirs, "ours": ours}
        case = {"what": "FID of folders", "images": 2 * options.images, "size": options.size}
        return case | compare(ways, repeats=options.repeats, warm=False)


def _photographs(folder: Path, options: argparse.Namespace, *, seed: int) -> str:
    folder.mkdir()
    numbers = torch.Generator().manual_seed(seed)
    for number in range(options.images):
        coarse = torch.rand(1, 3, 16, 16, generator=numbers)
        image = F.interpolate(coarse, size=(options.size, options.size), mode="bicubic")[0]
        image = (image + 0.02 * torch.randn(image.shape, generator=numbers)).clamp(0, 1)
        picture = (image * 255).byte().permute(1, 2, 0).numpy()
        Image.fromarray(picture).save(folder / f"{number:05d}.png", compress_level=1)
    return str(folder)


def _run(command: list[str], environment: dict[str, str]) -> None:
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
