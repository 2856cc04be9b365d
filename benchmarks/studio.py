"""`python -m benchmarks.studio`: from a stroke to its picture in the studio, as JSON.

A page sends one request for each stroke; here each goes through the whole server (`starlette.testclient`, no socket):
the map grows by a stroke on which the style's own map is kept, so its style, but no layout and no picture, is known
from before. Models of the zoo at their 128 x 128, and built for 64 x 64. The goals, on two cores: 150 ms at 64 x 64,
400 ms at 128 x 128. `parts_ms` is where the processors' time of a stroke goes.

`first_s` is from the start of `smis studio` to its address, and to a picture; `clone_s` (with --clone) the same of
`make studio` in a fresh clone of this repository, at first with the installation of all packages (from uv's cache where
it has them), then again. `load` is the machine's, before and after: beside other work, seconds say little.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import torch
from numpy import ndarray
from starlette.testclient import TestClient

from benchmarks.clock import machine
from smis.datasets.io.raw_images import resize_ids
from smis.models.system_registry import SYSTEMS
from smis.studio.application import create_app
from smis.studio.encoded_images import decode_map, map_text, picture_text
from smis.studio.model_library import ModelLibrary
from smis.studio.model_sources import ModelSource, zoo_sources
from smis.studio.service import StudioService
from smis.studio.style_recipe import StyleRecipe
from smis.styles import to_uint8
from smis.training.export import read_checkpoint, save_weights, tensors_of

SMALL = 64
SMIS = [
    *(sys.executable, "-c", "import sys; from smis.cli import main; sys.exit(main())"),
    *("studio", "--port", "0", "--device", "cpu"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description="Time strokes in the studio.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--strokes", type=int, default=30)
    parser.add_argument("--models", nargs="+", default=["groupdnet-paperdoll", "inade-paperdoll"], help="of the zoo")
    parser.add_argument("--clone", action="store_true", help="time `make studio` in a fresh clone, too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    load = [round(os.getloadavg()[0], 1)]
    with tempfile.TemporaryDirectory() as folder:
        chosen = [each for each in zoo_sources() if each.name.removeprefix("zoo:") in options.models]
        sources = {source.name: source for each in chosen for source in (each, smaller(each, Path(folder)))}
        service = StudioService(ModelLibrary(sources, device="cpu"))
        with TestClient(create_app(service), base_url="http://127.0.0.1") as client:
            examples = {
                model["name"].partition(" ")[0]: model["examples"][0]["labels"]
                for model in reversed(client.get("/api/models").json())
            }
            rows = [measure(client, name, examples[name.partition(" ")[0]], options.strokes) for name in sources]
            for row in rows:
                row["parts_ms"] = parts(service, row["what"], examples[row["what"].partition(" ")[0]], options.strokes)
    result = {"machine": machine(), "load": load, "first_s": first_seconds(SMIS, Path(), os.environ), "rows": rows}
    if options.clone:
        result["clone_s"] = clone_seconds()
    load.append(round(os.getloadavg()[0], 1))
    print(json.dumps(result, indent=2))


def smaller(source: ModelSource, folder: Path) -> ModelSource:
    """Write a model like one of the zoo that paints 64 x 64; its weights are random, which takes as long."""
    checkpoint = read_checkpoint(source.path, SYSTEMS)
    system = checkpoint.build(SMALL, SMALL)
    tensors = tensors_of({"generator": system.generator, "encoder": system.encoder})
    path = folder / f"{source.name.removeprefix('zoo:')}.safetensors"
    save_weights(path, tensors, metadata={**checkpoint.metadata, "height": str(SMALL), "width": str(SMALL)})
    return ModelSource(f"{source.name} at {SMALL}", path, labels=source.labels)


def measure(client: TestClient, name: str, example: str, strokes: int) -> dict[str, Any]:
    """Return the milliseconds of a stroke, asked for and answered, and of the processors: those wait for nobody."""
    ids, recipe = painted(name, example)
    taken: list[float] = []
    worked: list[float] = []
    for number in range(strokes + 3):
        request = {"model": name, "labels": map_text(stroke(ids, number)), "recipes": [recipe], "page": "bench"}
        start, before = time.perf_counter(), time.process_time()
        answer = client.post("/api/synthesize", json=request)
        taken.append(1000 * (time.perf_counter() - start))
        worked.append(1000 * (time.process_time() - before))
        assert answer.status_code == 200, answer.text
    warm = sorted(taken[3:])
    return {
        "what": name,
        "median_ms": round(statistics.median(warm), 1),
        "fastest_ms": round(warm[0], 1),
        "slowest_ms": round(warm[-1], 1),
        "processor_ms": round(statistics.median(worked[3:]), 1),
    }


def painted(name: str, example: str) -> tuple[ndarray, dict[str, Any]]:
    """Return a map of a model's size and a recipe with a step."""
    size = SMALL if name.endswith(f"at {SMALL}") else 128
    ids = np.array(resize_ids(decode_map(b64decode(example), title=name), (size, size)))
    steps = [{"resample": {"classes": ["hair"], "seed": 5}}]
    return ids, {"start": {"seed": 7}, "labels": map_text(ids), "then": steps}


