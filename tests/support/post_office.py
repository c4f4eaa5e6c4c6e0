"""A real mail server in a thread that records mails and rejects them on demand; and its certificate."""

import asyncio
import email
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any, Self

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

USER, PASSWORD = "onebucket", "p@ss/w:rd%"
LOGIN = "onebucket:p%40ss%2Fw%3Ard%25"


class OutOfOrder(Exception):
    """Makes the mail server break the connection."""


@dataclass
class PostOffice:
    """A mail server; `rcpt` and `data` return its reply to a recipient or a mail, None to accept it.

    `letters` are the accepted mails, `connections` counts connections. While `held` is set, mails to an address that
    contains `holds` get no reply.
    """

    rcpt: Callable[[str], str | None] = lambda address: None
    data: Callable[[EmailMessage], str | None] = lambda letter: None
    secure: ssl.SSLContext | None = None
    starttls: ssl.SSLContext | None = None
    signed_in: bool = False
    smtputf8: bool = False
    letters: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    in_tls: list[bool] = field(default_factory=list)
    connections: int = 0
    holds: str = ""

    def __post_init__(self) -> None:
        self.held = threading.Event()
        self.port = 0
        self._up = threading.Event()

    def url(self, login: str = "") -> str:
        scheme = "smtps" if self.secure else "smtp"
        host = "localhost" if self.secure or self.starttls else "127.0.0.1"
        return f"{scheme}://{login + '@' if login else ''}{host}:{self.port}"

    def open(self) -> None:
        """Start listening; after `close`, on the same port again."""
        self._up.clear()
        self._thread = threading.Thread(target=asyncio.run, args=[self._serve()], name="post office")
        self._thread.start()
        assert self._up.wait(10)

    def close(self) -> None:
        """Cut all connections and stop listening."""
        self.held.clear()
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        here: list[SMTP] = []

        def answer() -> SMTP:
            here.append(
                SMTP(
                    self,
                    hostname="post.example",
                    tls_context=self.starttls,
                    authenticator=_authenticate,
                    auth_required=self.signed_in,
                    auth_require_tls=bool(self.starttls),
                    enable_SMTPUTF8=self.smtputf8,
                )
            )
            self.connections += 1
            return here[-1]

        server = await self._loop.create_server(answer, "127.0.0.1", self.port, ssl=self.secure)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            self._up.set()
            await self._closing.wait()
            for each in here:
                if each.transport is not None:
                    each.transport.abort()
            # Aborted transports are cleaned up in the next iteration of the event loop.
            await asyncio.sleep(0.02)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refusal = self.rcpt(address)
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        while self.held.is_set() and any(self.holds in address for address in envelope.rcpt_tos):
            await asyncio.sleep(0.02)
        assert isinstance(envelope.content, bytes)
        letter = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(letter, EmailMessage)
        try:
            refusal = self.data(letter)
        except OutOfOrder:
            server.transport.abort()
            return "421 out of order"
        if refusal is None:
            self.letters.append(letter)
            self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
            self.in_tls.append(server.transport.get_extra_info("sslcontext") is not None)
        return refusal or "250 OK"


def _authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
    right = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


class Certificate:
    """A certificate for localhost by an unknown authority."""

    def __init__(self, folder: Any, *, name: str = "localhost") -> None:
        authority = trustme.CA()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(self.context)
        self.authority = folder / "authority.pem"
        authority.cert_pem.write_to_path(str(self.authority))


def parts(letter: EmailMessage) -> tuple[str, str]:
    """Return the text and the HTML of a mail."""
    text, html = letter.get_body(("plain",)), letter.get_body(("html",))
    assert text is not None and html is not None
    return str(text.get_content()), str(html.get_content())
