"""What the studio does with a request, whatever it came by; all but uploads run in the device's thread."""

import time
from base64 import b64encode

from smis.core.errors import StyleError
from smis.core.images import encode_image
from smis.core.shapes import ImageArray
from smis.datasets.io.raw_maps import instances_of_regions
from smis.studio.animation import frame_recipe
from smis.studio.api_messages import (
    AnimationRequest,
    BundleAnswer,
    DistancesAnswer,
    DistancesRequest,
    PaintedRequest,
    StyledRequest,
    SynthesizeAnswer,
    SynthesizeRequest,
    UploadedImage,
    UploadedLabels,
)
from smis.studio.bundle import BundleDescription, read_bundle, write_bundle
from smis.studio.device_worker import Job
from smis.studio.encoded_images import decode_picture, map_text, picture_text, resize_note
from smis.studio.equivalent_code import PICTURE, SCRIPT, EquivalentCode, RecipeTranslator
from smis.studio.label_import import import_labels
from smis.studio.model_library import ModelLibrary
from smis.studio.picture_measures import PictureMeasures
from smis.studio.recipe_evaluation import RecipeEvaluator, read_style, write_style
from smis.studio.style_recipe import as_json, uploads_of
from smis.studio.uploads import Uploads


class StudioService:
    """Models, uploads, and what is computed of them.

    Example:
        >>> from pathlib import Path
        >>> from smis.studio.model_sources import ModelSource
        >>> service = StudioService(ModelLibrary({"own": ModelSource("own", Path("checkpoint.safetensors"))}))
        >>> labels = b64encode(Path("labels.png").read_bytes()).decode()
        >>> request = {"model": "own", "labels": labels, "recipes": [{"start": {"seed": 7}}]}
        >>> answer = service.synthesize(SynthesizeRequest.check(request, source="request"))
        >>> len(answer.images), answer.sequence
        (1, 0)
    """

    def __init__(self, library: ModelLibrary) -> None:
        self.library = library
        self.uploads = Uploads()
        self.evaluator = RecipeEvaluator(library, self.uploads)
        self.measures = PictureMeasures(library)

    def synthesize(self, request: SynthesizeRequest, job: Job | None = None) -> SynthesizeAnswer:
        """Make a picture for each recipe.

        Raises:
            SmisError: if the maps or recipes do not fit the model.
            SupersededError: if a newer request of the page waits before the last picture is made.
        """
        started = time.perf_counter()
        painted = self.evaluator.read_map(request.model, request.labels, request.instances)
        images: list[str] = []
        for recipe in request.recipes:
            if job is not None and images:
                job.stop_if_superseded()
            images.append(b64encode(self.evaluator.picture(request.model, recipe, painted)).decode())
        milliseconds = round(1000 * (time.perf_counter() - started), 1)
        return SynthesizeAnswer(images=images, milliseconds=milliseconds, sequence=request.sequence)

    def keep_photograph(self, content: bytes, model: str | None) -> UploadedImage:
        """Decode a photograph and keep it; the preview has the model's size.

        Raises:
            ImageError: if it is no picture, or too large.
        """
        picture = decode_picture(content, title="the picture")
        own = picture.shape[0], picture.shape[1]
        size = self.library.load(model).size if model else own
        preview = picture_text(decode_picture(content, title="the picture", size=size))
        notes = [resize_note("the picture", own, size, how="with bicubic interpolation")] if size != own else []
        return UploadedImage(image=self.uploads.keep(picture), size=own, preview=preview, notes=notes)

    def style_file(self, request: StyledRequest) -> bytes:
        """Return the file of the style that is on the screen."""
        painted = self.evaluator.read_map(request.model, request.labels, request.instances)
        return write_style(self.evaluator.style(request.model, request.recipe, painted))

    def keep_style(self, content: bytes, model: str) -> str:
        """Check a style file and keep it; return its key.

        Raises:
            StyleError: if it is none, or one of another system.
        """
        read_style(self.library.load(model), content)
        return self.uploads.keep(content)

    def import_labels(self, content: bytes, model: str) -> UploadedLabels:
        """Read a label map for a model.

        Raises:
            LabelError: if it is none, or does not fit the model.
        """
        synth = self.library.load(model)
        imported = import_labels(content, classes=synth.classes, palette=synth.palette, size=synth.size)
        size = imported.ids.shape[0], imported.ids.shape[1]
        return UploadedLabels(labels=map_text(imported.ids), size=size, notes=[*imported.notes])

    def instances(self, request: PaintedRequest) -> str:
        """Return an instance map in which each connected region of a class is an instance."""
        painted = self.evaluator.read_map(request.model, request.labels)
        return map_text(instances_of_regions(painted.labels))

    def distances(self, request: DistancesRequest) -> DistancesAnswer:
        """Return how far pictures are from each other."""
        return self.measures.distances(request, self.evaluator.read_map(request.model, request.labels))

    def code(self, request: StyledRequest) -> EquivalentCode:
        """Return the lines that make the picture on the screen."""
        synth, uploads = self.library.load(request.model), self.uploads
        translator = RecipeTranslator(
            request.model,
            self.library.precision,
            read_map=lambda labels, instances: self.evaluator.read_map(request.model, labels, instances),
            photograph=lambda key: self.evaluator.photograph(key, synth),
            style_file=uploads.style,
        )
        painted = self.evaluator.read_map(request.model, request.labels, request.instances)
        return translator.translate(request.recipe, painted)

    def frame(self, request: AnimationRequest, number: int) -> ImageArray:
        """Return one frame of an animation, counted from 0."""
        painted = self.evaluator.read_map(request.model, request.labels, request.instances)
        recipe = frame_recipe(request.start, request.end, number / (request.frames - 1), painted)
        return decode_picture(self.evaluator.picture(request.model, recipe, painted), title="the frame")

    def bundle(self, request: StyledRequest) -> bytes:
        """Return all that is on the screen as a zip file."""
        painted = self.evaluator.read_map(request.model, request.labels, request.instances)
        uploads = {
            key: self._upload_file(key, number, photograph=photograph)
            for number, (key, photograph) in enumerate(uploads_of(request.recipe).items())
        }
        names = {key: name for key, (name, _) in uploads.items()}
        code = self.code(request)
        description = BundleDescription(model=request.model, recipe=request.recipe, uploads=names)
        files = {PICTURE: self.evaluator.picture(request.model, request.recipe, painted)}
        files |= {"style.safetensors": self.style_file(request), SCRIPT: code.python.encode(), **code.files}
        return write_bundle(description, files | dict(uploads.values()))

    def _upload_file(self, key: str, number: int, *, photograph: bool) -> tuple[str, bytes]:
        if photograph:
            return f"upload_{number}.png", encode_image(self.uploads.photograph(key), "png")
        return f"upload_{number}.safetensors", self.uploads.style(key)

    def open_bundle(self, content: bytes) -> BundleAnswer:
        """Read a zip file that `bundle` wrote, and keep its uploads.

        Raises:
            SmisError: if it is none, or does not fit the model that it names.
        """
        bundle = read_bundle(content)
        for key, photograph in uploads_of(bundle.description.recipe).items():
            file = bundle.uploads.get(key)
            found: ImageArray | bytes | None = (
                decode_picture(file, title="a photograph of the bundle") if photograph and file else file
            )
            if found is None or self.uploads.keep(found) != key:
                raise StyleError(f"the bundle does not have the upload {key}; bring in a file that the studio saved")
        labels, instances = b64encode(bundle.labels).decode(), bundle.instances
        text = None if instances is None else b64encode(instances).decode()
        model = bundle.description.model
        self.evaluator.read_map(model, labels, text)
        return BundleAnswer(model=model, labels=labels, instances=text, recipe=as_json(bundle.description.recipe))
