"""Layout and appearance make a picture: each region has a field of color, and coverage mixes the fields."""

import numpy as np

from smis.core.shapes import Picture
from smis.datasets.paperdoll.appearance import Appearance, Look, look
from smis.datasets.paperdoll.classes import BACKGROUND, FACE
from smis.datasets.paperdoll.colors import mixed
from smis.datasets.paperdoll.faces import draw_face
from smis.datasets.paperdoll.layout import Layout, Region

_SHADOW_TINT = np.array([1.0, 1.08, 0.9], dtype=np.float32)
_WHITE = np.array([255, 255, 255], dtype=np.float32)


def render(layout: Layout, appearance: Appearance, *, hard: bool = False) -> Picture:
    """Paint a layout.

    `hard` gives each pixel the color of its label's region alone, so that another appearance of one class leaves
    every pixel outside that class as it was, bit for bit; else borders are mixed by coverage.
    """
    total = np.zeros((layout.size, layout.size, 3), dtype=np.float32)
    weight = np.zeros((layout.size, layout.size, 1), dtype=np.float32)
    for index, region in enumerate(layout.regions):
        field = paint_field(layout, region, style=look(region.label, appearance[region.person, region.label]))
        if hard:
            share = (layout.owner[region.window] == index).astype(np.float32)[..., None]
        else:
            share = region.coverage[..., None]
        total[region.window] += field * share
        weight[region.window] += share
    return (total / weight + np.float32(0.5)).astype(np.uint8)


def paint_field(layout: Layout, region: Region, *, style: Look) -> np.ndarray:
    """Paint a region's whole box (h, w, 3), 0..255: pattern, trim, features, then light and shade."""
    left, top, right, bottom = region.box
    x = (np.arange(left, right, dtype=np.float32) + np.float32(0.5)) / np.float32(layout.size)
    y = ((np.arange(top, bottom, dtype=np.float32) + np.float32(0.5)) / np.float32(layout.size))[:, None]
    down = ((np.arange(bottom - top, dtype=np.float32) + np.float32(0.5)) / np.float32(bottom - top))[:, None]
    field = np.empty((bottom - top, right - left, 3), dtype=np.float32)
    field[:] = style.base
    share = style.pattern.share(x, y, down=down, size=layout.size)
    if share is not None:
        field += (style.second - style.base) * share.astype(np.float32)[..., None]
    if region.trim is not None:
        field += (style.trim - field) * region.trim[..., None]
    if region.label == FACE:
        draw_face(field, layout.faces[region.person], iter(style.rest), corner=(left, top), size=layout.size)
    if region.label == BACKGROUND:
        _spotlight(field, x, y, style)
    _shade(field, layout, region, style)
    return field


def _spotlight(field: np.ndarray, x: np.ndarray, y: np.ndarray, style: Look) -> None:
    """Light a wall behind the person, or darken its corners."""
    kind, radius, depth = style.rest[0], 0.3 + 0.12 * style.rest[1], np.float32(0.2 + 0.25 * style.rest[2])
    far = (x - np.float32(0.5)) ** 2 + (y - np.float32(0.47)) ** 2
    if kind < 0.3:
        disc = np.clip((np.float32(radius) - np.sqrt(far)) * field.shape[0] + np.float32(0.5), 0, 1)
        field += (mixed(style.base, _WHITE, 0.5) - field) * (disc * depth * 2)[..., None]
    elif kind < 0.7:
        field *= 1 - (far * depth * np.float32(1.0))[..., None]


def _shade(field: np.ndarray, layout: Layout, region: Region, style: Look) -> None:
    shadow = layout.shadow[region.window][..., None] * (np.float32(style.shade) * _SHADOW_TINT)
    light = layout.light[region.window] * np.float32(style.gloss)
    field *= 1 - shadow
    field += (_WHITE - field) * light[..., None]
