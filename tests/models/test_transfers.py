import threading

import pytest
import torch

from linearity.models.transfers import MOST_WRITES, Transfers

CPU = torch.device("cpu")


def test_the_next_piece_is_fetched_while_this_one_is_used() -> None:
    fetched = [threading.Event() for _ in range(3)]

    def fetch(item: int) -> int:
        fetched[item].set()
        return 10 * item

    with Transfers(CPU) as transfers:
        for item, made in transfers.ahead(range(3), fetch):
            assert made == 10 * item
            if item < 2:
                assert fetched[item + 1].wait(timeout=60)


def test_nothing_to_fetch_yields_nothing() -> None:
    with Transfers(CPU) as transfers:
        assert list(transfers.ahead([], lambda item: item)) == []


def test_a_read_behind_a_write_sees_what_was_written() -> None:
    mapped = torch.zeros(8, 4)
    with Transfers(CPU) as transfers:
        for number in range(1, 5):
            transfers.write(torch.full((8, 4), float(number)), mapped)
            [(_, read)] = transfers.ahead([mapped], transfers.host)
            assert read.eq(number).all()


def test_everything_is_written_at_the_end() -> None:
    mapped = torch.zeros(10 * MOST_WRITES, 3)
    rows = torch.randn(len(mapped), 3)
    with Transfers(CPU) as transfers:
        for number in range(len(mapped)):
            transfers.write(rows[number], mapped[number])
    assert mapped.equal(rows)


@pytest.mark.parametrize("more", [0, 3 * MOST_WRITES])
def test_what_went_wrong_while_writing_is_raised(more: int) -> None:
    mapped = torch.zeros(2, 3)

    def write() -> None:
        with Transfers(CPU) as transfers:
            transfers.write(torch.zeros(5, 7), mapped)
            for _ in range(more):
                transfers.write(torch.zeros(2, 3), mapped)

    with pytest.raises(RuntimeError, match="size"):
        write()


def test_what_went_wrong_while_fetching_is_raised_where_it_is_wanted() -> None:
    def fetch(item: int) -> int:
        return 1 // item

    with pytest.raises(ZeroDivisionError), Transfers(CPU) as transfers:
        list(transfers.ahead([1, 0], fetch))


def test_stopping_leaves_out_what_has_not_begun() -> None:
    begun: list[int] = []

    def stop() -> None:
        with Transfers(CPU) as transfers:
            for item, _ in transfers.ahead(range(5), begun.append):
                if item == 1:
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    assert begun in ([0, 1], [0, 1, 2])
