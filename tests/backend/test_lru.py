from backend.lru import Lru


def test_the_item_unused_for_longest_leaves_first() -> None:
    cache: Lru[str, int] = Lru(2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.get("a")
    cache.put("c", 3)

    assert [cache.get(key) for key in "abc"] == [1, None, 3]


def test_weights_never_exceed_the_capacity() -> None:
    cache: Lru[str, str] = Lru(10)
    cache.put("a", "light", weight=4)
    cache.put("a", "heavier", weight=6)
    cache.put("b", "fits", weight=4)
    cache.put("c", "too heavy", weight=11)

    assert [cache.get(key) for key in "abc"] == ["heavier", "fits", None]


def test_a_dropped_item_makes_room() -> None:
    cache: Lru[str, int] = Lru(1)
    cache.put("a", 1)
    cache.drop("a")
    cache.drop("never there")
    cache.put("b", 2)

    assert [cache.get(key) for key in "ab"] == [None, 2]