def parts(service: StudioService, name: str, example: str, strokes: int) -> dict[str, float]:
    """Return the processors' milliseconds of each part of a stroke, the network's among them, without the server."""
    ids, recipe = painted(name, example)
    checked, evaluator, synth = StyleRecipe.model_validate(recipe), service.evaluator, service.library.load(name)
    taken: dict[str, list[float]] = {part: [] for part in ("maps", "layout", "style", "network", "png")}
    for number in range(strokes + 3):
        text = map_text(stroke(ids, strokes + 3 + number))
        ends = [time.process_time()]
        current = evaluator.read_map(name, text)
        ends.append(time.process_time())
        evaluator.layout(name, current)
        ends.append(time.process_time())
        style = evaluator.style(name, checked, current)
        ends.append(time.process_time())
        image = synth(style.layout, style)
        ends.append(time.process_time())
        picture_text(to_uint8(image)[0])
        ends.append(time.process_time())
        for part, (before, after) in zip(taken, pairwise(ends), strict=True):
            taken[part].append(1000 * (after - before))
    return {part: round(statistics.median(times[3:]), 1) for part, times in taken.items()}


def stroke(ids: ndarray, number: int) -> ndarray:
    """Paint one more dot of class 3 into the map."""
    row, column = divmod(number % (len(ids) // 4) ** 2, len(ids) // 4)
    ids[4 * row : 4 * row + 3, 4 * column : 4 * column + 3] = 3
    return ids


def clone_seconds() -> dict[str, Any]:
    """Return the seconds of `make studio` in a fresh clone: with installation, and when all is installed."""
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "OMP_NUM_THREADS")}
    beside = str(Path(sys.executable).parent)
    kept = [place for place in environment["PATH"].split(os.pathsep) if place != beside]
    environment["PATH"] = os.pathsep.join(kept)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "clone", "--quiet", str(Path(__file__).parents[1]), folder], check=True)
        make = ["make", "studio", "CHECKPOINT=--port 0 --device cpu"]
        return {what: first_seconds(make, Path(folder), environment) for what in ("with installation", "installed")}


def first_seconds(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> dict[str, float]:
    """Return seconds from the start of a command to its address, and to the first picture; and the processors'."""
    start, before = time.perf_counter(), os.times()
    options: dict[str, Any] = {"cwd": folder, "env": environment, "start_new_session": True}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options) as process:
        assert process.stdout is not None
        address = next(line for line in process.stdout if line.startswith("http")).partition(" ")[0]
        seconds = {"address": round(time.perf_counter() - start, 2)}
        with urlopen(f"{address}api/models") as answer:
            model = json.load(answer)[0]
        request = {
            "model": model["name"],
            "labels": model["examples"][0]["labels"],
            "recipes": [{"start": {"seed": 7}}],
        }
        urlopen(
            Request(f"{address}api/synthesize", json.dumps(request).encode(), {"content-type": "application/json"})
        ).close()
        seconds["picture"] = round(time.perf_counter() - start, 2)
        os.killpg(process.pid, signal.SIGTERM)
    after = os.times()
    worked = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds | {"processor": round(worked, 2)}


if __name__ == "__main__":
    main()
