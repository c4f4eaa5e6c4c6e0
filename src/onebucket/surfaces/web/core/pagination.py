"""Long lists on pages: what of them is asked for with a word to find, and a page of it at a time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from onebucket.surfaces.web.core.page_request import PageRequest

_Item = TypeVar("_Item")

PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class ListPage(Generic[_Item]):
    """A page of a list: `items` from `start` on, of `found` that fit, of `total`; `find` is what was asked."""

    items: Sequence[_Item]
    start: int
    found: int
    total: int
    find: str
    most: int

    @property
    def end(self) -> int:
        """The place after the last item shown."""
        return self.start + len(self.items)

    @property
    def before(self) -> int | None:
        """Where the page before begins."""
        return max(self.start - self.most, 0) if self.start else None

    @property
    def after(self) -> int | None:
        """Where the next page begins."""
        return self.end if self.end < self.found else None


def paginate(
    visit: PageRequest,
    items: Iterable[_Item],
    words: Callable[[_Item], str],
    *,
    find: str = "find",
    start: str = "from",
    most: int = PAGE_SIZE,
) -> ListPage[_Item]:
    """What the query asks for: items whose words hold every word of `find`, from the place `start` on."""
    everything = list(items)
    asked = visit.query(find)[:200]
    wanted = asked.casefold().split()
    fitting = [each for each in everything if matches(words(each), wanted)] if wanted else everything
    place = visit.query(start)
    first = int(place) if place.isascii() and place.isdigit() and len(place) < 9 else 0
    if first >= len(fitting):
        first = 0
    return ListPage(fitting[first : first + most], first, len(fitting), len(everything), asked, most)


def matches(text: str, wanted: Sequence[str]) -> bool:
    """Whether a text holds every one of these words, whatever its case.

    >>> matches("Night ImportedTeam", ["crew", "ni"])
    True
    """
    folded = text.casefold()
    return all(word in folded for word in wanted)
