import pickle

import pytest

from smis.datasets.io.table import Entry, Table

ENTRIES = [
    Entry("ä", "0:images/ä.jpg", ("0:labels/ä.png",)),
    Entry("c", "0:caf\udce9/images/c.jpg", ("0:caf\udce9/labels/c.png",)),
    Entry("b", "0:images/b.jpg", ("0:labels/b_skin.png", "0:labels/b_nose.png"), "1:instances/b.png"),
]


def test_a_table_gives_back_what_it_was_made_of_in_any_process():
    for table in (Table(ENTRIES), pickle.loads(pickle.dumps(Table(ENTRIES)))):
        assert list(table) == ENTRIES
        assert table[1:] == ENTRIES[1:]


def test_a_picture_that_is_not_there_is_not_another():
    with pytest.raises(IndexError):
        Table(ENTRIES)[-1]


def test_a_table_of_many_pictures_takes_little_more_than_their_names():
    entries = [Entry(f"{n:07d}", f"0:images/{n:07d}.jpg", (f"0:labels/{n:07d}.png",)) for n in range(20000)]
    names = sum(len("".join(entry.files)) + len(entry.key) for entry in entries)
    assert len(pickle.dumps(Table(entries))) < 1.4 * names
