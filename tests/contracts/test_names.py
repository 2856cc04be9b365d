"""A name means one thing: classes and modules are told apart by name, and identifiers are spelled as in libraries."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
TREES = {
    path.relative_to(ROOT): ast.parse(path.read_text())
    for top in ("smis", "pipelines", "flows")
    for path in sorted((ROOT / top).rglob("*.py"))
}
SHARED_MODULES = {"config", "run", "__init__", "__main__"}
"""A package has them by rule."""
SHARED_CLASSES = {"Config", "Params"}

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_VERBS = (
    "normal initial optim synthes serial organ recogn summar general visual quant discret regular vector token custom "
    "minim maxim random parametr standard equal final real util categor prior synchron local central author material"
)
_BRITISH = re.compile(
    rf"(?:de|un|re)?(?:{'|'.join(_VERBS.split())})is(?:e|ed|es|er|ers|ing|ation|ations|able)"
    r"|colour\w*|behaviour\w*|neighbour\w*|favour\w*|centre\w*|grey\w*|licence\w*|catalogue\w*|metre\w*|analyse\w*"
    r"|labelled|labelling|modelled|modelling|artefact\w*|programme|judgement\w*"
)


def test_no_two_modules_share_a_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in TREES:
        if path.stem not in SHARED_MODULES:
            places[path.stem].append(str(path))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_no_two_public_classes_share_a_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and node.name not in SHARED_CLASSES:
                places[node.name].append(str(path))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_identifiers_are_spelled_as_in_the_libraries_they_stand_among() -> None:
    british = {
        f"{path}: {name}"
        for path, tree in TREES.items()
        for name in {path.stem, *_identifiers(tree)}
        if any(_BRITISH.fullmatch(word.lower()) for word in _WORD.findall(name))
    }
    assert british == set()


def _identifiers(tree: ast.AST) -> Iterator[str]:
    """Yield the names that a module defines: of classes, functions, arguments, variables and attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
