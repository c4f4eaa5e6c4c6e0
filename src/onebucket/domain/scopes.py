"""What each scope lets happen, in sentences: what a person reads before they agree to it or hand it out."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from onebucket.domain.accounts import SCOPES, effective_scopes
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that a scope lets happen; `sentence` goes on from "it may".

    `reads` and `changes` are what of the policy's table that is: for looking, and for changing. `git` is the level that
    it is good for where a proxy asks about a git request.
    """

    sentence: str
    reads: frozenset[To] = frozenset()
    changes: frozenset[To] = frozenset()
    git: Level = Level.NONE


# What a scope lets happen besides what it holds of the others (`SCOPES`); a synonym has nothing of its own.
EFFECTS: Mapping[str, tuple[Effect, ...]] = {
    "account": (
        Effect(
            "see who you and others are, and the names of repositories that you may read, private ones too",
            reads=frozenset({To.SEE_PROFILE}),
        ),
        Effect(
            "see your groups and their members, and where you administer all groups and pending invitations",
            reads=frozenset({To.LIST_GROUPS, To.SEE_GROUP, To.INVITE, To.INVITE_TO_REPOSITORY}),
        ),
        Effect("see which groups administer your accounts", reads=frozenset({To.SEE_PRIVILEGES})),
        Effect("if you run this site, see the same of every account", reads=frozenset({To.RUN_SITE})),
    ),
    "account:write": (
        Effect(
            "make, change and delete groups", changes=frozenset({To.CREATE_GROUP, To.CHANGE_GROUP, To.DELETE_GROUP})
        ),
        Effect(
            "put people into groups and take them out, you too", changes=frozenset({To.ADD_MEMBER, To.REMOVE_MEMBER})
        ),
        Effect(
            "decide which groups administer your accounts",
            changes=frozenset({To.SET_ACCOUNT_PRIVILEGE, To.SEE_PRIVILEGES}),
        ),
        Effect(
            "invite people to groups and repositories, and withdraw invitations",
            changes=frozenset({To.INVITE, To.INVITE_TO_REPOSITORY}),
        ),
    ),
    "team": (),
    "team:write": (),
    "repository": (Effect("clone the code of every repository that you may read, private ones too", git=Level.READ),),
    "repository:write": (Effect("push code to every repository that you may write to", git=Level.WRITE),),
    "repository:admin": (
        Effect(
            "see who may read, write and administer repositories, and why, where you may see that",
            reads=frozenset(
                {To.SEE_PRIVILEGES, To.GRANT_PRIVILEGE, To.ASK_ABOUT_PERSON, To.DELETE_GROUP, To.REMOVE_MEMBER}
            ),
        ),
        Effect(
            "change who may read, write and administer repositories that you administer",
            changes=frozenset({To.SEE_PRIVILEGES, To.GRANT_PRIVILEGE}),
        ),
    ),
    "app-password": (
        Effect("list your app passwords, with when and from where each was used", reads=frozenset({To.HANDLE_TOKENS})),
    ),
    "app-password:write": (
        Effect(
            "revoke app passwords of yours, and make some that end with it and do no more",
            changes=frozenset({To.HANDLE_TOKENS}),
        ),
    ),
    "journal": (
        Effect(
            "read your journal and those of accounts that you administer: who did what, when and from which address",
            reads=frozenset({To.READ_JOURNAL}),
        ),
        Effect("if you run this site, read the journals of all accounts", reads=frozenset({To.RUN_SITE})),
    ),
}

# Those that a form offers: whoever wants a synonym takes what it stands for.
OFFERED = tuple(scope for scope, effects in EFFECTS.items() if effects)


def lets(scopes: Collection[str]) -> tuple[str, ...]:
    """All that these scopes let happen, in sentences.

    >>> lets({"repository"})
    ('clone the code of every repository that you may read, private ones too',)
    """
    reached = effective_scopes(frozenset(scopes))
    return tuple(effect.sentence for scope, effects in EFFECTS.items() if scope in reached for effect in effects)


def described(scope: str) -> str:
    """What one scope lets happen, as one sentence that names the scopes it holds.

    >>> described("repository:write")
    'push code to every repository that you may write to; and all that `repository` lets happen'
    """
    own = "; ".join(effect.sentence for effect in EFFECTS[scope])
    held = " and ".join(f"`{each}`" for each in EFFECTS if each in SCOPES[scope])
    if not own:
        return f"the same as `{scope.replace('team', 'account')}`"
    return f"{own}; and all that {held} {'lets' if held.count('`') == 2 else 'let'} happen" if held else own
