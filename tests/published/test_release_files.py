import argparse
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from smis.core.errors import CheckpointError
from smis.published.release_files import read_tensors


class Command:
    """What a bad file would run when it is read."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.trace}",)


STATE = {"fc.weight": torch.randn(3, 4), "norm.num_batches_tracked": torch.tensor(7)}


@pytest.mark.parametrize("zipped", [True, False], ids=["since torch 1.6", "before torch 1.6"])
def test_a_state_is_read_bit_for_bit(tmp_path: Path, zipped: bool) -> None:
    torch.save(STATE, tmp_path / "G.pth", _use_new_zipfile_serialization=zipped)
    found = read_tensors(tmp_path / "G.pth")
    assert list(found) == list(STATE)
    assert all(found[name].dtype == tensor.dtype and found[name].equal(tensor) for name, tensor in STATE.items())


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_named_and_not_run(tmp_path: Path, zipped: bool) -> None:
    trace = tmp_path / "it_ran"
    torch.save({**STATE, "extra": Command(trace)}, tmp_path / "G.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"G.pth holds code \(\w+.system\), not only tensors; nothing in it was"):
        read_tensors(tmp_path / "G.pth")
    assert not trace.exists()


def test_options_beside_the_weights_are_refused(tmp_path: Path) -> None:
    torch.save({"net": STATE, "opt": argparse.Namespace(ngf=64)}, tmp_path / "G.pth")
    with pytest.raises(CheckpointError, match=r"holds code \(argparse.Namespace\)"):
        read_tensors(tmp_path / "G.pth")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_file_that_is_not_whole_is_one_line(tmp_path: Path, share: float, zipped: bool) -> None:
    path = tmp_path / "G.pth"
    torch.save(STATE, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CheckpointError, match=r"^\S+G.pth is broken .*; was it downloaded to its end\?$"):
        read_tensors(path)


@pytest.mark.parametrize("text", ["<html>404</html>", "hello", "\x80"])
def test_a_page_instead_of_a_file_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "G.pth").write_text(text)
    with pytest.raises(CheckpointError, match=r"is broken or no file of torch.save"):
        read_tensors(tmp_path / "G.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.ones(1)], "holds a list, not names with their tensors"),
        ({"state_dict": STATE}, "no plain list of tensors: 'state_dict' is a dict"),
        ({0: torch.ones(1)}, "no plain list of tensors: 0 is a Tensor"),
        ({**STATE, "epoch": 3}, "no plain list of tensors: 'epoch' is a int"),
    ],
)
def test_anything_but_names_with_tensors_is_refused(tmp_path: Path, content: Any, message: str) -> None:
    torch.save(content, tmp_path / "G.pth")
    with pytest.raises(CheckpointError, match=message):
        read_tensors(tmp_path / "G.pth")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.pth", "there is no file .*; give the place of a released latest_net_"),
        ("", "it is a folder; give a file"),
    ],
)
def test_a_missing_file_is_one_line(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        read_tensors(tmp_path / name)
