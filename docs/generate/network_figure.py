"""The figure of a system's networks as SVG: a row for each network, a box for each block, in the colors of the page."""

import math
from html import escape
from itertools import groupby

from network_trace import IMAGE, INSTANCES, LABELS, STYLE, Block, Network, Traced

PITCH, LEFT, GAP = 62, 8, 26
TITLES = {"encoder": "Encoder", "generator": "Generator", "discriminator": "Discriminator"}
_INPUTS = {LABELS: "labels", INSTANCES: "instances", IMAGE: "image", STYLE: "style"}


def figure(traced: Traced, *, title: str) -> str:
    """Draw the networks of a system."""
    rows, y = [], 4
    for network in traced.networks.values():
        row, height = _row(network, y)
        rows.append(row)
        y += height + GAP
    drawn = [merged(network.blocks) for network in traced.networks.values()]
    width = max(360, LEFT * 2 + PITCH * max(map(len, drawn)))
    read = {name for blocks in drawn for block in blocks for name in block.reads}
    return (
        f'<div class="figure"><svg class="network" viewBox="0 0 {width} {y + 18}" width="{width}" height="{y + 18}" '
        f'role="img" aria-label="{escape(title)}">{"".join(rows)}{_legend(read, y)}</svg></div>'
    )


def merged(blocks: list[Block]) -> list[Block]:
    """Draw blocks in a row of one kind and size as one, if there are three or more of them."""
    found = []
    for _, alike in groupby(blocks, key=lambda block: block.shape):
        group = list(alike)
        if len(group) < 3:
            found += group
            continue
        reads = {name for block in group for name in block.reads} - {block.name for block in group}
        costs = sum(block.multiply_adds for block in group)
        size = sum(block.parameters for block in group)
        first = group[0]
        found.append(Block(first.name, *first.shape, size, reads, costs, len(group)))
    return found


def _row(network: Network, y: int) -> tuple[str, int]:
    blocks = merged(network.blocks)
    places = {block.name: number for number, block in enumerate(blocks)}
    skips = [
        (places[name], number)
        for number, block in enumerate(blocks)
        for name in block.reads
        if name in places and number - places[name] > 1
    ]
    top = 22 + (12 + 5 * max((end - start for start, end in skips), default=0) if skips else 0)
    tallest = max(_height(block) for block in blocks)
    middle = y + top + 14 + tallest / 2
    copies = f"{network.copies} of them side by side, one is drawn; together " if network.copies > 1 else ""
    text = f"{TITLES[network.role]} <tspan class='quiet'>{copies}{network.parameters:,} parameters</tspan>"
    parts = [f'<text class="title" x="{LEFT}" y="{y + 12}">{text}</text>']
    for start, end in skips:
        parts.append(_arc(blocks, start, end, middle))
    for number, block in enumerate(blocks):
        if number and blocks[number - 1].name in block.reads:
            parts.append(_line(blocks, number, middle))
        parts.append(_box(block, number, middle, tallest))
    return "".join(parts), int(top + 14 + tallest + 44)


def _center(number: int) -> float:
    return LEFT + PITCH * (number + 0.5)


def _height(block: Block) -> float:
    return 10 + 9 * math.log2(max(block.height, 1) + 1)


def _width(block: Block) -> float:
    return 7 + 3.2 * math.log2(max(block.channels, 1) + 1)


def _box(block: Block, number: int, middle: float, tallest: float) -> str:
    x, width, height = _center(number), _width(block), _height(block)
    below = middle + tallest / 2 + 12
    name = block.name.replace("model.", "").replace("submodule.", "").replace("discriminator_", "D")
    name = name.replace("body_", "").replace("layer_up_last", "last")
    name = name.replace("_layer", ".").replace("scale_conv", "scale").replace("bias_conv", "bias")
    name = f"{block.repeated} × {name.split('.')[-1]}" if block.repeated > 1 else name
    name = ".".join(name.split(".")[-2:])
    name = name if len(name) <= 11 else f"…{name[-9:]}"
    dots = [kind for name, kind in _INPUTS.items() if name in block.reads]
    dotted = "".join(
        f'<circle class="{kind}" cx="{x + 8 * (place - (len(dots) - 1) / 2):.1f}" cy="{below + 24:.1f}" r="3"/>'
        for place, kind in enumerate(dots)
    )
    cost = f"{block.multiply_adds / 1e9:.2f} G multiply-adds" if block.multiply_adds else "no multiply-adds of its own"
    tip = f"{block.name}: {block.kind}, {block.parameters:,} parameters, {cost}"
    kind = "block" if block.kind.endswith("Block") else "linear" if "Linear" in block.kind else "conv"
    return (
        f"<g><title>{escape(tip)}</title>"
        f'<rect class="{kind}" x="{x - width / 2:.1f}" y="{middle - height / 2:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" rx="2"/>'
        f'<text x="{x:.1f}" y="{middle - tallest / 2 - 5:.1f}">{escape(name)}</text>'
        f'<text x="{x:.1f}" y="{below:.1f}" class="strong">{block.channels}</text>'
        f'<text x="{x:.1f}" y="{below + 11:.1f}" class="quiet">{block.height}×{block.width}</text>{dotted}</g>'
    )


def _line(blocks: list[Block], number: int, middle: float) -> str:
    start = _center(number - 1) + _width(blocks[number - 1]) / 2 + 1
    end = _center(number) - _width(blocks[number]) / 2 - 1
    return f'<path class="flow" d="M{start:.1f} {middle:.1f}H{end:.1f}"/>'


def _arc(blocks: list[Block], start: int, end: int, middle: float) -> str:
    tops = [middle - max(_height(block) for block in blocks) / 2 - 16] * 2
    high = tops[0] - 10 - 5 * (end - start)
    x, to = _center(start), _center(end)
    return (
        f'<path class="skip" d="M{x:.1f} {tops[0]:.1f}C{x:.1f} {high:.1f} {to:.1f} {high:.1f} {to:.1f} {tops[1]:.1f}"/>'
    )


def _legend(read: set[str], y: int) -> str:
    x, parts = LEFT + 4, []
    for name, kind in _INPUTS.items():
        if name in read:
            parts.append(f'<circle class="{kind}" cx="{x}" cy="{y + 2}" r="3"/>')
            parts.append(f'<text class="left" x="{x + 7}" y="{y + 5}">reads {name}</text>')
            x += 92
    return "".join(parts)
