"""params.yaml and sweep files that are no YAML, bombs, of another encoding, or of wrong types."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from flows import dag
from pipelines import params, stage
from smis.core.errors import ParamsError, SmisError

ROOT = Path(__file__).parents[2]
GOOD = (ROOT / "params.yaml").read_text()


def _text(change: Callable[[str], str]) -> Callable[[Path], object]:
    return lambda path: path.write_text(change(GOOD))


def _bytes(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def _section(name: str, text: str) -> Callable[[Path], object]:
    """Replace a section by text."""

    def change(whole: str) -> str:
        lines = whole.split("\n")
        start = next(number for number, line in enumerate(lines) if line.startswith(f"{name}:"))
        stop = next(
            number for number in range(start + 1, len(lines) + 1) if number == len(lines) or lines[number][:1].isalpha()
        )
        return "\n".join([*lines[:start], f"{name}: {text}", *lines[stop:]])

    return _text(change)


def _axes(text: str) -> Callable[[Path], object]:
    return _section("axes", "{" + text + ", seed: [0]}")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(12)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} {{<<: [{', '.join(['*' + chr(97 + n)] * 10)}]}}\n" for n in range(12)
)
PIECES = {
    *("a: ", "b: ", "- ", "\n", "  ", "? ", ": ", "&a ", "*a", "[", "]", "{", "}", ",", "<<: ", "|", ">", "---\n"),
    *("!!int ", "!!float ", "!!bool ", "!!timestamp ", "!!binary ", "!!set ", "!!omap ", "!!pairs ", "!!null "),
    *("0x", "1_0", "12:60", ".inf", "1e999", "2026-02-30", "'", '"', "\\x", "%YAML 9.9\n", "\u2028", "\0"),
}  # fmt: skip
FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "is missing": (lambda path: None, "cannot read|no such file"),
    "is empty": (_bytes(b""), "no sections"),
    "is a list": (_bytes(b"- a\n- b\n"), "no sections"),
    "is a number": (_bytes(b"12"), "no sections"),
    "is UTF-16": (_bytes(GOOD.encode("utf-16")), "UTF-8"),
    "is Latin-1": (_bytes(b"axes: {dataset: [caf\xe9]}"), "UTF-8"),
    "is binary": (_bytes(bytes(range(256))), "UTF-8|YAML"),
    "has a NUL": (_bytes(b"axes: \x00"), "YAML"),
    "has a tab": (_bytes(b"axes:\n\tdataset: [a]"), "YAML"),
    "has an unclosed bracket": (_bytes(b"axes: [a"), "YAML"),
    "has an impossible date": (_text(lambda text: f"{text}\nwhen: 2026-13-45\n"), "YAML|2026|when"),
    "has a huge number": (_section("sample", "{label_maps: " + "9" * 5000 + "}"), "label_maps|number"),
    "has an infinite number": (_section("sample", "{label_maps: .inf}"), "label_maps"),
    "has NaN": (_section("sample", "{label_maps: .nan}"), "label_maps"),
    "is nested 20,000 deep": (_bytes(b"a: " + b"[" * 20_000 + b"]" * 20_000), "YAML|nested"),
    "is an alias bomb": (_bytes(BOMB.encode()), "alias"),
    "is a bomb of merges": (_bytes(MERGES.encode()), "alias"),
    "refers to itself": (_bytes(b"axes: &a [*a]"), "alias"),
    "has itself as a key": (_bytes(b"&a {*a : 1}"), "alias"),
    "is longer than any": (_bytes(b"# comment\n" * 2_000_000), "MiB"),
    "is a long list": (_section("axes", f"{{dataset: [{'7, ' * 20_000}], system: [vspade]}}"), "axes.dataset"),
    "has a huge number in hexadecimal": (_section("sample", "{label_maps: 0x" + "f" * 9000 + "}"), "digits"),
    "has an impossible time": (_text(lambda text: f"{text}\nwhen: 2026-11-30 25:61:61\n"), "YAML|2026|when"),
    "says that text is a number": (_section("sample", "{label_maps: !!int x}"), "'x' is no int"),
    "says that nothing is a number": (_section("sample", "{label_maps: !!int ''}"), "is no int"),
    "says that text is true": (_section("sample", "{label_maps: !!bool x}"), "'x' is no bool"),
    "says that text is a date": (_section("sample", "{label_maps: !!timestamp x}"), "'x' is no timestamp"),
    "says that a list is a number": (_section("sample", "{label_maps: !!int [1]}"), "YAML"),
    "is UTF-32": (_bytes(GOOD.encode("utf-32")), "UTF-8"),
    "is half a character": (_bytes(GOOD.encode() + b"\xc3"), "UTF-8"),
    "has a lone surrogate": (_bytes(b"axes: \xed\xa0\x80"), "UTF-8"),
    "names Python objects": (_bytes(b"axes: !!python/object/apply:os.system ['true']"), "YAML"),
    "has an unknown tag": (_bytes(b"axes: !thing 3"), "YAML"),
    "has a section twice": (_text(lambda text: f"{text}\ntrain: {{steps: 3}}\n"), "twice|duplicate"),
    "has a key twice in a section": (_section("train", "{steps: 3, steps: 4}"), "twice|duplicate"),
    "has two documents": (_text(lambda text: f"{text}\n---\na: 1\n"), "YAML"),
    "has a section with a number for a name": (_text(lambda text: f"{text}\n7: 1\n"), "7"),
    "has a section without a name": (_text(lambda text: f"{text}\n? [a, b]\n: 1\n"), "YAML|section"),
    "is a folder": (lambda path: path.mkdir(), "cannot read"),
    "is a FIFO": (lambda path: os.mkfifo(path), "file"),
    "leads to a device": (lambda path: path.symlink_to("/dev/zero"), "file"),
    "leads nowhere": (lambda path: path.symlink_to("nowhere"), "cannot read|link"),
    "leads to itself": (lambda path: path.symlink_to(path), "cannot read|link"),
    **{
        f"has {name} as {text}": (_section(name, text), name)
        for name in ("axes", "datasets", "systems", *params.STAGES[1:6], "validation")
        for text in ("7", "[1, 2]", "hello", "[]", "'{}'")
    },
    "has no data set": (_axes("dataset: [], system: [vspade]"), "dataset"),
    "has no system": (_axes("dataset: [paperdoll], system: []"), "system"),
    "has a data set twice": (_axes("dataset: [paperdoll, paperdoll], system: [vspade]"), "paperdoll"),
    "has a system that runs a shell": (_axes("dataset: [paperdoll], system: ['x$(touch pwned)']"), "x"),
    "has an unknown system": (_axes("dataset: [paperdoll], system: [vspad]"), "vspad"),
    "has an unknown data set": (_axes("dataset: [papperdoll], system: [vspade]"), "papperdoll"),
}  # fmt: skip

VALUES = {
    "train.steps": ["-1", "0.5", "x", "1.0e+12", "null", "[]", "true", ".nan", "'" + "9" * 5000 + "'"],
    "train.explodes_at": [".inf", "inf", "1.0e+999", "nan"],
    "train.keep": ["x" * 100_000],
    "systems.vspade.preset": ["[]", "{}", "null", "7", "paperdol"],
    "systems.vspade.multiples": [
        "[]",
        "[1]",
        "[0]",
        "7",
        "[1000000000, 8, 8, 8, 8, 4, 2, 1]",
        "[8, 8, 8, 8, 8, 4, 2, 1, 1]",
    ],
    "segmenter.depth": ["7", "2"],
    "systems.vspade.width": ["0", "-1", "x", ".inf"],
    "systems.inade.losses.kl": ["-1", ".inf", ".nan", "x"],
    "train.batch": ["0", "-1", "x", "null", "1.5"],
    "train.betas": ["[0.5, 2.0]", "[0.5]", "0.5", "[x, y]", "[-0.1, 0.9]", "[.nan, 0.9]"],
    "train.lr_generator": ["-1", "0", ".inf", ".nan", "x", "null"],
    "train.lr_discriminator": ["-1", "0", ".inf", ".nan", "x"],
    "evaluate.resamples": ["0", "-1", "x", "1.5"],
    "sample.samples": ["0", "1", "-1", "x"],
    "datasets.paperdoll.size": ["65", "72", "0", "-64", "x", "[64, 64, 64]", "1000000000"],
}


def _with_value(path: str, value: str) -> str:
    whole = yaml.safe_load(GOOD)
    *sections, last = path.split(".")
    place = whole
    for section in sections:
        place = place.setdefault(section, {})
    place[last] = yaml.safe_load(value)
    return yaml.safe_dump(whole)


@pytest.mark.parametrize("fault", FILES)
def test_a_bad_params_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: str) -> None:
    monkeypatch.chdir(tmp_path)  # whose name has the fault's words
    write, words = FILES[fault]
    write(params.PATH)
    with pytest.raises(SmisError, match=words) as refused:
        params.check()
    assert "params.yaml" in str(refused.value)
    assert len(str(refused.value)) < 2000


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, values in VALUES.items() for value in values])
def test_a_bad_value_is_refused_by_its_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str, value: str
) -> None:
    monkeypatch.chdir(tmp_path)
    params.PATH.write_text(_with_value(path, value))
    with pytest.raises(SmisError, match=path.rpartition(".")[2]):
        params.check()


def test_what_looks_like_a_fault_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    text = """\
base: &base {width: 16, when: 2026-11-30, deep: [[[[[[1]]]]]]}
again: {<<: *base, width: 32, "1": text, 1: number, one: 0x10, rate: 1e-4, off: 012}
same: [*base, *base]
"""
    params.PATH.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    read = params.read_yaml(params.PATH)
    assert read == yaml.safe_load(text)
    assert read["again"]["width"] == 32
    params.PATH.write_text(GOOD)
    params.PATH.rename("elsewhere")
    params.PATH.symlink_to("elsewhere")
    assert params.read_yaml(params.PATH) == yaml.safe_load(GOOD)


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=60)
    | st.text(alphabet="ab:-[]{}&*!?|>'\"#%@,.\n\t 0123456789<=~ex", max_size=60).map(str.encode)
    | st.lists(st.sampled_from(sorted(PIECES)), max_size=12).map("".join).map(str.encode)
)
def test_junk_is_read_or_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, suppress(ParamsError):
        path = Path(folder, "params.yaml")
        path.write_bytes(content)
        assert isinstance(params.read_yaml(path), dict)


@pytest.mark.parametrize("file", ["config", "config.local"])
def test_a_copy_without_git_is_told_what_dvc_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").write_text("[core]\n    analytics = false\n['remote \"a\"']\n    url = s3://a%b\n")
    with pytest.raises(ParamsError, match=r"no git repository.*git init.*no_scm"):
        params.check_changes()
    with (tmp_path / ".dvc" / file).open("a") as config:
        config.write("[core]\n    no_scm = true\n")
    with pytest.raises(ParamsError, match=r"cannot read params\.yaml"):
        params.check_changes()


@pytest.mark.parametrize("name", ["x$(touch pwned)", "x;y", "x y", "../x", "-x", "", "x'", "x\n", "..", "a/b", "é"])
def test_a_stage_refuses_what_is_no_plain_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:

    monkeypatch.setattr("sys.argv", ["stage", name, "vspade"])
    with pytest.raises(ParamsError):
        stage.arguments(lambda dataset, system: None)


def test_stages_and_flows_allow_the_same_names() -> None:

    assert stage.NAME == dag.NAME
