"""Files and folders that belong to somebody else."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import torch

import smis
from smis.cli import main
from smis.core.errors import SmisError
from smis.data.samples import read_samples
from smis.data.shards import Prepared
from smis.data.writer import write
from smis.metrics import segmenter
from smis.metrics.image.feature_statistics import Statistics
from smis.training.checkpoints import CheckpointManager
from smis.training.export import load_weights
from tests.data.conftest import header, samples

_NOBODY = 65534
GENERATE = "generate {place}/groupdnet.safetensors {place}/labels/a.png"
LINES = {
    "groupdnet.safetensors": f"{GENERATE} --out {{out}}",
    "labels/a.png": f"{GENERATE} --out {{out}}",
    "labels": "generate {place}/groupdnet.safetensors {place}/labels --out {out}",
    "images/a.png": f"{GENERATE} --image {{place}}/images/a.png --out {{out}}",
    "images": f"{GENERATE} --image {{place}}/images --out {{out}}",
    "instances/a.png": (
        "generate {place}/inade.safetensors {place}/labels/a.png --instance-maps {place}/instances/a.png --out {out}"
    ),
    "spade.safetensors": "export-checkpoint {place}/spade.safetensors --to released --out {out}",
    "latest_net_G.pth": "import-checkpoint {place}/latest_net_G.pth --release smis --preset paperdoll --out {out}",
    "small": "data check {place}/small",
    "small/index.parquet": "data check {place}/small",
    "small/train-00000.arrow": "data check {place}/small",
    "maps": "metrics segmentation {place}/labels {place}/maps --classes 6",
    "maps/a.png": "metrics segmentation {place}/labels {place}/maps --classes 6",
}
READERS: dict[str, Callable[[Path], object]] = {
    "checkpoint": load_weights,
    "style": lambda path: smis.load(path.with_name("groupdnet.safetensors"), device="cpu").style(path),
    "samples": read_samples,
    "statistics": Statistics.read,
    "prepared": lambda path: Prepared(path.parent),
    "segmenter": lambda path: segmenter.load(path, device=torch.device("cpu")),
}


@pytest.fixture
def place(good: Path) -> Iterator[Path]:
    """The good files where another user may go, which is not so of pytest's own folder."""
    with tempfile.TemporaryDirectory(prefix="smis-test-") as folder:
        os.chmod(folder, 0o755)
        root = Path(folder, "place")
        shutil.copytree(good, root)
        root.chmod(0o755)
        shutil.copytree(root / "labels", root / "maps")
        torch.save({"fc.weight": torch.zeros(1)}, root / "latest_net_G.pth")
        write(root / "small", samples(train=5, test=2), header=header())
        yield root
        for path in root.rglob("*"):
            path.chmod(0o755)


@contextmanager
def another_user() -> Iterator[None]:
    """Root may read everything; whoever is not root has no rights by the file's mode alone."""
    if os.geteuid():
        yield
        return
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("name", LINES)
def test_what_may_not_be_read_is_named(place: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    line = LINES[name].format(place=place, out=place.parent / "out").split()
    main(line)  # Python's own library may be closed to others, so that all of it has to be imported before
    shutil.rmtree(place.parent / "out", ignore_errors=True)
    (place.parent / "out").unlink(missing_ok=True)
    capsys.readouterr()
    (place / name).chmod(0)
    with another_user():
        code = main(line)
    said = capsys.readouterr().err
    assert code == 2, said
    assert said.count("\n") == 1, said
    assert Path(name).name in said
    assert "permission denied" in said.lower()
    assert not (place.parent / "out").exists()


@pytest.mark.parametrize("kind", READERS)
def test_the_library_names_what_it_may_not_read(place: Path, kind: str) -> None:
    path = place / ("index.parquet" if kind == "prepared" else f"{kind}.safetensors")
    path.write_bytes(b"")
    with suppress(SmisError):
        READERS[kind](path)
    path.chmod(0)
    with another_user(), pytest.raises(SmisError, match=rf"{path.name}.*ermission denied") as refused:
        READERS[kind](path)
    assert "\n" not in str(refused.value)


def test_a_state_that_may_not_be_read_gives_way_to_the_one_before(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = place / "states"
    with CheckpointManager(folder, {"seed": 0}) as checkpoints:
        for step in (1, 2):
            checkpoints.save(step, {"step": step})
    (folder / "step-00000002.pt").chmod(0)
    CheckpointManager(folder, {"seed": 0}).load_newest()
    with another_user():
        state = CheckpointManager(folder, {"seed": 0}).load_newest()
    assert state is not None
    assert state["step"] == 1
    assert "step-00000002.pt" in capsys.readouterr().err


@pytest.mark.parametrize(
    "verb",
    [
        "generate {place}/groupdnet.safetensors {place}/labels/a.png",
        "export-checkpoint {place}/spade.safetensors --to program",
        "data show {place}/small",
    ],
)
def test_a_place_that_may_not_be_written_is_named(place: Path, capsys: pytest.CaptureFixture[str], verb: str) -> None:
    closed = place.parent / "closed"
    closed.mkdir(mode=0o555)
    line = [*verb.format(place=place).split(), "--out", str(closed / "out")]
    assert main([*line[:-1], str(place / "out")]) == 0
    capsys.readouterr()
    with another_user():
        code = main(line)
    said = capsys.readouterr().err
    assert code == 2, said
    assert said.count("\n") == 1, said
    assert "permission denied" in said
    assert list(closed.iterdir()) == []
    assert np.array_equal(sorted(os.listdir(place.parent)), ["closed", "place"])
