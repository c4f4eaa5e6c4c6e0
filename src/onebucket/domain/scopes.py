"""The scopes of credentials, in both families of the original; `scope_rules.py` says what they allow.

The classic family has names such as `repository:write`, and a scope may include others. The newer one, of API tokens,
has names such as `write:repository:bitbucket`; there no scope includes another (contract/api-2.0.md#10).
"""

from collections.abc import Mapping
from functools import cache

from onebucket.domain.refusals import Invalid

# Each scope of the classic family with those that it includes itself; these may include more.
CLASSIC: Mapping[str, tuple[str, ...]] = {
    "account": ("email",),
    "account:write": ("account",),
    "email": (),
    "team": ("account",),
    "team:write": ("account:write",),
    "repository": (),
    "repository:write": ("repository",),
    "repository:delete": (),
    "project": ("repository",),
    "project:admin": (),
    # The original lets it delete repositories; that it includes pushing and projects is ours.
    "repository:admin": ("repository:write", "repository:delete", "project:admin"),
    "pullrequest": ("repository",),
    "pullrequest:write": ("pullrequest", "repository:write"),
    "issue": (),
    "issue:write": ("issue",),
    "wiki": (),
    "webhook": (),
    "snippet": (),
    "snippet:write": ("snippet",),
    "pipeline": (),
    "pipeline:write": (),
    "pipeline:variable": (),
    "runner": (),
    "runner:write": (),
    # Ours, not in the original. No other scope includes them: they manage credentials and show where they were used.
    "app-password": (),
    "app-password:write": ("app-password",),
    "journal": (),
}

# The newer family: what can be done with each kind of thing. Kinds that this server doesn't have are known too.
_NEWER: Mapping[str, str] = {
    "user": "read write",
    "workspace": "read admin",
    "repository": "read write admin delete",
    "project": "read admin",
    "permission": "read write delete",
    "ssh-key": "read write delete",
    "pullrequest": "read write",
    "pipeline": "read write admin",
    "runner": "read write",
    "issue": "read write delete",
    "webhook": "read write delete",
    "snippet": "read write delete",
    "gpg-key": "read write delete",
    "wiki": "read write delete",
    "package": "read write",
    "test": "read write",
}


def _included(scope: str) -> frozenset[str]:
    direct = CLASSIC[scope]
    return frozenset(direct).union(*(_included(each) for each in direct))


# Every scope with all those that it includes.
SCOPES: Mapping[str, frozenset[str]] = {scope: _included(scope) for scope in CLASSIC} | {
    f"{verb}:{kind}:bitbucket": frozenset() for kind, verbs in _NEWER.items() for verb in verbs.split()
}

# Scopes of the original that stand for another scope here.
SYNONYMS: Mapping[str, str] = {"team": "account", "team:write": "account:write"}


@cache
def effective_scopes(scopes: frozenset[str]) -> frozenset[str]:
    """`scopes` with all the scopes they include.

    >>> sorted(effective_scopes(frozenset({"team:write"})))
    ['account', 'account:write', 'email', 'team:write']
    """
    return scopes.union(*(SCOPES[scope] for scope in scopes))


def is_newer(scope: str) -> bool:
    """Whether a scope is of the newer family."""
    return scope.endswith(":bitbucket")


def parse_scope(word: str) -> str:
    """Check that `word` is one of the API's scopes. Raises Invalid."""
    if word not in SCOPES:
        known = ", ".join(scope for scope in SCOPES if not is_newer(scope))
        raise Invalid(
            f"there is no scope {word[:64]!r}; the scopes are {known}, and those of API tokens, "
            "such as read:user:bitbucket"
        )
    return word
