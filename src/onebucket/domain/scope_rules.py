"""One table of what the scopes of both families allow, and sentences that say it to people before they grant one."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from onebucket.domain.policy import To
from onebucket.domain.privileges import Level
from onebucket.domain.refusals import InsufficientScope
from onebucket.domain.scopes import CLASSIC, SCOPES, effective_scopes, is_newer


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that a scope allows; `sentence` continues "it can …".

    `reads` and `changes` are the policy's operations that it covers, in read and in write requests. `git` is the level
    it allows when a proxy asks about a git request.
    """

    sentence: str
    reads: frozenset[To] = frozenset()
    changes: frozenset[To] = frozenset()
    git: Level = Level.NONE


@dataclass(frozen=True, slots=True)
class ScopeRule:
    """Which scopes a request needs: the classic one or, instead, all of the newer ones, where there are any."""

    classic: str
    newer: frozenset[str] = frozenset()
    effects: tuple[Effect, ...] = ()

    def allows(self, scopes: frozenset[str]) -> bool:
        """Whether a credential with these scopes may do it."""
        return self.classic in effective_scopes(scopes) or (bool(self.newer) and self.newer <= scopes)

    def names_for(self, scopes: Iterable[str]) -> list[str]:
        """Name the scopes that are needed, in the family that a credential has scopes of.

        >>> ScopeRule("repository", frozenset({"read:repository:bitbucket"})).names_for(["read:user:bitbucket"])
        ['read:repository:bitbucket']
        """
        return sorted(self.newer) if self.newer and any(map(is_newer, scopes)) else [self.classic]

    def check(self, scopes: frozenset[str] | None) -> None:
        """Refuse a credential without the scopes; None is one that isn't limited. Raises InsufficientScope."""
        if scopes is not None and not self.allows(scopes):
            raise InsufficientScope(required=self.names_for(scopes), granted=scopes)


def _rule(classic: str, newer: str, *effects: Effect) -> ScopeRule:
    return ScopeRule(classic, frozenset(f"{name}:bitbucket" for name in newer.split()), effects)


READ_PROFILES = _rule(
    "account",
    "read:user",
    Effect(
        "see your profile and those of others, and the names of all repositories that you can read",
        reads=frozenset({To.SEE_PROFILE}),
    ),
    Effect(
        "see whether you have a second factor, and whether others have one if you are a site administrator",
        reads=frozenset({To.HANDLE_SECOND_FACTORS}),
    ),
)
READ_EMAILS = _rule("email", "read:user", Effect("see your e-mail addresses", reads=frozenset({To.SEE_PROFILE})))
READ_WORKSPACES = _rule(
    "account",
    "read:workspace",
    Effect(
        "see your groups and their members, and all groups and pending invitations of accounts that you administer",
        reads=frozenset({To.LIST_GROUPS, To.SEE_GROUP, To.INVITE, To.INVITE_TO_REPOSITORY}),
    ),
    Effect("see the workspaces that you are in, and their members", reads=frozenset({To.SEE_PROFILE})),
    Effect(
        "see your requests for access, and those in accounts that you administer", reads=frozenset({To.ANSWER_REQUESTS})
    ),
    Effect("see which groups administer your accounts", reads=frozenset({To.SEE_PRIVILEGES})),
    Effect(
        "see access reviews of accounts that you administer, and those that you answer in",
        reads=frozenset({To.ANSWER_REVIEW}),
    ),
    Effect("see the same of every account, if you are a site administrator", reads=frozenset({To.RUN_SITE})),
)
CHANGE_WORKSPACES = _rule(
    "account:write",
    "admin:workspace",
    Effect("create, change and delete groups", changes=frozenset({To.CREATE_GROUP, To.CHANGE_GROUP, To.DELETE_GROUP})),
    Effect("add and remove group members, including you", changes=frozenset({To.ADD_MEMBER, To.REMOVE_MEMBER})),
    Effect(
        "choose which groups administer your accounts",
        changes=frozenset({To.SET_ACCOUNT_PRIVILEGE, To.SEE_PRIVILEGES}),
    ),
    Effect(
        "invite people to groups and repositories, give them access to repositories, and withdraw invitations",
        changes=frozenset({To.INVITE, To.INVITE_TO_REPOSITORY, To.GRANT_PRIVILEGE}),
    ),
    Effect("ask for access, and withdraw your requests", changes=frozenset({To.ASK_FOR_ACCESS, To.SEE_PROFILE})),
    Effect(
        "take everything in your accounts away from a person", changes=frozenset({To.REMOVE_PERSON, To.GRANT_PRIVILEGE})
    ),
    Effect(
        "start, close and cancel access reviews, and keep or end what they list",
        changes=frozenset({To.RUN_REVIEWS, To.ANSWER_REVIEW}),
    ),
    Effect(
        "disable people and end their access everywhere, if you are a site administrator",
        changes=frozenset({To.RUN_SITE, To.HANDLE_TOKENS, To.HANDLE_SSH_KEYS, To.ACT_FOR}),
    ),
)

