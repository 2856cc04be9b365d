import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from smis.core.errors import DiskError, ShardError
from smis.data import writer
from smis.data.rows import encode_rows
from smis.data.schema import Header
from smis.data.shards import Prepared
from smis.data.writer import ShardWriter, write
from tests.data.conftest import HEIGHT, LOAD_SIZE, WIDTH, sample


@pytest.fixture
def many_shards(make, tmp_path, monkeypatch):
    """Shards of four pictures."""
    monkeypatch.setattr(writer, "CHUNK", 4)
    make(shard_mib=0)
    return Prepared(tmp_path / "small")


def same(one, other):
    arrays = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("image", "labels", "instances"))
    return arrays and (one.key, one.split) == (other.key, other.split)


@pytest.mark.parametrize("encoding", ["raw", "png"])
def test_what_is_written_is_read_again(make, samples_of, encoding):
    prepared = make(encoding=encoding)
    for split in ("train", "test"):
        read = prepared.split(split)
        written = samples_of(split)
        assert len(read) == len(written)
        assert all(same(read[number], sample) for number, sample in enumerate(written))


def test_jpeg_changes_colors_a_little_and_maps_not_at_all(make, samples_of):
    read = make(encoding="jpeg").split("train")[3]
    written = samples_of("train")[3]
    assert np.array_equal(read.labels, written.labels)
    assert np.array_equal(read.instances, written.instances)
    assert 0 < np.abs(read.image.astype(int) - written.image.astype(int)).mean() < 8


def test_many_shards_read_like_one(many_shards, samples_of):
    assert len(list(many_shards.folder.glob("train-*.arrow"))) == 6
    split, written = many_shards.split("train"), samples_of("train")
    order = np.array([20, 0, 7, 7, 3, 12])
    batch = split.batch(order)
    assert batch.keys == tuple(written[number].key for number in order)
    assert np.array_equal(split.pictures(order).image, np.stack([written[number].image for number in order]))
    assert same(split[13], written[13])


@pytest.mark.parametrize("encoding", ["raw", "png"])
def test_of_pictures_that_are_loaded_larger_a_place_is_seen_or_the_middle(make, encoding):
    prepared = make(encoding=encoding, load_size=LOAD_SIZE)
    split, whole = prepared.split("train"), [sample(number, size=LOAD_SIZE) for number in range(21)]
    assert (prepared.height, prepared.width) == (HEIGHT, WIDTH)
    numbers, corners = np.array([4, 20, 4]), [(0, 0), (4, 3), (2, 2)]
    found = split.pictures(numbers, where=np.array([[0.0, 0.0], [0.99, 0.99], [0.5, 0.5]]))
    for at, (number, (top, left)) in enumerate(zip(numbers, corners, strict=True)):
        window = slice(top, top + HEIGHT), slice(left, left + WIDTH)
        assert np.array_equal(found.image[at], whole[number].image[window])
        assert np.array_equal(found.labels[at], whole[number].labels[window])
        assert len(np.unique(found.instances[at])) == found.instances[at].max() + 1
    assert np.array_equal(split[4].image, found.image[2])
    assert np.array_equal(split.batch([4]).labels[0], found.labels[2])


def test_pictures_that_are_not_for_training_are_not_loaded_larger(make, samples_of):
    split = make(load_size=LOAD_SIZE).split("test")
    assert all(same(split[number], written) for number, written in enumerate(samples_of("test")))
    sizes = pq.read_table(split.folder / "index.parquet", columns=["split", "height", "width"])
    assert {tuple(row.values()) for row in sizes.to_pylist()} == {("train", *LOAD_SIZE), ("test", HEIGHT, WIDTH)}


def test_a_data_set_that_is_not_loaded_larger_says_nothing_of_it(small_header):
    assert "load_size" not in small_header.metadata()


def test_a_batch_is_float_from_minus_one_to_one_and_long_ids(make, samples_of):
    batch = make().split("train").batch([2, 1])
    image = torch.from_numpy(samples_of("train")[2].image).permute(2, 0, 1)
    assert batch.image.dtype == torch.float32
    assert torch.equal(batch.image[0], image.float() / 127.5 - 1)
    assert batch.labels.dtype == batch.instances.dtype == torch.int64
    assert batch.shares == 1


def test_a_limited_number_of_pictures_is_spread_evenly_over_the_split(make):
    split = make().split("train")
    assert [numbers.tolist() for numbers in split.batch_numbers(3, limit=4)] == [[0, 5, 10], [15]]
    assert [numbers.tolist() for numbers in split.batch_numbers(20)] == [list(range(20)), [20]]
    assert np.concatenate(split.batch_numbers(4, limit=99)).tolist() == list(range(21))


def test_a_prepared_data_set_says_what_it_holds(make):
    prepared = make()
    assert (prepared.dataset, prepared.height, prepared.width) == ("small", 12, 10)
    assert prepared.classes == ["background", "hair", "coat", "shoes", "socks"]
    assert prepared.palette[1] == (20, 0, 254)
    assert prepared.splits == ["train", "test"]


def test_a_shard_says_by_itself_what_it_holds(make):
    folder = make().folder
    metadata = pa.ipc.open_file(pa.memory_map(str(folder / "train-00000.arrow"))).schema.metadata
    assert metadata[b"classes"] == b'["background", "hair", "coat", "shoes", "socks"]'
    assert len(metadata[b"checksum"]) == 64


