"""A bounded dict: what is used longest ago goes first, and the sizes add up."""

from hypothesis import given
from hypothesis import strategies as st

from onebucket.lru_cache import LruCache

_LIMIT = 10

_OPS = st.lists(
    st.tuples(st.sampled_from(("set", "get", "delete", "clear")), st.sampled_from("abcde"), st.integers(0, 12)),
    max_size=60,
)


@given(ops=_OPS)
def test_it_holds_what_a_plain_list_says(ops: list[tuple[str, str, int]]) -> None:
    cache: LruCache[str, int] = LruCache(_LIMIT, lambda size: size)
    model: list[tuple[str, int]] = []

    for op, key, size in ops:
        found = dict(model).get(key)
        rest = [pair for pair in model if pair[0] != key]
        if op == "set":
            cache[key] = size
            model = [*rest, (key, size)] if size <= _LIMIT else rest
        elif op == "get":
            assert cache.get(key) == found
            model = rest if found is None else [*rest, (key, found)]
        elif op == "delete":
            cache.delete(key)
            model = rest
        else:
            cache.clear()
            model = []
        while sum(each for _, each in model) > _LIMIT:
            del model[0]
        assert [*zip(cache, cache.values(), strict=True)] == model
        assert (cache.size, len(cache)) == (sum(each for _, each in model), len(model))
        assert (key in cache) == (key in dict(model))


def test_without_a_measure_each_value_counts_one_even_none() -> None:
    cache: LruCache[int, None] = LruCache(2)

    for key in (1, 2, 3, 3):
        cache[key] = None

    assert ([*cache], cache.size) == ([2, 3], 2)
