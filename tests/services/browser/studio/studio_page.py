"""The studio's page as a person uses it: real pointer events, and what arrives at the server."""

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray
from PIL import Image
from playwright.sync_api import Page, Request, expect

INADE, GROUPDNET = "zoo:inade-paperdoll", "zoo:groupdnet-paperdoll"
SMALL = "runs/paperdoll/inade/seed-0/checkpoint.safetensors"
HAIR, TOP, SOCKS = 1, 3, 7
SIZE = 128

PLACE = """(frame) => {
    const box = (document.querySelector(`${frame} .layer`) ?? document.querySelector(frame)).getBoundingClientRect();
    return [box.left, box.top, box.width, studio.map.width];
}"""

Pixel = tuple[int, int]
"""x and y on the label map."""


def read_png(text: str) -> ndarray:
    """Decode a PNG in base64 with an independent decoder."""
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        return np.asarray(image).astype(np.int64)


@dataclass
class StudioPage:
    """One page of a studio; `errors` are those that its scripts raised, `arrived` the requests for the main picture."""

    page: Page
    address: str
    errors: list[str] = field(default_factory=list)
    arrived: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", self._note)

    def _note(self, request: Request) -> None:
        if request.url.endswith("/api/synthesize"):
            body = json.loads(request.post_data or "{}")
            if body["page"].endswith("-picture"):
                self.arrived.append(body)

    def open(self, *, model: str = INADE, fragment: str = "") -> None:
        """Open the page and choose a model."""
        self.page.goto(f"{self.address}{fragment}")
        self.ready()
        if not fragment and self.model != model:
            self.page.select_option("#model", model)
            self.settle()

    def ready(self) -> None:
        """Wait until the page has begun, and shows its first picture."""
        expect(self.page.locator("html")).to_have_attribute("data-ready", "true")
        self.settle()

    def settle(self) -> None:
        """Wait until the picture is that of the map and the look on the screen."""
        expect(self.page.locator("#result")).to_have_attribute("aria-busy", "false")

    @property
    def model(self) -> str:
        return self.page.evaluate("studio.model.name")

    @property
    def ids(self) -> ndarray:
        """The label map on the page, (h, w)."""
        return self._map("ids")

    @property
    def objects(self) -> ndarray:
        """The instance map on the page, (h, w)."""
        return self._map("objects")

    def _map(self, name: str) -> ndarray:
        width, values = self.page.evaluate(f"[studio.map.width, [...studio.map.{name}]]")
        return np.array(values).reshape(-1, width)

    @property
    def last_arrived(self) -> ndarray:
        """The label map of the last request."""
        return read_png(self.arrived[-1]["labels"])

    @property
    def picture(self) -> ndarray:
        """The picture on the screen, (h, w, 3)."""
        self.settle()
        return read_png(self.page.evaluate("studio.picture.png"))

    @property
    def shown_map(self) -> ndarray:
        """The label map that the picture on the screen was made of."""
        width, values = self.page.evaluate("[studio.picture.map.width, [...studio.picture.map.ids]]")
        return np.array(values).reshape(-1, width)

    @property
    def look(self) -> dict[str, Any]:
        return self.page.evaluate("studio.look")

    def choose(self, class_id: int, *, tool: str = "brush", size: int | None = None) -> None:
        """Choose a class, a tool and a size in pixels."""
        self.page.click(f".class[data-id='{class_id}'] .name")
        self.page.click(f"[data-tool={tool}]")
        if size is not None:
            self.page.locator("#size").fill(str(size))

    def begin_empty(self) -> None:
        """Take a map of background alone."""
        self.page.get_by_role("button", name="Begin with empty").click()
        self.settle()

    def points(self, pixels: Sequence[Pixel], frame: str = "#stage") -> list[tuple[float, float]]:
        """Return where pixels of the map are in the window."""
        left, top, side, width = self.page.evaluate(PLACE, frame)
        return [(left + side * (x + 0.5) / width, top + side * (y + 0.5) / width) for x, y in pixels]

    def stroke(self, pixels: Sequence[Pixel], frame: str = "#stage") -> None:
        """Press at the first pixel, move over the others, and let go."""
        self.drag(self.points(pixels, frame))

    def drag(self, points: Sequence[tuple[float, float]]) -> None:
        """Press at the first point of the window, move over the others, and let go."""
        self.page.mouse.move(*points[0])
        self.page.mouse.down()
        for each in points[1:]:
            self.page.mouse.move(*each)
        self.page.mouse.up()

    def click_picture(self, pixel: Pixel) -> None:
        """Click the picture at a pixel of the map."""
        self.page.mouse.click(*self.points([pixel], "#result")[0])

    def inside(self, class_id: int) -> Pixel:
        """Return a pixel well inside a class."""
        rows, columns = np.nonzero(self.ids == class_id)
        middle = np.argmin(np.abs(rows - rows.mean()) + np.abs(columns - columns.mean()))
        return int(columns[middle]), int(rows[middle])

    def bring_in(self, *paths: Path) -> None:
        """Choose files, as the dialog of the system does."""
        self.page.set_input_files("#file", [str(path) for path in paths])

    def save(self, name: str, path: Path) -> Path:
        """Choose an entry of the menu "Save", and keep its file."""
        self.page.get_by_role("button", name="Save").click()
        with self.page.expect_download() as download:
            self.page.get_by_role("menuitem", name=name).click()
        download.value.save_as(path)
        return path
