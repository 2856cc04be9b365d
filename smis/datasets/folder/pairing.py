"""Which pictures somebody's folder has, and who of them is for training."""

import hashlib

from smis.core.errors import ParamsError
from smis.datasets.reading.files import Several
from smis.datasets.reading.pairing import Found, Layout, paired

PLAIN = Layout(
    title="images/NAME.png or .jpg, with labels/NAME.png and, where there are any, instances/NAME.png",
    image=r"(?P<split>)images/(?P<key>.+)\.(?i:png|jpg|jpeg)",
    labels=r"(?P<split>)labels/(?P<key>.+)\.(?i:png)",
    instances=r"(?P<split>)instances/(?P<key>.+)\.(?i:png)",
)


def pairs(files: Several, *, given: bool | None) -> Found:
    """Find the pictures, by name; with their instance maps if these are given or, unasked, if any picture has one.

    Raises:
        ParamsError: if there are no pictures.
    """
    found = paired(files, (PLAIN,), instances=given is not False)
    if given is None and not any(entry.instances for entries in found.entries.values() for entry in entries):
        return paired(files, (PLAIN,), instances=False)
    return found


def divided(
    keys: list[str], *, validation: float | list[str], test: float | list[str], seed: int
) -> dict[str, list[str]]:
    """Share out pictures, by lists of names or by shares of what no list names, in whatever order they come.

    Raises:
        ParamsError: if a name in a list is no picture or is in both lists, or nothing is left to train on.
    """
    wanted = {"test": test, "validation": validation}
    splits = {name: _listed(name, names, keys=keys) for name, names in wanted.items() if isinstance(names, list)}
    taken = _apart(splits)
    shuffled = sorted(keys, key=lambda key: hashlib.sha256(f"{seed} {key}".encode()).digest())
    left = [key for key in shuffled if key not in taken]
    for name, share in wanted.items():
        if not isinstance(share, list):
            count = round(share * len(keys))
            splits[name], left = left[:count], left[count:]
    if not left:
        raise ParamsError(f"datasets.folder: validation and test take all {len(keys)} pictures; leave some to train on")
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
