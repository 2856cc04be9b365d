"""Commands that pages show, in blocks of code and in lines, and what is wrong with them."""

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from dvc.cli.parser import get_main_parser

from smis.cli import full_parser

ROOT = Path(__file__).parents[2]
PAGES = (
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/results/README.md")),
    *sorted((ROOT / "smis/zoo/models").glob("*/README.md")),
)
_BLOCK = re.compile(r"^ *```(?P<language>[a-z]*)[^\n]*\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_SHOWN = re.compile(r"^(?:[A-Z_]+=\S+ )*(?:exec |nohup )?(?P<command>(?:smis|make|dvc|python -m|python) [^|]+)")
_PLACEHOLDER = re.compile(r"[A-Z][A-Z_]*|\.\.\.|.*\$.*")
_TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of each command of a page."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in _BLOCK.finditer(text) if block["language"] in ("", "bash", "sh", "console")
             for line in block["text"].replace("\\\n", " ").splitlines()]  # fmt: skip
    for line in [*lines, *_SPAN.findall(_BLOCK.sub("", text))]:
        for part in re.split(r"&&|;|\||^\$ ", line):
            if found := _SHOWN.match(part.strip()):
                yield _words(found["command"])


def mistake(words: list[str]) -> str | None:
    """Return what is wrong with a command; None if it is right."""
    program, *rest = words
    if program in ("smis", "dvc"):
        return _wrong_argument(_parsers()[program], rest)
    if program == "make":
        return next((f"make has no target {each}" for each in rest if each not in _targets() and "=" not in each), None)
    if rest[0] == "-m":
        return None if _PLACEHOLDER.fullmatch(rest[1].rpartition(".")[2]) else _wrong_module(rest[1], rest[2:])
    return None if not rest[0].endswith(".py") or (ROOT / rest[0]).exists() else f"there is no {rest[0]}"


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command, comments=True)
    except ValueError:  # an apostrophe in a remark
        words = command.split()
    return [word for word in words if word != "&"]


def _wrong_argument(parser: argparse.ArgumentParser, words: list[str]) -> str | None:
    verbs = next((each for each in parser._actions if isinstance(each, argparse._SubParsersAction)), None)
    for place, word in enumerate(words):
        if word.startswith("--") or re.fullmatch(r"-[a-zA-Z]", word):
            if word.partition("=")[0] not in parser._option_string_actions:
                return f"{parser.prog} has no {word}"
        elif verbs is not None and word in verbs.choices:
            return _wrong_argument(verbs.choices[word], words[place + 1 :])
        elif verbs is not None and not _PLACEHOLDER.fullmatch(word):
            return f"{parser.prog} has no {word}"
    return None


def _wrong_module(module: str, words: list[str]) -> str | None:
    if find_spec(module) is None:
        return f"there is no module {module}"
    flags = [word.partition("=")[0] for word in words if word.startswith("--")]
    verb = tuple(word for word in words[:1] if word in _help(module)) if flags else ()
    missing = [flag for flag in flags if not re.search(rf"{flag}\b", _help(module, *verb))]
    return f"{module} has no {missing[0]}" if missing else None


@cache
def _help(module: str, *verb: str) -> str:
    command = [sys.executable, "-m", module, *verb, "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@cache
def _parsers() -> dict[str, argparse.ArgumentParser]:
    return {"smis": full_parser(), "dvc": get_main_parser()}


@cache
def _targets() -> set[str]:
    return set(_TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
