"""The lines of Python and of the shell that make the picture on the screen, and the files that they read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from shlex import quote

from smis.core.images import encode_image
from smis.core.shapes import ImageArray
from smis.studio.encoded_images import map_bytes
from smis.studio.recipe_evaluation import PaintedMap
from smis.studio.style_recipe import Start, Step, StyleRecipe

LABELS, INSTANCES, PICTURE, SCRIPT = "labels.png", "instances.png", "picture.png", "picture.py"


@dataclass(frozen=True)
class EquivalentCode:
    """Lines that make one picture, and the files that they read, by name."""

    python: str
    shell: str
    files: dict[str, bytes]


@dataclass
class RecipeTranslator:
    """Write a recipe as lines of Python.

    Args:
        model: As `smis.load` takes it.
        precision: As `smis.load` takes it.
        read_map: Decodes the maps of a recipe.
        photograph: Returns the pixels of an uploaded photograph, of the model's size.
        style_file: Returns the bytes of an uploaded style.
    """

    model: str
    precision: str
    read_map: Callable[[str, str | None], PaintedMap]
    photograph: Callable[[str], ImageArray]
    style_file: Callable[[str], bytes]
    _files: dict[str, bytes] = field(default_factory=dict)
    _map_names: dict[str, str] = field(default_factory=dict)
    """Arguments that name a map's files, by its key."""
    _styles: int = 0

    def translate(self, recipe: StyleRecipe, painted: PaintedMap) -> EquivalentCode:
        """Return the lines for a recipe on a map."""
        maps = self._maps(painted, LABELS, INSTANCES)
        lines, style = self._style(recipe, painted, name="style")
        options = "" if self.precision == "float32" else f", precision={self.precision!r}"
        head = ["import smis", "from PIL import Image", "", f"synth = smis.load({self.model!r}{options})"]
        tail = [
            f"layout = synth.layout({maps})",
            f"image = synth(layout, {style}.on(layout))",
            f'Image.fromarray(smis.to_uint8(image)[0]).save("{PICTURE}")',
        ]
        python = "\n".join([*head, *lines, *tail]) + "\n"
        return EquivalentCode(python, self._shell(recipe, painted, python), dict(self._files))

    def _style(self, recipe: StyleRecipe, target: PaintedMap, *, name: str) -> tuple[list[str], str]:
        """Return the lines that make a style, and its name."""
        own = target if recipe.labels is None else self.read_map(recipe.labels, recipe.instances)
        lines = [f"{name} = {self._start(recipe.start, self._maps(own))}"]
        for step in recipe.then:
            before, call, own = self._step(step, own)
            lines += [*before, f"{name} = {name}.{call}"]
        return lines, name

    def _start(self, start: Start, maps: str) -> str:
        if start.image is not None:
            pixels = self.photograph(start.image)
            return f'synth.encode("{self._file("photograph", encode_image(pixels, "png"))}", {maps})'
        if start.style is not None:
            return f'synth.style("{self._file("style", self.style_file(start.style), ending="safetensors")}")'
        return f"synth.sample({maps}, seed={start.seed})"

    def _step(self, step: Step, on: PaintedMap) -> tuple[list[str], str, PaintedMap]:
        """Return lines that come before a step, its call, and the map that the style is on afterwards."""
        if step.on is not None:
            painted = self.read_map(step.on.labels, step.on.instances)
            return [], f"on({self._maps(painted)})", painted
        if step.resample is not None:
            given = {"classes": step.resample.classes, "instances": step.resample.instances}
            words = [f"{name}={value!r}" for name, value in given.items() if value is not None]
            return [], f"resample({', '.join([*words, f'seed={step.resample.seed}'])})", on
        assert step.other is not None
        self._styles += 1
        before, other = self._style(step.other, on, name=f"other_{self._styles}")
        if step.copied is not None:
            return before, f"copy({other}, source={step.copied.source!r}, target={step.copied.target!r})", on
        if step.mix is not None:
            call, spherical = f"mix({other}, {dict(step.mix.weights)!r}", step.mix.spherical
        else:
            assert step.morph is not None
            call, spherical = f"morph({other}, {step.morph.amount!r}", step.morph.spherical
        return before, call + (")" if spherical else ", spherical=False)"), on

    def _maps(self, painted: PaintedMap, labels: str = "", instances: str = "") -> str:
        """Return the arguments that name a map's files."""
        if painted.key not in self._map_names:
            number = len(self._map_names)
            names = [self._add(labels or f"map_{number}.png", map_bytes(painted.labels))]
            if painted.instances is not None:
                names.append(self._add(instances or f"map_{number}_instances.png", map_bytes(painted.instances)))
            self._map_names[painted.key] = ", ".join(f'"{name}"' for name in names)
        return self._map_names[painted.key]

    def _file(self, kind: str, content: bytes, *, ending: str = "png") -> str:
        """Return the name of a file, the same for the same content."""
        for name, present in self._files.items():
            if present == content:
                return name
        number = 1 + sum(name.startswith(f"{kind}_") for name in self._files)
        return self._add(f"{kind}_{number}.{ending}", content)

    def _add(self, name: str, content: bytes) -> str:
        self._files[name] = content
        return name

    def _shell(self, recipe: StyleRecipe, painted: PaintedMap, python: str) -> str:
        """Return a verb of `smis` where one does the same, else the lines of Python."""
        line = self._verb(recipe, painted) if self.precision == "float32" and recipe.start.style is None else None
        return line if line is not None else f"python - <<'END'\n{python}END\n"

    def _verb(self, recipe: StyleRecipe, painted: PaintedMap) -> str | None:
        born = painted if recipe.labels is None else self.read_map(recipe.labels, recipe.instances)
        start = self._start_options(recipe.start)
        if born.key != painted.key:
            changed = self._options(painted, "--edited-instance-maps")
            line = f"edit {self.model} {self._options(born, '--instance-maps', changed)} {start}"
            return f"smis {line} --out pictures\n" if not recipe.then else None
        options = self._options(painted, "--instance-maps")
        if not recipe.then:
            return f"smis generate {self.model} {options} {start} --samples 1 --out pictures\n"
        step = recipe.then[0].resample
        if len(recipe.then) > 1 or step is None or recipe.start.seed is None or step.seed != recipe.start.seed + 1:
            return None
        chosen = [f"--classes {' '.join(map(quote, step.classes))}"] if step.classes else []
        chosen += [f"--instances {' '.join(map(str, step.instances))}"] if step.instances else []
        if len(chosen) != 1:
            return None
        return f"smis resample {self.model} {options} {start} {chosen[0]} --samples 1 --out pictures\n"

    def _start_options(self, start: Start) -> str:
        if start.image is None:
            return f"--seed {start.seed}"
        return f"--image {self._file('photograph', encode_image(self.photograph(start.image), 'png'))}"

    def _options(self, painted: PaintedMap, option: str, after: str = "") -> str:
        """Return a label map as an argument, then `after`, and its instance map as an option."""
        labels, *instances = (name.strip('"') for name in self._maps(painted).split(", "))
        return " ".join([labels, *([after] if after else []), *(f"{option} {name}" for name in instances)])
