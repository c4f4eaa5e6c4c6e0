"""The first read of a page says who asks, and whether they may see it."""

from collections import defaultdict
from contextlib import closing

import pytest

from browsing import Visitor, done_by
from cast import Api
from onebucket.actions import sessions
from onebucket.store.connect import connect
from onebucket.store.engine import work_budget
from onebucket.surfaces.web.core.page_router import EVERYWHERE

pytestmark = pytest.mark.server


def test_an_ended_session_leads_from_every_private_page_to_the_sign_in_form(api: Api) -> None:
    words = defaultdict(lambda: "0", name="acme", slug="designers", person="bob", member="bob")
    paths = [page.path.format_map(words) for page in EVERYWHERE if page.is_private]

    with Visitor(api, "alice") as alice:
        api.operate(done_by("root", lambda work: sessions.end_all_of(work, "alice")))
        places = {alice.ask("GET", path).headers.get("location", path) for path in paths}

    assert {place.partition("?")[0] for place in places} == {"/sign-in"}


def test_a_page_whose_read_starts_again_in_a_thread_counts_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    # The session and the account fit, the people don't.
    monkeypatch.setattr(work_budget, "MAX_ROWS", 3)

    with closing(Api(connect(api.db.url), rate_limit=2)) as limited, Visitor(limited, "alice") as alice:
        # The form of signing in comes from nobody, and isn't counted.
        statuses = [alice.ask("GET", "/accounts/acme/people").status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