def test_the_index_says_what_is_on_each_picture(make, samples_of):
    prepared = make()
    table = pq.read_table(prepared.folder / "index.parquet")
    assert table.num_rows == 24
    row = table.slice(5, 1).to_pylist()[0]
    assert (row["key"], row["split"], row["shard"], row["row"]) == ("train/0005", "train", "train-00000.arrow", 5)
    assert row["classes"] == [0, 1, 2, 3, 4]
    assert row["instances"] == 5
    counts = np.stack([np.bincount(sample.labels.ravel(), minlength=5) for sample in samples_of("train")])
    assert np.array_equal(prepared.split("train").pixels, counts)


def test_the_same_samples_give_the_same_bytes(tmp_path, samples_of, small_header):
    for folder in ("one", "other"):
        write(tmp_path / folder, samples_of("train"), header=small_header)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


def test_many_threads_and_another_process_read_the_same_map(make, samples_of):
    split = make().split("train")
    written = samples_of("train")
    with ThreadPoolExecutor(8) as threads:
        numbers = [number % 21 for number in range(400)]
        read = threads.map(split.__getitem__, numbers)
        assert all(same(one, written[number]) for one, number in zip(read, numbers, strict=True))
    assert same(pickle.loads(pickle.dumps(split))[4], written[4])


def test_a_number_past_the_end_is_an_index_error(make):
    with pytest.raises(IndexError, match="21"):
        make().split("train")[21]


def test_a_folder_that_was_not_prepared_is_named(tmp_path):
    with pytest.raises(ShardError, match=r"index\.parquet is missing.*run `dvc repro prepare` again"):
        Prepared(tmp_path)


def test_a_split_without_pictures_names_those_that_have_some(make):
    with pytest.raises(ShardError, match="no pictures in split 'validation'; there are: train, test"):
        make().split("validation")


def test_a_missing_shard_is_named(make):
    prepared = make()
    (prepared.folder / "train-00000.arrow").unlink()
    with pytest.raises(ShardError, match=r"train-00000\.arrow is missing; run `dvc repro prepare` again"):
        prepared.split("train")


@pytest.mark.parametrize("left", [0, 7, 300, -1])
def test_a_truncated_shard_is_named_in_one_line(make, left):
    prepared = make()
    path = prepared.folder / "train-00000.arrow"
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(ShardError, match=r"train-00000\.arrow is broken .*run `dvc repro prepare` again$") as caught:
        prepared.split("train")
    assert "\n" not in str(caught.value)


def test_a_shard_of_another_data_set_is_refused(make, samples_of, small_header, tmp_path):
    prepared = make()
    write(tmp_path / "other", samples_of("train")[:20], header=small_header)
    (tmp_path / "other" / "train-00000.arrow").replace(prepared.folder / "train-00000.arrow")
    with pytest.raises(ShardError, match=r"is not the file that index\.parquet beside it names"):
        prepared.split("train")


def test_a_changed_byte_does_not_pass_verification(make):
    prepared = make()
    prepared.split("train").verify()
    path = prepared.folder / "train-00000.arrow"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ShardError, match="does not have the checksum that it was written with"):
        prepared.split("train").verify()


def test_a_broken_encoded_picture_names_its_shard(make):
    prepared = make(encoding="png")
    path = prepared.folder / "train-00000.arrow"
    path.write_bytes(path.read_bytes().replace(b"IHDR", b"XXXX"))
    with pytest.raises(ShardError, match=r"train-00000\.arrow is broken"):
        prepared.split("train")[0]


def test_a_broken_index_is_named(make):
    folder = make().folder
    (folder / "index.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(ShardError, match=r"index\.parquet is broken"):
        Prepared(folder)


def test_another_version_is_refused(make):
    folder = make().folder
    table = pq.read_table(folder / "index.parquet")
    pq.write_table(table.replace_schema_metadata({b"version": b"99"}), folder / "index.parquet")
    with pytest.raises(ShardError, match=r"is of version 99, but this smis reads version 1; run `dvc repro prepare`"):
        Prepared(folder)


def test_a_place_that_cannot_be_written_leaves_nothing(tmp_path, samples_of, small_header):
    (tmp_path / "data").write_text("a file in place of the folder")
    with pytest.raises(DiskError, match=r"cannot write .*data/small: "):
        write(tmp_path / "data" / "small", samples_of("train"), header=small_header)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_full_disk_is_one_line_and_leaves_the_old_data(make, samples_of, small_header, monkeypatch):
    prepared = make()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pa.ipc, "new_file", full)
    with pytest.raises(DiskError, match="no space left on device; free"):
        write(prepared.folder, samples_of("train"), header=small_header)
    assert len(prepared.split("train")) == 21
    assert [path.name for path in prepared.folder.parent.iterdir()] == ["small"]


def test_an_aborted_writer_leaves_no_index(tmp_path: Path, samples_of, small_header: Header):
    with pytest.raises(KeyboardInterrupt), ShardWriter(tmp_path, small_header) as writing:  # noqa: PT012
        writing.add(encode_rows(samples_of("train"), small_header))
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
