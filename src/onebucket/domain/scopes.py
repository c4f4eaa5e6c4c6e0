"""Descriptions of what each scope allows, shown to people before they grant it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from onebucket.domain.accounts import SCOPES, effective_scopes
from onebucket.domain.policy import To
from onebucket.domain.privileges import Level


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that a scope allows; `sentence` continues "it may …".

    `reads` and `changes` are the policy's operations that it covers, in read and in write requests. `git` is the level
    it allows when a proxy asks about a git request.
    """

    sentence: str
    reads: frozenset[To] = frozenset()
    changes: frozenset[To] = frozenset()
    git: Level = Level.NONE


# What each scope allows in addition to the scopes it includes (`SCOPES`); synonyms have no entries of their own.
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

# The scopes that forms offer: all but the synonyms.
OFFERED = tuple(scope for scope, effects in EFFECTS.items() if effects)


def lets(scopes: Collection[str]) -> tuple[str, ...]:
    """List in sentences what scopes allow, with the scopes they include.

    >>> lets({"repository"})
    ('clone the code of every repository that you may read, private ones too',)
    """
    effective = effective_scopes(frozenset(scopes))
    return tuple(effect.sentence for scope, effects in EFFECTS.items() if scope in effective for effect in effects)


def described(scope: str) -> str:
    """Describe one scope in one sentence that names the scopes it includes.

    >>> described("repository:write")
    'push code to every repository that you may write to; and all that `repository` lets happen'
    """
    own = "; ".join(effect.sentence for effect in EFFECTS[scope])
    included = " and ".join(f"`{other}`" for other in EFFECTS if other in SCOPES[scope])
    if not own:
        return f"the same as `{scope.replace('team', 'account')}`"
    verb = "lets" if included.count("`") == 2 else "let"
    return f"{own}; and all that {included} {verb} happen" if included else own
