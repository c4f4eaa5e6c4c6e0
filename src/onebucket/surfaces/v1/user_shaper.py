"""Shapes of people who are in several groups, made once."""

from collections.abc import Callable
from typing import TypeVar

from onebucket.domain.accounts import Account
from onebucket.lru_cache import LruCache

_Shape = TypeVar("_Shape")
MAX_SHAPED_USERS = 5000


def user_shaper(shape: Callable[[Account], _Shape]) -> Callable[[Account], _Shape]:
    """Memoise the shapes of the `MAX_SHAPED_USERS` accounts shaped last."""
    cache: LruCache[str, _Shape] = LruCache(MAX_SHAPED_USERS)

    def shape_user(account: Account) -> _Shape:
        shaped = cache.get(account.id)
        if shaped is None:
            shaped = cache[account.id] = shape(account)
        return shaped

    return shape_user
