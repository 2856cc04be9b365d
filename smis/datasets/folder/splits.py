"""Who of somebody's pictures is for training, validation and test."""

import hashlib
from bisect import bisect_left
from dataclasses import replace

from smis.core.errors import ParamsError
from smis.datasets.folder.config import Config
from smis.datasets.folder.pairing import WHOLE
from smis.datasets.folder.pieces import Pieces
from smis.datasets.io.files import Several
from smis.datasets.io.pairing import Found
from smis.datasets.io.problems import Problem, as_error
from smis.datasets.io.section import TRAIN

LEAST = 2
"""Samples that a split needs: one has no covariance, so that no distance to real pictures can be measured."""


def split_up(found: Found, files: Several, config: Config) -> dict[str, Pieces]:
    """Share the pictures out, and cut them into tiles if that is asked for.

    Raises:
        DataError: if there are too few pictures because files do not belong together.
        ParamsError: if there are too few for the shares.
    """
    entries = found.entries.get(WHOLE, ())
    keys = [entry.key for entry in entries]
    shares = {"validation": config.validation, "test": config.test}
    least = 1 if config.tile else LEAST
    lacking = too_few(len(entries), **shares, least=least)
    if found.problems and (lacking or not entries):
        raise as_error(found.problems, name="folder", pictures=len(found.problems) + len(entries))
    if lacking:
        raise ParamsError(f"datasets.folder: {lacking}")
    splits = divided(keys, **shares, seed=config.seed, least=least)
    how = {"files": files, "tile": config.tile, "stride": config.stride or config.tile or 0}
    numbers = {name: (bisect_left(keys, key) for key in chosen) for name, chosen in splits.items()}
    cut = {name: Pieces((entries[number] for number in each), name, **how) for name, each in numbers.items()}
    for name, pieces in cut.items():
        if _is_share(shares.get(name, 0.0)) and len(pieces) < LEAST and not pieces.problems:
            given = f"{config.tile} gives {len(pieces)} for {name}, but a split needs {LEAST}"
            raise ParamsError(f"datasets.folder.tile: {given}; make it smaller, or the share of {name} larger")
    return cut


def unpaired(found: Found, config: Config) -> list[Problem]:
    """Name the split of what does not pair: training, unless shares are drawn; then it was in no draw, and has none."""
    drawn = _is_share(config.validation) or _is_share(config.test)
    return found.problems if drawn else [replace(problem, split=TRAIN) for problem in found.problems]


def _is_share(asked: float | list[str]) -> bool:
    return not isinstance(asked, list) and asked > 0


def too_few(pictures: int, *, validation: float | list[str], test: float | list[str], least: int = LEAST) -> str | None:
    """Say what is missing where shares of so few pictures cannot give `least` to each split, training included."""
    wanted = {"validation": validation, "test": test}
    shares = {name: share for name, share in wanted.items() if not isinstance(share, list) and share > 0}
    listed = {key for names in wanted.values() if isinstance(names, list) for key in names}
    needed = least * (len(shares) + 1) + len(listed)
    if not shares or pictures >= needed:
        return None
    there = "1 picture gives" if pictures == 1 else f"{pictures} pictures give"
    given = " and ".join(f"{round(share * pictures)} for {name}" for name, share in shares.items())
    remedy = f"set {' and '.join(f'datasets.folder.{name}' for name in shares)} to lists of names"
    return f"{there} {given}, but a split needs {least}; {remedy}, or add pictures ({needed} or more)"


def divided(
    keys: list[str], *, validation: float | list[str], test: float | list[str], seed: int, least: int = LEAST
) -> dict[str, list[str]]:
    """Share out pictures, by lists of names or by shares of what no list names, in whatever order they come.

    A share takes `least` pictures at least. Where this leaves too little, `too_few` has said so.

    Raises:
        ParamsError: if a name in a list is no picture or is in both lists, or too little is left to train on.
    """
    wanted = {"test": test, "validation": validation}
    splits = {name: _listed(name, names, keys=keys) for name, names in wanted.items() if isinstance(names, list)}
    taken = _apart(splits)
    shuffled = sorted(keys, key=lambda key: hashlib.sha256(f"{seed} {key}".encode()).digest())
    left = [key for key in shuffled if key not in taken]
    for name, share in wanted.items():
        if not isinstance(share, list):
            count = max(round(share * len(keys)), least if share > 0 else 0)
            splits[name], left = left[:count], left[count:]
    needed = least if any(map(_is_share, wanted.values())) else 1
    if len(left) < needed:
        given = f"validation and test take {len(keys) - len(left)} of {len(keys)} pictures"
        raise ParamsError(f"datasets.folder: {given}; leave {needed} or more to train on")
    splits["train"] = left
    return {name: sorted(splits[name]) for name in ("train", "validation", "test")}


def _apart(splits: dict[str, list[str]]) -> set[str]:
    taken = {key for names in splits.values() for key in names}
    twice = [key for key in sorted(taken) if all(key in names for names in splits.values())]
    if len(splits) == 2 and twice:
        raise ParamsError(f"datasets.folder: {twice[0]!r} is in validation and in test; take it off one of the lists")
    return taken


def _listed(name: str, wanted: list[str], *, keys: list[str]) -> list[str]:
    unknown = sorted(set(wanted) - set(keys))
    if unknown:
        raise ParamsError(f"datasets.folder.{name}: there is no picture named {unknown[0]!r}; names have no ending")
    return sorted(set(wanted))
