"""How much memory `smis metrics fid` needs: as much for many pictures as for few."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SIDE = 640
PICTURE = SIDE * SIDE * 3
AT_ONCE = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
"""What glibc is told: what was freed is given back, so that no two runs differ by what it kept."""
MEASURED = """
import resource, sys
import torch
from smis.cli import main
from smis.metrics.image import inception

class Means(torch.nn.Linear):
    def forward(self, image):
        return super().forward(image.mean(dim=(2, 3)))

inception.DIMENSIONS = 8  # what compares two large Gaussians would hide what many pictures need
inception.load = lambda: Means(3, 8)
assert main(["metrics", "fid", sys.argv[1], sys.argv[1], "--batch", "2", "--workers", "1"]) == 0
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def peak(folder: Path, count: int) -> int:
    """Bytes that a process of its own has had at once; of one file many pictures are made."""
    folder.mkdir()
    Image.fromarray(np.arange(PICTURE, dtype=np.uint32).astype(np.uint8).reshape(SIDE, SIDE, 3)).save(folder / "0.png")
    for number in range(1, count):
        os.link(folder / "0.png", folder / f"{number}.png")
    asked, told = [sys.executable, "-c", MEASURED, str(folder)], os.environ | AT_ONCE
    done = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60, env=told)
    return int(done.stdout.splitlines()[-1])


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to give memory back at once")
def test_four_times_as_many_pictures_need_no_more_memory(tmp_path: Path) -> None:
    """Runs differ by 1 MiB; a byte of each channel of the pictures that are more would be 42 MiB."""
    few, many = peak(tmp_path / "few", 12), peak(tmp_path / "many", 48)
    assert many - few < 36 * PICTURE // 4
