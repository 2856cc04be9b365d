"""One person from the first joint to the last curl: who wears what, painted from back to front."""

from dataclasses import replace

from smis.datasets.paperdoll.anatomy import Body, Head, leg_at, pose
from smis.datasets.paperdoll.bottoms import Bottom, cut_bottom, paint_bottom
from smis.datasets.paperdoll.canvas import Paint
from smis.datasets.paperdoll.classes import FACE
from smis.datasets.paperdoll.dice import Dice
from smis.datasets.paperdoll.footwear import choose_footwear, paint_leg
from smis.datasets.paperdoll.hair import Hair
from smis.datasets.paperdoll.outlines import ellipse, smooth, symmetric
from smis.datasets.paperdoll.tops import Top, cut_top, paint_arm, paint_top

_OUTFITS = {"shirt": 0.6, "dress": 0.24, "coat": 0.16}
_BOTTOMS = {"trousers": 0.45, "shorts": 0.22, "skirt": 0.33}
_SKULL = [(0.5, -0.94), (0.88, -0.6), (1.0, -0.05), (0.9, 0.42), (0.6, 0.82), (0.22, 1.0)]


def paint_figure(paint: Paint, dice: Dice) -> Head:
    """Draw and paint one person; give the head back, for its face is drawn with the appearance."""
    body = pose(dice)
    hair = Hair(body.head, dice)
    top, bottom = _dress(dice)
    footwear = choose_footwear(dice, bare_from=max(leg_at(top.hem), bottom.covers if bottom else 0.0))
    hair.paint_behind(paint)
    _paint_arms(paint, body, top, behind=True)
    for leg in body.legs:
        paint_leg(paint, leg, worn=footwear)
    paint(FACE, symmetric([(0.031, 0.24), (0.033, 0.3)], lambda _: 0.0))
    if bottom:
        paint_bottom(paint, body, bottom=bottom)
    paint_top(paint, body, top=top)
    _paint_arms(paint, body, top, behind=False)
    _paint_head(paint, body.head)
    hair.paint_over(paint)
    return body.head


def _dress(dice: Dice) -> tuple[Top, Bottom | None]:
    top = cut_top(dice, dice.choose(_OUTFITS))
    if top.kind == "dress":
        return top, None
    bottom = cut_bottom(dice, dice.choose(_BOTTOMS if top.kind == "shirt" else {"trousers": 0.75, "skirt": 0.25}))
    if top.kind == "coat":
        return top, replace(bottom, covers=max(bottom.covers, leg_at(top.hem) + 0.25))
    # A long shirt would leave a sliver of a short skirt or of shorts.
    return (top if bottom.kind == "trousers" else replace(top, hem=min(top.hem, 0.55))), bottom


def _paint_arms(paint: Paint, body: Body, top: Top, *, behind: bool) -> None:
    for arm, is_behind in zip(body.arms, body.arms_behind, strict=True):
        if is_behind == behind:
            paint_arm(paint, arm, top=top)


def _paint_head(paint: Paint, head: Head) -> None:
    ears = [ellipse(head.at(side * 1.0, 0.08), head.across * 0.16, head.down * 0.2) for side in (-1, 1)]
    skull = [*_SKULL, *[(-u, v) for u, v in reversed(_SKULL)]]
    paint(FACE, *ears)
    paint(FACE, smooth(head.outline(skull)))
