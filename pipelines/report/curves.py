"""The curves of a training as inline SVG, so that they take on the page's light or dark colors."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 340, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 10, 10, 24
_POINTS = 240
"""More are not seen at this width; means of neighbors are drawn."""
_WIDE_RANGE = 50.0
"""From this ratio on, powers of ten."""
_WORDS = {
    "GAN": "adversarial loss of the generator",
    "GAN_Feat": "feature matching loss",
    "VGG": "perceptual loss",
    "KLD": "divergence from the prior",
    "D_Fake": "discriminator, generated images",
    "D_Real": "discriminator, real images",
    "gradient_generator": "norm",
    "gradient_discriminator": "norm",
    "spectral_generator": "largest spectral norm",
    "spectral_discriminator": "largest spectral norm",
    "validation_fd": "distance to real validation images",
    "validation_lpips": "diversity on validation maps",
    "images_per_second": "while training",
    "data_wait_share": "share of the time",
    "memory_mib": "of the first process",
}
_CONSTANT = ("lr_generator", "lr_discriminator")

Curve = list[tuple[float, float]]
"""Points (step, value)."""


@dataclass(frozen=True)
class Panel:
    """One chart: a term of every system."""

    name: str
    words: str
    svg: str


def panels(histories: Mapping[str, Sequence[Mapping[str, float]]]) -> list[Panel]:
    """Draw a chart for each term; the system's place in `histories` is its color."""
    terms = dict.fromkeys(key for rows in histories.values() for row in rows for key in row)
    shown = [term for term in terms if term != "step" and term not in _CONSTANT]
    return [Panel(term, _WORDS.get(term, ""), _chart(_curves(histories, term))) for term in shown]


def _curves(histories: Mapping[str, Sequence[Mapping[str, float]]], term: str) -> dict[str, Curve]:
    found = {
        system: [(row["step"], row[term]) for row in rows if math.isfinite(row.get(term, math.nan))]
        for system, rows in histories.items()
    }
    return {system: _thinned(curve) for system, curve in found.items()}


def _thinned(curve: Curve) -> Curve:
    size = -(-len(curve) // _POINTS) or 1
    chunks = [curve[at : at + size] for at in range(0, len(curve), size)]
    return [(chunk[-1][0], sum(value for _, value in chunk) / len(chunk)) for chunk in chunks]


def _smoothed(curve: Curve) -> Curve:
    """Return the mean of each point and its neighbors, a tenth of the curve; losses of an adversary are noisy."""
    reach = len(curve) // 20
    values = [value for _, value in curve]
    windows = [values[max(0, at - reach) : at + reach + 1] for at in range(len(curve))]
    return [(step, sum(window) / len(window)) for (step, _), window in zip(curve, windows, strict=True)]


def _chart(curves: Mapping[str, Curve]) -> str:
    points = [point for curve in curves.values() for point in curve]
    if not points:
        return ""
    axis = _Axis.of([value for _, value in points])
    last = max(step for step, _ in points)
    first = min(step for step, _ in points)
    parts = [_line_at(axis.place(tick), axis.write(tick)) for tick in axis.ticks]
    parts += [_word_below(first, first, last), _word_below(last, first, last)]
    for number, (system, curve) in enumerate(curves.items()):
        for kind, drawn in (("raw", curve), ("line", _smoothed(curve))):
            path = " ".join(f"{_across(step, first, last):.1f},{axis.place(value):.1f}" for step, value in drawn)
            word = f"<title>{escape(system)}</title>"
            parts.append(f'<polyline class="{kind} s{number % 8}" points="{path}">{word}</polyline>')
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(parts)}</svg>'


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float
    ticks: list[float]
    powers: bool

    @classmethod
    def of(cls, values: list[float]) -> "_Axis":
        low, high = min(values), max(values)
        if low > 0 and high / low > _WIDE_RANGE:
            tens = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            return cls(math.log10(low), math.log10(high), [10.0**ten for ten in tens if low <= 10.0**ten <= high], True)
        if high == low:
            low, high = low - 0.5, high + 0.5
        step = _round_step((high - low) / 4)
        first = math.ceil(low / step)
        return cls(low, high, [number * step for number in range(first, math.floor(high / step) + 1)], False)

    def place(self, value: float) -> float:
        share = ((math.log10(value) if self.powers else value) - self.low) / (self.high - self.low)
        return _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - share)

    def write(self, tick: float) -> str:
        return f"{round(tick, 10):.10g}" if 1e-3 <= abs(tick) < 1e5 or tick == 0 else f"{tick:.0e}"


def _round_step(step: float) -> float:
    unit = 10.0 ** math.floor(math.log10(step))
    return next(unit * nice for nice in (1, 2, 5, 10) if unit * nice >= step)


def _across(step: float, first: float, last: float) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * ((step - first) / (last - first) if last > first else 0.5)


def _line_at(y: float, word: str) -> str:
    line = f'<line class="rule" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return f'{line}<text class="tick" x="{_LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{word}</text>'


def _word_below(step: float, first: float, last: float) -> str:
    x, anchor = _across(step, first, last), "end" if step == last else "start"
    return f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">step {step:g}</text>'
