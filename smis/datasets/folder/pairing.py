"""Which pictures somebody's folder has."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from smis.core.errors import ParamsError
from smis.datasets.io.files import Several, is_junk
from smis.datasets.io.pairing import Found, Layout, paired
from smis.datasets.io.problems import Problem

PLAIN = Layout(
    title="images/NAME.png or .jpg, with labels/NAME.png and, where there are any, instances/NAME.png",
    image=r"(?P<split>)images/(?P<key>.+)\.(?i:png|jpg|jpeg)",
    labels=r"(?P<split>)labels/(?P<key>.+)\.(?i:png)",
    instances=r"(?P<split>)instances/(?P<key>.+)\.(?i:png)",
)

WHOLE = ""
"""The one split that PLAIN has."""
_FOLDER = re.compile(r"(?P<folder>(?P<place>\d+):(?:.*/)?images/).+\.(?i:png|jpg|jpeg)")
_ANY = re.compile(r"\d+:(?:.*/)?(?P<kind>images|labels)/(?P<key>.+)\.(?P<ending>[^./]+)")
_READ = {"images": ("png", "jpg", "jpeg"), "labels": ("png",)}
_REMEDIES = {
    "images": "pictures end in .png, .jpg or .jpeg; save it as one of these",
    "labels": "label maps end in .png, which keeps ids as they are; save it so",
}


def pairs(files: Several, *, given: bool | None) -> Found:
    """Find the pictures, by name; with their instance maps if these are given or, unasked, if any picture has one.

    Raises:
        ParamsError: if there are no pictures, or they lie in several images/ of one root.
    """
    found = paired(files, (PLAIN,), instances=given is not False)
    if given is None and not any(entry.instances for entry in found.entries.get(WHOLE, ())):
        found = paired(files, (PLAIN,), instances=False)
    # a walk through millions of files takes its time, so that it is not repeated where all of them fit
    names = [name for name in files.names() if not is_junk(name)] if found.problems else []
    _check_folders(files, names or (entry.image for entry in found.entries.get(WHOLE, ())))
    found.problems = _explained(found.problems, files, names)
    return found


def _check_folders(files: Several, names: Iterable[str]) -> None:
    """Refuse train/images/ and val/images/: shares would be drawn over both, against what the person had in mind."""
    seen: dict[str, str] = {}
    for match in filter(None, map(_FOLDER.fullmatch, names)):
        first = seen.setdefault(match["place"], match["folder"])
        if first != match["folder"]:
            where = f"pictures lie in {files.title(first)} and in {files.title(match['folder'])}"
            one = "put all into one images/ and one labels/, or make root a list of the folders above these"
            remedy = (
                f"{one}; give each picture a name of its own, and list those of datasets.folder.validation and test"
            )
            raise ParamsError(f"datasets.folder.root: {where}, but folders do not say what is for training; {remedy}")


def _explained(problems: Sequence[Problem], files: Several, names: Iterable[str]) -> list[Problem]:
    """Where what a file lacks is there with an ending that is not read, say this instead."""
    keys = {problem.key for problem in problems}
    read: set[tuple[str, str]] = set()
    unread: dict[tuple[str, str], str] = {}
    for match in filter(None, map(_ANY.fullmatch, names)):
        if match["key"] not in keys:
            continue
        if match["ending"].lower() in _READ[match["kind"]]:
            read.add((match["kind"], match["key"]))
        else:
            unread[match["kind"], match["key"]] = match[0]
    why = {
        key: f"{files.title(name)} is not read: {_REMEDIES[kind]}"
        for (kind, key), name in unread.items()
        if (kind, key) not in read
    }
    return [replace(problem, why=why.get(problem.key, problem.why)) for problem in problems]
