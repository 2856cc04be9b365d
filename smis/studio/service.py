"""What the studio does with a request, whatever it came by; all but uploads run in the device's thread."""

import time
from base64 import b64encode

from smis.studio.api_messages import StyledRequest, SynthesizeAnswer, SynthesizeRequest, UploadedImage
from smis.studio.device_worker import Job
from smis.studio.encoded_images import decode_picture, picture_text
from smis.studio.model_library import ModelLibrary
from smis.studio.recipe_evaluation import RecipeEvaluator, read_style, write_style
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
        size = self.library.load(model).size if model else (picture.shape[0], picture.shape[1])
        preview = decode_picture(content, title="the picture", size=size)
        return UploadedImage(
            image=self.uploads.keep(picture), size=(picture.shape[0], picture.shape[1]), preview=picture_text(preview)
        )

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
