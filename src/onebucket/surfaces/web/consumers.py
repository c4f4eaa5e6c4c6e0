"""The OAuth consumers of an account: the programs that may ask people for tokens, or act on their own."""

from typing import Any

from starlette.responses import Response

from onebucket import hashing
from onebucket.actions import consumers, overviews
from onebucket.actions.work import Work
from onebucket.domain.refusals import Forbidden, Invalid, NotFound
from onebucket.domain.scopes import OFFERED
from onebucket.surfaces.web.consent import chosen
from onebucket.surfaces.web.visit import Page, Visit, Wrong

DONE = {"revoked": "It is revoked, and so is everything that was issued to it: its next request is refused."}


async def show(visit: Visit) -> Response:
    """The consumers, and a form for another one."""
    name = visit.word("name")

    def seen(work: Work) -> dict[str, Any]:
        return {"consumers": consumers.listed(work, name), "place": overviews.place(work, name)}

    done = DONE.get(visit.query("done"), "")
    return visit.page("consumers/page.html", **await visit.look(seen), scopes=OFFERED, done=done)


async def make(visit: Visit) -> Response:
    """Make one, and show its key and its secret this once."""
    name, scopes = visit.word("name"), chosen(visit)
    label, is_public = visit.line("label"), visit.is_on("public")
    callback, acts_as = visit.line("callback"), visit.line("acts_as")
    key = hashing.consumer_key(visit.desk.new_secret())
    if not label:
        raise Wrong(label="say what people will know it by")
    try:
        owner, made = await visit.change(
            lambda work: consumers.add(
                work,
                name,
                key=key,
                label=label,
                callback=callback or None,
                scopes=scopes,
                is_public=is_public,
                acts_as=acts_as or None,
            )
        )
    except Invalid as refusal:
        raise Wrong(**{"callback" if "callback" in refusal.sentence else "label": refusal.sentence}) from None
    except (NotFound, Forbidden) as refusal:
        if not acts_as:
            raise
        raise Wrong(acts_as=refusal.sentence) from None
    secret = None if is_public else visit.desk.consumer_secret(key)
    place = await visit.look(lambda work: overviews.place(work, owner.id))
    return visit.page("consumers/made.html", place=place, consumer=made, secret=secret)


async def revoke(visit: Visit) -> Response:
    """End one of them, with everything that was issued to it."""
    name, key = visit.word("name"), visit.word("key")
    await visit.change(lambda work: consumers.revoke_of(work, name, key))
    return visit.go(f"/accounts/{visit.segment('name')}/consumers?done=revoked")


PAGES = (
    Page("/accounts/{name}/consumers", show, make, is_private=True, is_guarded=True),
    Page("/accounts/{name}/consumers/{key}/revoke", show, revoke, is_private=True),
)
