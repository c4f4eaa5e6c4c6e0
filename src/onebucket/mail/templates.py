"""The Jinja environment of mail templates."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from jinja2 import (
    BaseLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    StrictUndefined,
    TemplateNotFound,
    select_autoescape,
)


@cache
def environment(folder: Path | None) -> Environment:
    """Return a Jinja environment in which templates in the operator's `folder` override the built-in ones."""
    return Environment(
        loader=_Loader(folder),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


class _Loader(BaseLoader):
    """Loads the operator's template, or the built-in one; checks the folder again for each mail."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._custom = FileSystemLoader(folder, encoding="utf-8-sig") if folder else None
        self._built_in = PackageLoader("onebucket", "letters")

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Callable[[], bool] | None]:
        if self._folder is None or self._custom is None:
            return self._built_in.get_source(environment, template)
        try:
            return self._custom.get_source(environment, template)
        except TemplateNotFound:
            source, path, _ = self._built_in.get_source(environment, template)
            override = self._folder / template
            return source, path, lambda: not override.exists()
