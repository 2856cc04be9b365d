"""Workspaces and sweep files that flows cannot use: exit code 2, before Prefect starts or a file is written."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import experiment, yaml_reader
from flows.exceptions import FlowError
from flows.sweep.__main__ import main as sweep
from pipelines import params
from smis.core.errors import ParamsError
from tests.bad_input.test_params import BOMB, FILES, GOOD
from tests.flows.sweeps import DVC, PARAMS
from tests.servers import free_port

pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")  # pygtrie's, inside DVC
SPACE = "objectives: {FD: minimize}\nspace: {train.rate: [0.1, 0.2]}\nsystems: [one]\n"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A workspace that is fine, as the current folder; Prefect does not start in it."""
    folder = tmp_path / "workspace"
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    texts = {"dvc.yaml": DVC, "params.yaml": PARAMS, "tool.py": "", "s.yaml": SPACE}
    for name, text in texts.items():
        (folder / name).write_text(text)
    monkeypatch.chdir(folder)
    with mock.patch("signal.signal"), mock.patch("flows.command.is_healthy", return_value=False):
        yield folder


def refused(main: Callable[[list[str]], None], arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    before = listing()
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert listing() == before
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert "Traceback" not in printed
    assert len(printed) < 2000
    return printed.removeprefix("error: ").strip()


def listing() -> list[str]:
    mine = (os.path.join(folder, name) for folder, _, names in os.walk(".") for name in names)
    return sorted(name for name in mine if not name.startswith("./.dvc/tmp"))


@pytest.mark.parametrize("fault", FILES)
def test_flows_and_stages_refuse_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    monkeypatch.chdir(tmp_path)
    FILES[fault][0](params.PATH)
    try:
        content = params.read_yaml(params.PATH)
    except ParamsError:
        with pytest.raises(FlowError, match=r"params\.yaml"):
            yaml_reader.read_yaml(params.PATH)
    else:
        assert repr(yaml_reader.read_yaml(params.PATH)) == repr(content)  # repr: NaN is unlike itself


def test_a_good_file_is_read_by_both_and_its_numbers_as_dvc_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(GOOD)
    assert yaml_reader.read_yaml(path) == params.read_yaml(path) == yaml_reader.read_params(path)
    path.write_text("base: &base {rate: 1e-4}\nother: {<<: *base, steps: 3}\n")
    assert yaml_reader.read_params(path)["other"] == {"rate": 1e-4, "steps": 3}


WORKSPACES: dict[str, tuple[Callable[[Path], object], str]] = {
    "has no params.yaml": (lambda root: (root / "params.yaml").unlink(), "params.yaml"),
    "has an empty params.yaml": (lambda root: _params(root, ""), "params.yaml has no sections"),
    "has a pipe as params.yaml": (lambda root: _replaced(root / "params.yaml", os.mkfifo), "no regular file"),
    "has a folder as params.yaml": (lambda root: _replaced(root / "params.yaml", os.mkdir), "is a directory"),
    "has a broken params.yaml": (lambda root: _params(root, "axes: [a"), "not YAML"),
    "has params.yaml in UTF-16": (lambda root: (root / "params.yaml").write_text(PARAMS, "utf-16"), "not UTF-8"),
    "has an alias bomb": (lambda root: _params(root, f"{PARAMS}{BOMB}"), "alias"),
    "has a section twice": (lambda root: _params(root, f"{PARAMS}train: {{}}\n"), "'train' is there twice"),
    "has no axes": (lambda root: _axes(root, "axes: {}"), "axes"),
    "has axes of text": (lambda root: _axes(root, "axes: text"), "axes"),
    "has a list of axes": (lambda root: _axes(root, "axes: [a, b]"), "axes"),
    "has no systems": (lambda root: _axes(root, "axes: {dataset: [doll], system: []}"), "system|no cells"),
    "has no data sets": (lambda root: _axes(root, "axes: {dataset: [], system: [one]}"), "dataset|no cells"),
    "has null for systems": (lambda root: _axes(root, "axes: {dataset: [doll], system: null}"), "system"),
    "has a number for systems": (lambda root: _axes(root, "axes: {dataset: [doll], system: 7}"), "system"),
    "has .scratch as a file": (lambda root: (root / ".scratch").write_text(""), r"^\.scratch is no folder"),
    "has .scratch as a broken link": (lambda root: (root / ".scratch").symlink_to("x"), r"^\.scratch is no folder"),
}  # fmt: skip


@pytest.mark.parametrize("main", [lambda _: experiment.main([]), sweep], ids=["experiment", "sweep"])
@pytest.mark.parametrize("fault", WORKSPACES)
def test_a_workspace_that_is_damaged_starts_nothing(
    workspace: Path, fault: str, main: Callable[[list[str]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    damage, words = WORKSPACES[fault]
    damage(workspace)
    assert _matches(words, refused(main, ["--space", "s.yaml"], capsys))


SPACES: dict[str, tuple[str | bytes, str]] = {
    "is empty": ("", "no sections"),
    "is a list": ("- a", "no sections"),
    "is text": ("hello", "no sections"),
    "is in Latin-1": (b"name: caf\xe9", "not UTF-8"),
    "is in UTF-16": (SPACE.encode("utf-16"), "not UTF-8"),
    "is binary": (bytes(range(256)), "not UTF-8"),
    "is an alias bomb": (BOMB, "alias"),
    "refers to itself": ("objectives: &a [*a]", "alias"),
    "has a key twice": (f"{SPACE}trials: 3\ntrials: 4\n", "'trials' is there twice"),
    "has a parameter twice": ("objectives: {FD: minimize}\nspace: {train.rate: [1], train.rate: [2]}", "twice"),
    "is nested deeply": ("objectives: " + "[" * 5000, "nested"),
    "has an impossible date": ("name: 2026-02-30", "YAML"),
    "has a huge number": (f"trials: {'9' * 5000}", "digits"),
    "names Python objects": ("name: !!python/object/apply:os.system ['true']", "YAML"),
    "has no objectives": ("space: {train.rate: [0.1]}", "objectives"),
    "has an unknown option": (f"{SPACE}trails: 3", "trails"),
    "has a section of text": ("objectives: {FD: minimize}\nspace: text", "space"),
    "has a section of numbers": ("objectives: 7", "objectives"),
    "has an unknown path": ("objectives: {FD: minimize}\nspace: {train.rat: [1]}", "train.rat"),
    "has an unknown section": ("objectives: {FD: minimize}\nspace: {trin.rate: [1]}", "trin"),
    "has a path that is none": ("objectives: {FD: minimize}\nspace: {'a b': [1]}", "space"),
    "has a number for a path": ("objectives: {FD: minimize}\nspace: {7: [1]}", "space"),
    "has an unknown system": ("objectives: {FD: minimize}\nsystems: [nine]", "nine"),
    "has a system with a command": ("objectives: {FD: minimize}\nsystems: ['x$(touch pwned)']", "systems"),
    "has no number of trials": (f"{SPACE}trials: 0", "trials"),
    "has astronomically many trials": (f"{SPACE}trials: 1.0e+12", "trials"),
    "has an infinite number of trials": (f"{SPACE}trials: .inf", "trials"),
    "has infinite choices": ("objectives: {FD: minimize}\nspace: {train.rate: [.inf]}", "finite"),
    "has an infinite range": ("objectives: {FD: minimize}\nspace: {train.rate: {low: 0, high: .inf}}", "finite"),
    "has a range that is none": ("objectives: {FD: minimize}\nspace: {train.rate: {low: 2, high: 1}}", "less"),
    "has a name that is a path": (f"{SPACE}name: ../../x", "name"),
}  # fmt: skip


@pytest.mark.parametrize("fault", SPACES)
def test_a_sweep_file_that_is_wrong_starts_nothing(
    workspace: Path, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text, words = SPACES[fault]
    (workspace / "s.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert _matches(words, refused(sweep, ["--space", "s.yaml"], capsys))


PLACES: dict[str, tuple[Callable[[Path], object], str]] = {
    "is missing": (lambda path: None, "cannot read"),
    "is a folder": (lambda path: path.mkdir(), "cannot read"),
    "is a pipe": (lambda path: os.mkfifo(path), "no regular file"),
    "is a device": (lambda path: path.symlink_to("/dev/zero"), "no regular file"),
    "leads to itself": (lambda path: path.symlink_to(path), "cannot read"),
}


@pytest.mark.parametrize("fault", PLACES)
@pytest.mark.usefixtures("workspace")
def test_a_sweep_file_that_is_no_file_starts_nothing(fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    make, words = PLACES[fault]
    make(Path("other.yaml"))
    assert _matches(words, refused(sweep, ["--space", "other.yaml"], capsys))


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null", "[" * 5000, "\0"])
def test_broken_metrics_are_named(workspace: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = workspace / "metrics/doll/one/seed-0.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert "metrics/doll/one/seed-0.json" in refused(sweep, ["--space", "s.yaml"], capsys)


@pytest.mark.parametrize("main", [lambda _: experiment.main([]), sweep], ids=["experiment", "sweep"])
@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{port}/api", "127.0.0.1:{port}", "nonsense", "http://nowhere.invalid/api"]
)
@pytest.mark.usefixtures("workspace")
def test_a_server_that_does_not_answer_is_named(
    address: str, main: Callable[[list[str]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    api = address.format(port=free_port())
    with temporary_settings({PREFECT_API_URL: api}):
        told = refused(main, ["--space", "s.yaml"], capsys)
    assert api in told
    assert "PREFECT_API_URL" in told


@pytest.mark.parametrize(("name", "value"), [("PREFECT_API_URL", "http://["), ("PREFECT_CLIENT_MAX_RETRIES", "many")])
def test_a_setting_that_prefect_refuses_is_one_line(name: str, value: str) -> None:
    command = [sys.executable, "-m", "flows.experiment"]
    ended = subprocess.run(command, env=os.environ | {name: value}, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: Prefect refuses its settings (")
    assert name in line


@pytest.mark.usefixtures("workspace")
def test_what_a_message_quotes_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    Path("s.yaml").write_text('objectives: {FD: minimize}\nspace: {"a\\e[31mb": [1]}\n')
    assert "\x1b" not in refused(sweep, ["--space", "s.yaml"], capsys)


def _matches(words: str, text: str) -> bool:
    assert re.search(words, text), text
    return True


def _params(root: Path, text: str) -> None:
    (root / "params.yaml").write_text(text)


def _axes(root: Path, line: str) -> None:
    _params(root, PARAMS.replace(PARAMS.splitlines()[1], line))


def _replaced(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)
