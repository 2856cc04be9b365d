"""Whatever comes in over a border is taken or refused, and nothing else happens (properties)."""

import tempfile
from contextlib import suppress
from pathlib import Path
from string import printable

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import flows.addresses
import pipelines.tracking.server_address
from pipelines.tracking.server_address import is_sound
from smis.cli import main
from smis.core.errors import DiskError
from smis.core.files import written, written_folder
from smis.core.numbers import parse_whole
from smis.training.checkpoints import CheckpointManager

FEW = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ADDRESSES = [flows.addresses, pipelines.tracking.server_address]
NAMES = st.text(st.characters(codec="utf-8") | st.sampled_from("/\0. ~\udcff"), max_size=300)


@FEW
@given(text=st.text(max_size=20) | st.integers().map(str) | st.floats().map(str), low=st.integers(0, 9))
def test_a_number_of_a_command_line_is_in_its_range(text: str, low: int) -> None:
    number = parse_whole(text, low=low, high=1000)
    assert number is None or low <= number <= 1000
    assert (number is not None) == (text.isdecimal() and len(text) < 5 and low <= int(text) <= 1000)


@FEW
@given(
    text=st.text(max_size=20) | st.integers(-9, 0).map(str) | st.integers(10**5, 10**30).map(str) | st.floats().map(str)
)
def test_what_is_no_number_of_samples_ends_in_one_line(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    if parse_whole(text, low=1, high=10_000) is None:
        with pytest.raises(SystemExit, match="2"):
            main(["generate", "X.safetensors", "map.png", "--out", "out", f"--samples={text}"])
        assert "error: argument --samples: " in capsys.readouterr().err.splitlines()[-1]


@FEW
@given(name=NAMES, folder=st.booleans())
def test_an_output_is_written_whole_or_not_at_all(name: str, folder: bool) -> None:
    with tempfile.TemporaryDirectory() as place:
        root = Path(place, "root")
        root.mkdir()
        path = root / name.lstrip("/").replace("..", "")
        with suppress(DiskError), (written_folder if folder else written)(path) as beside:
            (beside / "one" if folder else beside).write_text("whole", encoding="utf-8")
        files = [each for each in root.rglob("*") if each.is_file()]
        assert files in ([], [path / "one" if folder else path])
        assert all(each.read_text(encoding="utf-8") == "whole" for each in files)


@FEW
@given(place=st.floats(0, 1), byte=st.integers(1, 255), cut=st.booleans())
def test_a_changed_state_is_refused_whole_or_read_as_it_was(tmp_path: Path, place: float, byte: int, cut: bool) -> None:
    path = tmp_path / "step-00000002.pt"
    if not path.exists():
        for step in (1, 2):
            with CheckpointManager(tmp_path, {"seed": 0}) as checkpoints:
                checkpoints.save(step, {"step": step, "a": torch.full((50,), float(step))})
    whole = path.read_bytes()
    at = int(place * (len(whole) - 1))
    path.write_bytes(whole[:at] if cut else whole[:at] + bytes([whole[at] ^ byte]) + whole[at + 1 :])
    state = CheckpointManager(tmp_path, {"seed": 0}).load_newest()
    path.write_bytes(whole)
    assert state is not None
    assert state["a"].equal(torch.full((50,), float(state["step"])))


@FEW
@given(
    scheme=st.sampled_from(["http", "https", "postgresql", "postgresql+psycopg2", "mysql"]),
    user=st.text("abc:%", max_size=5),
    after=st.text(printable, max_size=12),
)
@pytest.mark.parametrize("module", ADDRESSES)
def test_no_address_shows_its_password(module: object, scheme: str, user: str, after: str) -> None:
    address = f"{scheme}://{user}:countess@{after}"
    shown = module.without_credentials(address)  # pyright: ignore[reportAttributeAccessIssue]
    assert "countess" not in shown
    assert isinstance(is_sound(address), bool)
