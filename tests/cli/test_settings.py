"""What settings are when nobody sets them, and how they reach the parts of the server."""

from dataclasses import dataclass
from pathlib import Path
from typing import get_type_hints

import pytest

from onebucket import settings
from onebucket.domain.site_limits import SiteLimits
from onebucket.http.options import ServerOptions
from onebucket.settings import Settings


def mismatches(kind: type) -> dict[str, object]:
    """The fields of a dataclass, by name, that aren't settings of the same type."""
    known = get_type_hints(Settings)
    return {name: hint for name, hint in get_type_hints(kind).items() if known.get(name) != hint}


@pytest.mark.parametrize("kind", [ServerOptions, SiteLimits])
def test_what_is_filled_from_settings_has_their_names_and_types(kind: type) -> None:
    assert mismatches(kind) == {}


def test_a_field_of_another_name_or_type_is_noticed() -> None:
    @dataclass
    class Misspelt:
        rate_limits: int
        realm: int
        jsonp: str

    assert mismatches(Misspelt) == {"rate_limits": int, "realm": int}


def test_a_server_counts_no_calls_until_it_is_told_to(tmp_path: Path) -> None:
    assert settings.load(environment={}, folder=tmp_path).rate_limit == 0
