"""Every block that runs has a place of its kind, and the first place of each kind is filled."""

from itertools import product

import pytest

from linearity.models.cache_places import cache_places


def test_with_one_kind_blocks_that_run_take_the_first_places() -> None:
    assert cache_places([0, None, 3], None).numbers == {0: 0, 3: 1}
    assert cache_places([None, 2, None, 3], ["x"] * 4).numbers == {2: 0, 3: 1}


@pytest.mark.parametrize("kinds", list(product("fs", repeat=4)))
def test_with_two_kinds_each_mask_is_sized_by_a_place_that_is_filled(
    kinds: tuple[str, ...],
) -> None:
    for choice in product(["runs", "linear", "dropped"], repeat=4):
        order = [
            block if what == "runs" else None
            for block, what in enumerate(choice)
            if what != "dropped"
        ]
        running = [block for block in order if block is not None]
        if not running:
            continue

        places = cache_places(order, kinds)

        assert places.kinds is not None
        assert len(places.kinds) == len(order)
        assert set(places.numbers) == set(running)
        assert len(set(places.numbers.values())) == len(running)
        for block, place in places.numbers.items():
            assert places.kinds[place] == kinds[block]
        for layer, runs in enumerate(order):
            assert runs is None or places.kinds[layer] == kinds[runs]
        for kind in set(places.kinds):
            assert places.kinds.index(kind) in places.numbers.values()
        assert 0 in places.numbers.values()
