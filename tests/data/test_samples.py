import numpy as np
import pytest

from smis.core.errors import DiskError, ShardError
from smis.data.samples import EVERYTHING, SampleRow, read_samples, write_samples


def rows(count):
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, size=(count, 6, 4, 3), dtype=np.uint8)
    return [
        SampleRow(f"test/{number // 3}", number % 3, EVERYTHING if number % 2 else number, image)
        for number, image in enumerate(images)
    ]


@pytest.mark.parametrize("count", [0, 5, 1030])
def test_samples_are_read_as_they_were_written(tmp_path, count):
    given = rows(count)
    write_samples(tmp_path / "single.arrow", iter(given), height=6, width=4)
    table = read_samples(tmp_path / "single.arrow")
    assert len(table) == count
    assert table.keys == [row.key for row in given]
    assert table.sample.tolist() == [row.sample for row in given]
    assert table.resampled.tolist() == [row.resampled for row in given]
    assert table.image.shape == (count, 6, 4, 3)
    assert all(np.array_equal(image, row.image) for image, row in zip(table.image, given, strict=True))


def test_missing_samples_name_the_remedy(tmp_path):
    with pytest.raises(ShardError, match=r"single\.arrow is missing; run `dvc repro sample` again"):
        read_samples(tmp_path / "single.arrow")


def test_truncated_samples_are_one_line(tmp_path):
    path = tmp_path / "single.arrow"
    write_samples(path, rows(5), height=6, width=4)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ShardError, match=r"single\.arrow is broken .*; run `dvc repro sample` again"):
        read_samples(path)


def test_a_sampler_that_fails_leaves_no_file(tmp_path):
    def failing():
        yield rows(1)[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_samples(tmp_path / "single.arrow", failing(), height=6, width=4)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "samples").write_text("a file in place of the folder")
    with pytest.raises(DiskError, match=r"cannot write .*single\.arrow: "):
        write_samples(tmp_path / "samples" / "single.arrow", rows(1), height=6, width=4)
