"""Which files belong together: those of one name, never those at one place in a list."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from smis.core.errors import ParamsError
from smis.datasets.reading.files import Several, is_junk
from smis.datasets.reading.names import printable
from smis.datasets.reading.problems import Problem

KINDS = ("image", "labels", "instances")


@dataclass(frozen=True)
class Layout:
    """How a release names its files: patterns with the groups `split` and `key`, matched at the end of a path."""

    title: str
    image: str
    labels: str
    instances: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """The files of one picture."""

    key: str
    image: str
    labels: tuple[str, ...]
    """One map, or the parts that are put together to one."""
    instances: str | None = None

    @property
    def files(self) -> list[str]:
        """Name all of them."""
        return [self.image, *self.labels, *([self.instances] if self.instances else [])]


@dataclass
class Found:
    """Pictures by the release's name of their split, and what is wrong with the names."""

    layout: Layout
    entries: dict[str, list[Entry]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def in_splits(self, splits: Mapping[str, str]) -> "Found":
        """Give the release's splits our names, for what does not pair too."""
        entries = {splits[split]: entries for split, entries in self.entries.items()}
        return Found(self.layout, entries, [replace(each, split=splits[each.split]) for each in self.problems])


def paired(files: Several, layouts: Sequence[Layout], *, instances: bool) -> Found:
    """Match every file against the layouts; the one that most pictures fit is taken.

    Raises:
        ParamsError: if no file is named as any layout has it.
    """
    names = [name for name in files.names() if not is_junk(name)]
    matched = [(layout, _matches(layout, names, instances=instances)) for layout in layouts]
    layout, kinds = max(matched, key=lambda each: sum(map(len, each[1]["image"].values())))
    if not kinds["image"]:
        raise ParamsError(_nothing(files, names, layouts))
    found = Found(layout)
    wanted = [kind for kind in KINDS if kind in kinds]
    for identity in sorted(set().union(*kinds.values())):
        split, key = identity
        of_kind = {kind: kinds[kind].get(identity, []) for kind in wanted}
        why = _misfit(files, key, of_kind)
        if why:
            found.problems.append(Problem(printable(key), split, why))
        else:
            entry = Entry(
                key, of_kind["image"][0], (of_kind["labels"][0],), next(iter(of_kind.get("instances", [])), None)
            )
            found.entries.setdefault(split, []).append(entry)
    return found


Matches = Mapping[tuple[str, str], list[str]]


def _matches(layout: Layout, names: Sequence[str], *, instances: bool) -> dict[str, Matches]:
    patterns = {"image": layout.image, "labels": layout.labels}
    if instances:
        patterns["instances"] = layout.instances or "(?!)"
    found: dict[str, dict[tuple[str, str], list[str]]] = {kind: {} for kind in patterns}
    compiled = [(found[kind], compiled_at_end(pattern)) for kind, pattern in patterns.items()]
    for name in names:
        for place, pattern in compiled:
            match = pattern.fullmatch(name)
            if match:
                place.setdefault((match["split"], match["key"]), []).append(name)
                break
    return dict(found)


def compiled_at_end(pattern: str) -> re.Pattern[str]:
    """Let a pattern match the end of a path, from the beginning of a name on."""
    return re.compile(rf"(?:\d+:)(?:.*/)?{pattern}")


def _misfit(files: Several, key: str, of_kind: Mapping[str, Sequence[str]]) -> str | None:
    """Say what keeps the files of one name from being one picture."""
    there = [kind for kind, found in of_kind.items() if found]
    if printable(key) != key:  # a key is text in the prepared format
        return f"{files.title(of_kind[there[0]][0])} has a name in bytes that are not UTF-8; rename it"
    for found in of_kind.values():
        if len(found) > 1:
            titles = " and ".join(files.title(name) for name in found[:2])
            return f"{titles} have one name, {key}; take one of them away"
    missing = [kind for kind in of_kind if kind not in there]
    if not missing:
        return None
    title = files.title(of_kind[there[0]][0])
    if "image" in missing:
        return f"{title} belongs to no picture; take it away, or give it its picture"
    what = " and no ".join({"labels": "label map", "instances": "instance map"}[kind] for kind in missing)
    return f"{title} has no {what} of its name; copy it there, or take the picture away"


def _nothing(files: Several, names: Sequence[str], layouts: Sequence[Layout]) -> str:
    wanted = "; or ".join(layout.title for layout in layouts)
    seen = f"there is, for example, {files.title(names[0])}" if names else "there are no files at all"
    remedy = _above(files, names, layouts) or "set root to where they lie"
    return f"no file is named as the data set names its pictures ({wanted}); {seen}; {remedy}"


def _above(files: Several, names: Sequence[str], layouts: Sequence[Layout]) -> str | None:
    """Say that root is one folder too deep, if files would fit with the name of its last folder before theirs."""
    patterns = [compiled_at_end(layout.image) for layout in layouts]
    for name in names:
        place, _, own = name.partition(":")
        root = files.title(name).removesuffix(f"/{own}")
        if any(pattern.fullmatch(f"{place}:{root.rpartition('/')[2]}/{own}") for pattern in patterns):
            return f"{root} seems to be one folder too deep: set root to the folder that it is in"
    return None
