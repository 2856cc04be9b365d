import json
from pathlib import Path

import pytest
import torch

from pipelines import segmenter as stage
from smis.metrics.segmenter import load
from tests.pipelines.measured import COUNTS, lay_out

OUT = Path("runs/paperdoll/segmenter.safetensors")


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path)
    monkeypatch.chdir(tmp_path)


def test_the_same_seed_gives_the_same_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    stage.main("paperdoll")
    first = OUT.read_bytes()
    OUT.unlink()
    stage.main("paperdoll")
    assert OUT.read_bytes() == first
    assert "mIoU_real" in capsys.readouterr().out


def test_the_file_says_how_well_it_does_on_real_test_images() -> None:
    stage.main("paperdoll")
    results = load(OUT, device=torch.device("cpu")).facts["results"]
    assert set(results) == {"mIoU_real", "accuracy_real"}
    assert results["mIoU_real"]["protocol"]["label_maps"] == COUNTS["test"]
    assert 0 < results["accuracy_real"]["value"] <= 1
    json.dumps(results, allow_nan=False)
