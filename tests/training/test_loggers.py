from pathlib import Path

from smis.core.history import HistoryLogger, read_history
from smis.training.loggers import CompositeLogger, MetricLogger, NullLogger


def test_a_composite_logger_passes_everything_on_and_a_null_logger_keeps_nothing(tmp_path: Path) -> None:
    one, other = HistoryLogger(tmp_path / "one.jsonl"), HistoryLogger(tmp_path / "other.jsonl")
    logger = CompositeLogger(one, NullLogger(), other)
    assert isinstance(logger, MetricLogger)
    logger.log(1, {"GAN": 0.5})
    logger.log_image(1, "grid", tmp_path)
    rows = [{"step": 1, "GAN": 0.5}]
    assert read_history(tmp_path / "one.jsonl") == read_history(tmp_path / "other.jsonl") == rows
