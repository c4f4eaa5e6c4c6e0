"""The cookies of this product's pages."""

from collections.abc import Mapping

from starlette.responses import Response

# What a browser may be told to show.
THEMES = {"": "what the system prefers", "light": "light pages", "dark": "dark pages"}
_THEME_SECONDS = 365 * 24 * 60 * 60


class Cookies:
    """The cookies that a browser sent, and those that the response sets. Over HTTPS, no other host can set them."""

    def __init__(self, sent: Mapping[str, str], *, is_secure: bool) -> None:
        self._sent = sent
        self._is_secure = is_secure
        self._set: dict[str, tuple[str, int]] = {}

    def get(self, kind: str) -> str | None:
        """Return what the browser sent, None if that is nothing."""
        return self._sent.get(self._name(kind)) or None

    def keep(self, kind: str, value: str, seconds: int) -> None:
        """Let the browser keep a value for so long."""
        self._set[self._name(kind)] = value, seconds

    def keep_if_new(self, kind: str, value: str, seconds: int) -> None:
        """Like `keep`, unless this response sets or deletes the cookie already."""
        self._set.setdefault(self._name(kind), (value, seconds))

    def delete(self, kind: str) -> None:
        """Let the browser forget a value."""
        self.keep(kind, "", 0)

    @property
    def theme(self) -> str:
        """The theme that was chosen for this browser; empty for the system's."""
        chosen = self.get("theme") or ""
        return chosen if chosen in THEMES else ""

    def keep_theme(self, theme: str) -> None:
        """Let the browser keep a theme of `THEMES`."""
        self.keep("theme", theme, _THEME_SECONDS if theme else 0)

    def set_on(self, response: Response) -> None:
        """Add the headers that set them."""
        for name, (value, seconds) in self._set.items():
            response.set_cookie(name, value, seconds, path="/", secure=self._is_secure, httponly=True, samesite="lax")

    def _name(self, kind: str) -> str:
        return f"{'__Host-' if self._is_secure else ''}onebucket_{kind}"