_SSH_KEYS = frozenset({To.HANDLE_SSH_KEYS})
READ_SSH_KEYS = _rule("account", "read:ssh-key", Effect("list your SSH keys", reads=_SSH_KEYS))
CHANGE_SSH_KEYS = _rule(
    "account:write", "read:ssh-key write:ssh-key", Effect("add and rename your SSH keys", changes=_SSH_KEYS)
)
DELETE_SSH_KEYS = _rule("account:write", "delete:ssh-key", Effect("remove your SSH keys", changes=_SSH_KEYS))

READ_REPOSITORIES = _rule(
    "repository",
    "read:repository",
    Effect("clone every repository that you can read, including private ones", git=Level.READ),
    Effect("see these repositories", reads=frozenset({To.SEE_REPOSITORY, To.SEE_PROFILE})),
)
READ_PROJECTS = _rule(
    "repository",
    "read:project",
    Effect("see the projects that are open to you", reads=frozenset({To.LIST_PROJECTS, To.SEE_PROJECT})),
)
PUSH = _rule(
    "repository:write", "write:repository", Effect("push to every repository that you can write to", git=Level.WRITE)
)
CHANGE_REPOSITORIES = _rule(
    "repository:admin",
    "admin:repository",
    Effect(
        "create and change repositories, where you can do that yourself",
        reads=frozenset({To.CHANGE_REPOSITORY}),
        changes=frozenset(
            {To.ADD_REPOSITORY, To.CHANGE_REPOSITORY, To.SEE_REPOSITORY, To.LIST_PROJECTS, To.SEE_PROJECT}
        ),
    ),
)
DELETE_REPOSITORIES = _rule(
    "repository:delete",
    "delete:repository",
    Effect("delete repositories, where you can do that yourself", changes=frozenset({To.DELETE_REPOSITORY})),
)
CHANGE_PROJECTS = _rule(
    "project:admin",
    "admin:project",
    Effect(
        "create, change and delete projects, where you can do that yourself",
        changes=frozenset({To.CREATE_PROJECT, To.CHANGE_PROJECT, To.DELETE_PROJECT, To.SEE_PROJECT}),
    ),
)

_ON_REPOSITORIES = frozenset({To.SEE_PRIVILEGES, To.GRANT_PRIVILEGE})
READ_REPOSITORY_PERMISSIONS = _rule(
    "repository:admin",
    "read:repository",
    Effect("see who has permissions on repositories that you administer", reads=_ON_REPOSITORIES),
)
SET_REPOSITORY_PERMISSIONS = _rule(
    "repository:admin",
    "admin:repository write:permission",
    Effect("give and change permissions on repositories that you administer", changes=frozenset({To.GRANT_PRIVILEGE})),
    Effect("answer requests for access in accounts that you administer", changes=frozenset({To.ANSWER_REQUESTS})),
)
REMOVE_REPOSITORY_PERMISSIONS = _rule(
    "repository:admin",
    "admin:repository delete:permission",
    Effect("remove permissions on repositories that you administer", changes=_ON_REPOSITORIES),
)

_ON_PROJECTS = frozenset({To.GRANT_ON_PROJECT, To.SEE_PROJECT})
READ_PROJECT_PERMISSIONS = _rule(
    "project:admin",
    "read:project",
    Effect("see who has permissions on projects that you administer", reads=_ON_PROJECTS),
)
SET_PROJECT_PERMISSIONS = _rule(
    "project:admin",
    "admin:project write:permission",
    Effect("give and change permissions on projects that you administer", changes=_ON_PROJECTS),
)
REMOVE_PROJECT_PERMISSIONS = _rule(
    "project:admin",
    "admin:project delete:permission",
    Effect("remove permissions on projects that you administer", changes=_ON_PROJECTS),
)
CHECK_ACCESS = _rule(
    "repository:admin",
    "read:permission",
    Effect(
        "check who can access repositories, and why, where you can see that yourself",
        reads=_ON_REPOSITORIES | {To.ASK_ABOUT_PERSON, To.DELETE_GROUP, To.REMOVE_MEMBER},
    ),
)

