"""The settings that decide how requests are read and answered."""

from dataclasses import dataclass
from urllib.parse import urlsplit

_HSTS = (b"strict-transport-security", b"max-age=31536000")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """The settings of a server, under the names of `onebucket.settings`; `settings.select` fills them in.

    `jsonp` is `guarded`, `open` or `off`; pages of `jsonp_origins` may read JSONP even when it is guarded
    (contract/formats.md#c4). `amsterdam_times` is the style of timestamps in Amsterdam time (contract/formats.md#t2).
    `email_in_path` says whether to `accept` or `reject` an e-mail address in a path (contract/api-1.0.md#i2),
    `users_address` what `/users/{a}` answers (contract/api-1.0.md#u0), `cross_workspace_lists` whether lists over
    all workspaces are `gone`, `clone_url` the templates of addresses to clone from, `query_token` whether an access
    token may be in the query. `rate_limit` is calls per user and hour, `failures_per_address` wrong passwords per
    network and hour; 0 means no limit. `trusted_proxies` are the addresses whose `proxy_header` is believed. With
    `oauth_password_grant`, OAuth consumers may use the resource owner password grant. `answer_memory` is the size
    of the response cache in MiB. `metrics_token` is a Bearer token for `/metrics`, empty for none.
    """

    base_url: str
    realm: str
    jsonp: str
    jsonp_origins: frozenset[str]
    amsterdam_times: str = "plain"
    email_in_path: str = "accept"
    users_address: str = "profile"
    cross_workspace_lists: str = "on"
    clone_url: tuple[str, ...] = ()
    query_token: bool = False
    rate_limit: int = 0
    failures_per_address: int = 0
    trusted_proxies: frozenset[str] = frozenset()
    proxy_header: str = "x-forwarded-for"
    oauth_password_grant: bool = False
    answer_memory: int = 16
    metrics_token: str = ""

    @property
    def common_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers of every response of the server: HSTS, when the base URL is https.

        HSTS holds for all ports of a host, so it is left out when the base URL names a port.
        """
        parts = urlsplit(self.base_url)
        return (_HSTS,) if parts.scheme == "https" and parts.port is None else ()
