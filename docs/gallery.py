"""`python docs/gallery.py`: draw docs/gallery/ with the models of `smis zoo list`, and list them in docs/gallery.md."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from PIL import Image

import smis
from smis.core.checkpoint_path import zoo_folder
from smis.core.contact_sheet import Group, color_labels, paint, tile
from smis.styles import ImageStyle, LabelLayout
from smis.zoo.collection import LABELS, Model, read_models

HERE = Path(__file__).parent
PAGE, PICTURES = HERE / "gallery.md", HERE / "gallery"
BEGIN, END = "<!-- models: python docs/gallery.py -->", "<!-- end of models -->"
CLOTHES = ("top-clothes", "dress", "outerwear", "top")
"""Classes to vary, the first that a label map has."""
SEEDS = (0, 1, 2)
VARIES = {
    "nothing": "makes one image of a label map",
    "global": "has one latent for the whole image",
    "class": "has a latent for each class",
    "instance": "has a latent for each instance",
}


def main() -> None:
    """Draw a sheet for each model, and one for the models of each data set on the same label maps."""
    PICTURES.mkdir(exist_ok=True)
    models = sorted(read_models(), key=lambda model: (model.dataset, model.size, model.name))
    sections: list[str] = []
    for (dataset, size), several in groupby(models, key=lambda model: (model.dataset, model.size)):
        group = list(several)
        if len(group) > 1:
            name = f"{dataset}-{size[0]}x{size[1]}"
            save(PICTURES / f"{name}.webp", same_maps(group))
            systems = ", ".join(f"`zoo:{model.name}`" for model in group)
            sections.append(f"### {dataset}, {size[0]} x {size[1]}: the same label maps\n\n{systems}\n")
            sections.append(f"![Label maps of {dataset}, and samples of each model](gallery/{name}.webp)\n")
        for model in group:
            save(PICTURES / f"{model.name}.webp", looks(model))
            sections.append(f"### {model.name}\n\n{described(model)}\n")
            sections.append(f"![What {model.name} varies on its label maps](gallery/{model.name}.webp)\n")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    text = "\n".join(sections)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


def same_maps(models: Sequence[Model]) -> Image.Image:
    """Draw samples of each model for the label maps of the first."""
    maps = sorted((zoo_folder(models[0].name) / LABELS).glob("*.png"))
    first = smis.load(f"zoo:{models[0].name}", device="cpu")
    groups = [Group("label map", [[colored(first, first.layout(path))] for path in maps])]
    for model in models:
        synth = smis.load(f"zoo:{model.name}", device="cpu")
        seeds = SEEDS[:1] if synth.varies == "nothing" else SEEDS
        rows = [[sample(synth, synth.layout(path), seed=seed) for seed in seeds] for path in maps]
        groups.append(Group(synth.title, rows))
    return paint(groups)


def looks(model: Model) -> Image.Image:
    """Draw samples, one class resampled, and a morph, as far as the model can."""
    synth = smis.load(f"zoo:{model.name}", device="cpu")
    layouts = [synth.layout(path) for path in sorted((zoo_folder(model.name) / LABELS).glob("*.png"))]
    styles: dict[str, list[list[ImageStyle]]] = {}
    styles["everything sampled"] = [[synth.sample(each, seed=seed) for seed in SEEDS] for each in layouts]
    if synth.varies == "nothing":
        styles = {"one image of each": [[synth.sample(each, seed=0)] for each in layouts]}
    if synth.varies in ("class", "instance"):
        styles["one class varied"] = [
            [synth.sample(each, seed=0).resample(classes=[garment(synth, each)], seed=seed) for seed in (3, 4, 5)]
            for each in layouts
        ]
    if synth.varies != "nothing":
        styles["from one to another"] = [
            [synth.sample(each, seed=1).morph(synth.sample(each, seed=2), amount) for amount in (0, 0.33, 0.67, 1)]
            for each in layouts
        ]
    rows = {
        caption: [[picture(synth, each, style) for style in row] for each, row in zip(layouts, grid, strict=True)]
        for caption, grid in styles.items()
    }
    maps = Group("label map", [[colored(synth, each)] for each in layouts])
    return paint([maps, *[Group(caption, tiles) for caption, tiles in rows.items()]])


def described(model: Model) -> str:
    """Say in one line what a model is."""
    synth = smis.load(f"zoo:{model.name}", device="cpu")
    can = f"{synth.title} {VARIES[synth.varies]}"
    return f"{can}; {model.step:,} steps, {model.mib:.1f} MiB. `smis zoo show {model.name}`"


def garment(synth: smis.Synthesizer, layout: LabelLayout) -> str:
    """Return the piece of clothes to vary."""
    present = {synth.classes[number] for number in layout.labels.unique().tolist()}
    return next(name for name in CLOTHES if name in present)


def sample(synth: smis.Synthesizer, layout: LabelLayout, *, seed: int) -> Image.Image:
    """Draw one sample."""
    return picture(synth, layout, synth.sample(layout, seed=seed))


def picture(synth: smis.Synthesizer, layout: LabelLayout, style: ImageStyle) -> Image.Image:
    """Draw one style."""
    return tile(smis.to_uint8(synth(layout, style))[0])


def colored(synth: smis.Synthesizer, layout: LabelLayout) -> Image.Image:
    """Draw the label map in the colors of its classes."""
    return tile(color_labels(layout.labels[0].numpy(), synth.palette), smooth=False)


def save(path: Path, sheet: Image.Image) -> None:
    """Write a picture for a page: WebP, an eighth of PNG."""
    sheet.save(path, quality=85, method=6)


if __name__ == "__main__":
    main()
