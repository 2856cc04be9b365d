import numpy as np
import pyarrow as pa
import pytest

from smis.core.errors import DiskError, ShardError
from smis.core.sample import RESAMPLED_ALL, SampleRow
from smis.data import samples
from smis.data.samples import read_samples, write_samples
from smis.data.schema import VERSION


def rows(count):
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, size=(count, 6, 4, 3), dtype=np.uint8)
    return [
        SampleRow(f"test/{number // 3}", number % 3, RESAMPLED_ALL if number % 2 else number, image)
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


def test_pictures_of_many_pieces_are_indexed_as_one_array(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "_ROWS", 4)
    given = np.stack([row.image for row in rows(11)])
    write_samples(tmp_path / "single.arrow", rows(11), height=6, width=4)
    image = read_samples(tmp_path / "single.arrow").image
    assert np.array_equal(np.stack(list(image)), given)
    for found in (3, 4, -1, np.int64(10), slice(2, 9), slice(None, None, -3), [10, 0, 4, 4], np.array([5, 3]), []):
        index = np.array(found, dtype=int) if isinstance(found, list) else found
        assert np.array_equal(image[found], given[index])
    with pytest.raises(IndexError, match="out of range"):
        image[11]


def test_nothing_is_copied_before_it_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "_ROWS", 4)
    write_samples(tmp_path / "single.arrow", rows(11), height=6, width=4)
    before = pa.total_allocated_bytes()
    image = read_samples(tmp_path / "single.arrow").image
    assert pa.total_allocated_bytes() - before < 6 * 4 * 3
    assert all(np.shares_memory(image[number], image[number]) for number in range(11))
    assert not image[0].flags.owndata
    assert not image[0].flags.writeable


@pytest.mark.parametrize(
    ("columns", "metadata", "reason"),
    [
        ({"x": [1]}, None, "was not written by `sample`, whose files alone can be read"),
        ({"x": [1]}, {"version": str(VERSION)}, "was not written by `sample`"),
        ({"x": [1]}, {"version": str(VERSION + 1), "height": "6", "width": "4"}, f"is of version {VERSION + 1}, not"),
        ({"key": ["a"]}, {"version": str(VERSION), "height": "6", "width": "4"}, "holds key, but samples are key, sam"),
    ],
)
def test_files_of_something_else_are_one_line(tmp_path, columns, metadata, reason):
    table = pa.table(columns).replace_schema_metadata(metadata)
    with pa.ipc.new_file(tmp_path / "other.arrow", table.schema) as sink:
        sink.write_table(table)
    with pytest.raises(ShardError, match=rf"other\.arrow {reason}"):
        read_samples(tmp_path / "other.arrow")


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
