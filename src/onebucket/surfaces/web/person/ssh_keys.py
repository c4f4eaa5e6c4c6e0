"""Pages for a person's SSH keys: list, add, name and remove them."""

from datetime import timedelta

from starlette.responses import Response

from onebucket.actions import ssh_keys
from onebucket.actions.unit_of_work import UnitOfWork
from onebucket.domain.refusals import Invalid
from onebucket.domain.ssh_keys import clean_label
from onebucket.surfaces.web.core.page_request import FormErrors, Page, PageRequest

# Lifetimes of a key: form value (days) and label.
LIFETIMES = (("never", "never"), ("90", "in 90 days"), ("365", "in 1 year"))

DONE = {
    "added": "Key added. You get an e-mail about it.",
    "named": "Key renamed.",
    "removed": "Key removed.",
}


async def show(request: PageRequest) -> Response:
    """Show the person's keys, with a form for another one."""
    (_, keys), now = await request.read(lambda work: (ssh_keys.of_person(work, request.me.id), work.at))
    done = DONE.get(request.query("done"), "")
    return request.page("me/ssh_keys.html", keys=keys, now=now, lifetimes=LIFETIMES, done=done)


async def add(request: PageRequest) -> Response:
    """Add a key."""
    label, text, lifetime = _label(request), request.text("key"), _lifetime(request.line("lasts"))

    def add_key(work: UnitOfWork) -> None:
        ssh_keys.add(work, request.me.id, text, label=label, expires_at=work.at + lifetime if lifetime else None)

    try:
        await request.write(add_key)
    except Invalid as refusal:
        raise FormErrors(key=refusal.sentence) from None
    return request.redirect("/me/ssh-keys?done=added")


async def show_one(request: PageRequest) -> Response:
    """Show one key in full, with a form for its name."""
    id = request.path_parameter("id")
    (_, key), now = await request.read(lambda work: (ssh_keys.one(work, request.me.id, id), work.at))
    return request.page("me/ssh_key.html", key=key, now=now)


async def rename(request: PageRequest) -> Response:
    """Give a key another name."""
    id, label = request.path_parameter("id"), _label(request)
    await request.write(lambda work: ssh_keys.change(work, request.me.id, id, label=label))
    return request.redirect("/me/ssh-keys?done=named")


async def remove(request: PageRequest) -> Response:
    """Remove a key."""
    await request.write(lambda work: ssh_keys.remove(work, request.me.id, request.path_parameter("id")))
    return request.redirect("/me/ssh-keys?done=removed")


def _label(request: PageRequest) -> str:
    try:
        return clean_label(request.text("label"))
    except Invalid as refusal:
        raise FormErrors(label=refusal.sentence) from None


def _lifetime(chosen: str) -> timedelta | None:
    if chosen not in dict(LIFETIMES):
        raise FormErrors(lasts="choose when it expires")
    return None if chosen == "never" else timedelta(days=int(chosen))


PAGES = (
    Page("/me/ssh-keys", show, add, is_private=True, is_guarded=True),
    Page("/me/ssh-keys/{id}", show_one, rename, is_private=True),
    Page("/me/ssh-keys/{id}/remove", show_one, remove, is_private=True),
)