READ_APP_PASSWORDS = _rule(
    "app-password",
    "",
    Effect("list your app passwords, with when and from where each was used", reads=frozenset({To.HANDLE_TOKENS})),
)
CHANGE_APP_PASSWORDS = _rule(
    "app-password:write",
    "",
    Effect(
        "revoke your app passwords, and create new ones that end with this one and can do no more",
        changes=frozenset({To.HANDLE_TOKENS}),
    ),
)
READ_JOURNAL = _rule(
    "journal",
    "",
    Effect(
        "read your journal and those of accounts that you administer: who did what, when and from which address",
        reads=frozenset({To.READ_JOURNAL}),
    ),
    Effect("read the journals of all accounts, if you are a site administrator", reads=frozenset({To.RUN_SITE})),
)

READ_WEBHOOKS = _rule(
    "webhook",
    "read:webhook",
    Effect(
        "see the webhooks of accounts that you administer, and what they have sent",
        reads=frozenset({To.MANAGE_WEBHOOKS}),
    ),
)
CHANGE_WEBHOOKS = _rule(
    "webhook",
    "write:webhook",
    Effect(
        "make and change webhooks, which send what happens in accounts that you administer to any address",
        changes=frozenset({To.MANAGE_WEBHOOKS}),
    ),
)
DELETE_WEBHOOKS = _rule(
    "webhook",
    "delete:webhook",
    Effect("delete webhooks of accounts that you administer", changes=frozenset({To.MANAGE_WEBHOOKS})),
)

# In the order in which people read what they allow.
RULES = (
    READ_PROFILES,
    READ_EMAILS,
    READ_WORKSPACES,
    CHANGE_WORKSPACES,
    READ_SSH_KEYS,
    CHANGE_SSH_KEYS,
    DELETE_SSH_KEYS,
    READ_REPOSITORIES,
    READ_PROJECTS,
    PUSH,
    CHANGE_REPOSITORIES,
    DELETE_REPOSITORIES,
    CHANGE_PROJECTS,
    READ_REPOSITORY_PERMISSIONS,
    SET_REPOSITORY_PERMISSIONS,
    REMOVE_REPOSITORY_PERMISSIONS,
    READ_PROJECT_PERMISSIONS,
    SET_PROJECT_PERMISSIONS,
    REMOVE_PROJECT_PERMISSIONS,
    CHECK_ACCESS,
    READ_APP_PASSWORDS,
    CHANGE_APP_PASSWORDS,
    READ_JOURNAL,
    READ_WEBHOOKS,
    CHANGE_WEBHOOKS,
    DELETE_WEBHOOKS,
)

# The scopes that forms offer: those of each family that allow something of their own.
OFFERED = tuple(scope for scope in SCOPES if any(scope == rule.classic or scope in rule.newer for rule in RULES))


def lets(scopes: Collection[str]) -> tuple[str, ...]:
    """List in sentences what scopes allow together, including the scopes that they contain.

    >>> lets({"write:repository:bitbucket", "read:ssh-key:bitbucket"})
    ('list your SSH keys', 'push to every repository that you can write to')
    """
    granted = frozenset(scopes)
    return tuple(effect.sentence for rule in RULES if rule.allows(granted) for effect in rule.effects)


def described(scope: str) -> str:
    """Describe one scope in one sentence that names the scopes it includes, or that it needs beside it.

    >>> described("repository:write")
    'push to every repository that you can write to; and everything that `repository` allows'
    >>> described("delete:permission:bitbucket").partition(";")[0]
    'with `admin:repository:bitbucket`: remove permissions on repositories that you administer'
    """
    own = [f"{_beside(rule, scope)}{_sentences(rule)}" for rule in RULES if scope in (rule.classic, *rule.newer)]
    included = CLASSIC.get(scope, ())
    if not own and not lets({scope}):
        return "nothing: it is known, and this server has nothing of the kind"
    if not own and len(included) == 1:
        return f"the same as `{included[0]}`"
    if included:
        own.append(f"{'and ' if own else ''}everything that {_listed(included)} {_verb(included)}")
    return "; ".join(own)


def _beside(rule: ScopeRule, scope: str) -> str:
    """Name the newer scopes that a rule needs beside one."""
    others = sorted(rule.newer - {scope}) if is_newer(scope) else []
    return f"with {_listed(others)}: " if others else ""


def _sentences(rule: ScopeRule) -> str:
    return "; ".join(effect.sentence for effect in rule.effects)


def _listed(scopes: Sequence[str]) -> str:
    *first, last = (f"`{scope}`" for scope in scopes)
    return f"{', '.join(first)} and {last}" if first else last


def _verb(scopes: Sequence[str]) -> str:
    return "allows" if len(scopes) == 1 else "allow"
