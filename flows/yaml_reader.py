"""The one reader of YAML files that people write: params.yaml, dvc.yaml and those of sweeps.

It refuses what `pipelines.params` refuses, before DVC reads params.yaml, whose reader would hang on the worst of it.
"""

import stat
from pathlib import Path
from typing import Any

import yaml
from dvc.exceptions import DvcException
from dvc.utils.serialize import load_yaml

from flows.exceptions import FlowError

_MAX_BYTES, _MAX_DEPTH, _MAX_DIGITS, _MAX_FROM_ALIASES = 2**24, 50, 100, 10_000


class _Loader(yaml.SafeLoader):
    """Refuses keys that are there twice, deep nesting, aliases that stand for too much, and huge numbers."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._nodes = self._from_aliases = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event, before = self.peek_event(), self._nodes
        self._depth += 1
        _require(self._depth <= _MAX_DEPTH, f"it is nested more than {_MAX_DEPTH} deep", event)
        node = super().compose_node(parent, index)
        self._nodes += 1
        if isinstance(event, yaml.AliasEvent):
            self._from_aliases += self._sizes.get(id(node), _MAX_FROM_ALIASES + 1)  # unknown: it is inside itself
            self._nodes += self._sizes.get(id(node), 0)
            what = f"the alias *{event.anchor} is inside itself, or stands for too much; write its values out"
            _require(self._from_aliases <= _MAX_FROM_ALIASES, what, event)
        self._sizes.setdefault(id(node), self._nodes - before)
        self._depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node, keys = super().compose_mapping_node(anchor), set[tuple[str, str]]()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            _require((key.tag, key.value) not in keys, f"the key {key.value!r} is there twice; keep one", key)
            keys.add((key.tag, key.value))
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        is_number = node.tag.endswith((":int", ":float"))
        _require(not is_number or len(node.value) <= _MAX_DIGITS, f"a number has over {_MAX_DIGITS} digits", node)
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, LookupError, AttributeError, TypeError) as error:
            what = f"{str(node.value)[:40]!r} is no {node.tag.rpartition(':')[2]} ({error}); put text in quotes"
            raise yaml.MarkedYAMLError(problem=what, problem_mark=node.start_mark) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file whose top level is a mapping, with the types of YAML 1.1.

    Raises:
        FlowError: if it is no regular file of UTF-8 text, or no YAML that the project accepts.
    """
    try:
        content = _Loader(_read_text(path)).get_single_data()
    except OSError as error:
        raise FlowError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
    except yaml.YAMLError as error:
        raise FlowError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise FlowError(f"{path} has no sections; it needs lines such as `name: value`")
    return content


def read_params(path: Path) -> dict[str, Any]:
    """Read params.yaml with the types that DVC sees: 1e-4 is a number.

    Raises:
        FlowError: as `read_yaml` does.
    """
    read_yaml(path)
    try:
        return load_yaml(str(path))
    except DvcException as error:
        raise FlowError(f"DVC cannot read {path}: {' '.join(str(error).split())}") from None


def _read_text(path: Path) -> str:
    if stat.S_IFMT(path.stat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
        raise FlowError(f"{path} is no regular file, but a pipe or device; put a text file in its place")
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise FlowError(f"{path} has more than {_MAX_BYTES // 2**20} MiB; is it the right file?")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise FlowError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from None


def _require(fits: bool, problem: str, at: Any) -> None:
    if not fits:
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)
