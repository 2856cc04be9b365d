"""The last stage: the papers' table, the curves and the pictures, as one page, as Markdown, and as JSON."""

from pipelines.params import Axes, read
from pipelines.report.config import OUT, ReportConfig
from smis.core.config import Config
from smis.core.files import written_folder


class Params(Config):
    """The sections that decide what is shown."""

    axes: Axes
    report: ReportConfig = ReportConfig()


def main() -> None:
    """Write report/: report.html, report.md, table.json, comparison.png and pictures/."""
    # Reading data imports torch, which takes seconds; the last lines of `make repro` come without it.
    from pipelines.report.folder import write
    from pipelines.report.sections import gather

    params = read(Params)
    sections = [gather(dataset, params.axes.system, params.report) for dataset in params.axes.dataset]
    with written_folder(OUT) as folder:
        write(sections, folder)
