"""`python -m docs.studio_animation`: record docs/studio.webp, a minute's work in the studio, in Chromium.

Label maps and pictures are those of the zoo's INADE; nothing is drawn into what the browser shows but the pointer.
"""

import io
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw

from tests.services.browser import chromium
from tests.services.browser.studio.studio_page import HAIR, TOP, StudioPage

TARGET = Path(__file__).parent / "studio.webp"
WINDOW = (1280, 880)
WIDTH = 900
ARROW = [(0, 0), (0, 17), (4, 13), (7, 19), (10, 18), (7, 12), (12, 12)]
MORPH = [*range(0, 101, 20)]


@dataclass
class Recording:
    """Screenshots, how long each stays, and where the pointer is."""

    studio: StudioPage
    frames: list[Image.Image] = field(default_factory=list)
    milliseconds: list[int] = field(default_factory=list)
    pointer: tuple[float, float] = (640, 500)

    def take(self, milliseconds: int) -> None:
        """Keep what is seen, with the pointer."""
        frame = Image.open(io.BytesIO(self.studio.page.screenshot())).convert("RGB")
        x, y = self.pointer
        arrow = [(x + dx, y + dy) for dx, dy in ARROW]
        ImageDraw.Draw(frame).polygon(arrow, fill="black", outline="white")
        self.frames.append(frame.resize((WIDTH, WIDTH * frame.height // frame.width), Image.Resampling.LANCZOS))
        self.milliseconds.append(milliseconds)

    def move(self, place: tuple[float, float]) -> None:
        """Move the pointer."""
        self.studio.page.mouse.move(*place)
        self.pointer = place

    def click(self, selector: str, *, rest: int = 500) -> None:
        """Click the middle of an element."""
        box = self.studio.page.locator(selector).first.bounding_box()
        assert box is not None
        self.move((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2))
        self.studio.page.mouse.click(*self.pointer)
        self.take(rest)

    def paint(self, pixels: list[tuple[int, int]]) -> None:
        """Drag along some pixels of the map; the picture follows when the pointer is lifted."""
        mouse, places = self.studio.page.mouse, self.studio.points(pixels)
        self.move(places[0])
        mouse.down()
        for place in places[1:]:
            self.move(place)
            self.studio.page.evaluate("() => new Promise(requestAnimationFrame)")
            self.take(70)
        mouse.up()
        self.rest()

    def vary(self, class_id: int, times: int) -> None:
        """Click a part of the picture some times."""
        self.move(self.studio.points([self.studio.inside(class_id)], "#result")[0])
        self.take(500)
        for _ in range(times):
            self.studio.page.mouse.click(*self.pointer)
            self.rest()

    def rest(self, milliseconds: int = 700) -> None:
        """Wait for the picture, and show it."""
        self.studio.settle()
        self.take(milliseconds)


def record(recording: Recording) -> None:
    """Paint longer hair, vary clothes, choose among variants, and morph."""
    studio, page = recording.studio, recording.studio.page
    recording.take(1200)
    recording.click(f".class[data-id='{HAIR}'] .name")
    page.locator("#size").fill("9")
    rows, columns = (studio.ids == HAIR).nonzero()
    left, right, low = int(columns.min()), int(columns.max()), int(rows.max())
    for x in (left, right):
        recording.paint([(x, low - 6 + 6 * step) for step in range(4)])
    recording.vary(TOP, 3)
    recording.click("#grid")
    page.locator("#variants .tile:enabled").last.wait_for()
    recording.take(900)
    recording.click("#variants .tile:nth-child(3)")
    recording.rest()
    recording.click("#tab-blend")
    page.evaluate("studio.setSecond({title: 'seed 4', recipe: {start: {seed: 4}, then: []}, map: null})")
    page.locator("#second[data-sequence]").wait_for()
    recording.rest()
    slider = page.locator("#morph")
    for amount in MORPH:
        slider.fill(str(amount))
        box = slider.bounding_box()
        assert box is not None
        recording.pointer = box["x"] + 8 + (box["width"] - 16) * amount / 100, box["y"] + box["height"] / 2
        recording.rest(200)
    recording.click("#tab-look", rest=900)


def main() -> None:
    """Serve the zoo, record, and write the file."""
    command = [sys.executable, "-c", "from smis.cli import main; main()", "studio", "--port", "0", "--device", "cpu"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server,
        chromium.launched() as browser,
    ):
        assert server.stdout is not None
        try:
            page = browser.new_page(viewport={"width": WINDOW[0], "height": WINDOW[1]}, color_scheme="light")
            studio = StudioPage(page, server.stdout.readline().split()[0])
            studio.open()
            recording = Recording(studio)
            record(recording)
        finally:
            server.terminate()
    first, *rest = recording.frames
    options = {"duration": recording.milliseconds, "loop": 0, "quality": 70, "method": 4}
    first.save(TARGET, save_all=True, append_images=rest, **options)
    print(f"{TARGET.name}: {len(recording.frames)} frames, {TARGET.stat().st_size / 2**20:.2f} MB")


if __name__ == "__main__":
    main()
