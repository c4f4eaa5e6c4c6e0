"""A directory of acme on each database."""

import pytest

from cast import Api
from directory import Provider


@pytest.fixture
def okta(api: Api) -> Provider:
    """A directory of acme that has proved to own example.com."""
    return Provider(api)
