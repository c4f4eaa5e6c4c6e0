"""No module imports itself through others: not while it runs, not inside a function, and not for its types either."""

from collections.abc import Iterator, Mapping, Set
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest


def imports_of(package: str) -> dict[str, set[str]]:
    """Every module of a package, with the modules that it imports."""
    graph = grimp.build_graph(package, cache_dir=None)
    return {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}


def circles(imports: Mapping[str, Set[str]]) -> Iterator[list[str]]:
    """One circle after the other, each with its first module again at its end; the import that closes one is undone."""
    left = {module: set(imported) for module, imported in imports.items()}
    while True:
        try:
            TopologicalSorter(left).prepare()
            return
        except CycleError as error:
            circle: list[str] = error.args[1]
            left[circle[1]].discard(circle[0])
            yield circle


def test_no_module_imports_itself_through_others() -> None:
    assert list(circles(imports_of("onebucket"))) == []


@pytest.mark.parametrize(
    "third",
    ["import house.first", "from house import first", "def f():\n    from house.first import X",
     "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.first import X"],
)  # fmt: skip
def test_a_circle_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, third: str) -> None:
    house = tmp_path / "house"
    house.mkdir()
    modules = {"__init__": "", "first": "from house import second", "second": "import house.third", "third": third}
    for name, source in modules.items():
        (house / f"{name}.py").write_text(f"{source}\n")
    monkeypatch.syspath_prepend(tmp_path)

    found = [*circles(imports_of("house"))]

    assert [set(circle) for circle in found] == [{"house.first", "house.second", "house.third"}]
    assert found[0][0] == found[0][-1]
