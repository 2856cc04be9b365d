"""The house as a picture: rooms, and who may import whom."""

_ROOMS = (
    ("flows", 200, 10, 240, "names stages, in an order; sweeps", "Prefect, Optuna"),
    ("dvc.yaml", 200, 84, 240, "what depends on what", "DVC"),
    ("pipelines", 200, 158, 240, "reads params, joins the parts, writes outs", "MLflow, in one package"),
)
_SHELF = (("training", 96), ("sampling", 96), ("models", 88), ("datasets", 96), ("data", 76), ("metrics", 88))
_USERS = ("cli", "studio", "bench", "styles", "published", "zoo")
_BASE = (
    ("losses", "pure functions"),
    ("nn", "layers, each from a paper"),
    ("core", "shared words: config, registry, errors, images"),
)


def figure() -> str:
    """Draw it."""
    parts = [_room(*room) for room in _ROOMS]
    parts += [
        _arrow(320, 58, 84, "runs one stage: a process, not an import"),
        _arrow(320, 132, 158, "runs `python -m pipelines.STAGE`"),
    ]
    parts.append(_arrow(320, 206, 250, "imports"))
    for number, name in enumerate(_USERS):
        parts.append(_box(name, 26 + 100 * number, 254, 90, "linear"))
    parts.append(
        '<text class="quiet" x="320" y="304">for people: they import what is below, nothing below knows them</text>'
    )
    x = 26
    for name, width in _SHELF:
        parts.append(_box(name, x, 316, width, "block"))
        x += width + 10
    parts.append('<text class="quiet" x="320" y="366">siblings: none imports another</text>')
    for number, (name, text) in enumerate(_BASE):
        parts.append(_box(f"{name}: {text}", 26, 378 + 42 * number, 590, "conv"))
    text = "smis imports no Prefect, MLflow, DVC, Optuna, pipelines, flows"
    parts.append(f'<text class="quiet" x="320" y="518">{text}</text>')
    parts.append('<rect class="frame" x="10" y="240" width="622" height="290" rx="8"/>')
    return (
        '<div class="figure"><svg class="network house" viewBox="0 0 642 544" width="642" height="544" role="img" '
        f'aria-label="The layers of the code">{"".join(parts)}</svg></div>'
    )


def _room(name: str, x: int, y: int, width: int, text: str, engine: str) -> str:
    return (
        f'<rect class="linear" x="{x}" y="{y}" width="{width}" height="48" rx="6"/>'
        f'<text class="stage strong" x="{x + width / 2}" y="{y + 19}">{name}</text>'
        f'<text x="{x + width / 2}" y="{y + 36}">{text}</text>'
        f'<text class="left quiet" x="{x + width + 12}" y="{y + 28}">{engine}</text>'
    )


def _box(name: str, x: int, y: int, width: int, kind: str) -> str:
    return (
        f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="34" rx="5"/>'
        f'<text class="stage" x="{x + width / 2}" y="{y + 21}">{name}</text>'
    )


def _arrow(x: int, y: int, to: int, text: str) -> str:
    return (
        f'<path class="flow" d="M{x} {y}V{to - 2}m-4 -6l4 6l4 -6"/>'
        f'<text class="left quiet" x="{x + 12}" y="{(y + to) / 2 + 3}">{text.replace("`", "")}</text>'
    )
