"""Handing letters to a mail server over SMTP, and what may go wrong on the way."""

import ipaddress
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.message import EmailMessage
from threading import Timer
from urllib.parse import unquote, urlsplit

from onebucket import bounds
from onebucket.mail.post import Undelivered, as_bytes, plain


class Smtp:
    """A mail server, as `smtp_url` names it; `named` is what we call ourselves there.

    `smtps://` speaks TLS from the start. `smtp://` goes over to it where the server offers that, and must when there
    is a password, except on this machine. Certificates are verified; only on this machine, and where there is no
    password to be lost, may the mail system that the machine came with have made its own.
    """

    def __init__(
        self,
        url: str,
        *,
        named: str = "",
        to_connect: float = bounds.SMTP_CONNECT_SECONDS,
        to_answer: float = bounds.SMTP_COMMAND_SECONDS,
        to_finish: float = bounds.SMTP_LETTER_SECONDS,
    ) -> None:
        parts = urlsplit(url)
        self.host = parts.hostname or ""
        self.user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._from_the_start = parts.scheme == "smtps"
        self.port = parts.port or (465 if self._from_the_start else 587 if self.user else 25)
        self._to_connect, self._to_answer, self.to_finish = to_connect, to_answer, to_finish
        self._is_here = _is_loopback(self.host)
        self._named = named if "." in named and not named.replace(".", "").isdigit() else "[127.0.0.1]"

    @property
    def where(self) -> str:
        """Where letters go, for people."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def open(self) -> "Connection":
        """Begin. The server is reached with the first letter."""
        return Connection(self)

    def check(self) -> None:
        """Reach the server, sign in and leave; nothing is sent. Raises Undelivered."""
        with self.told():
            client = self.connect()
            with _at_most(client, self.to_finish):
                client.noop()
            _leave(client)

    def connect(self) -> smtplib.SMTP:
        """A connection on which letters can be handed over. Raises Undelivered."""
        with self.told():
            context = self._context()
            if self._from_the_start:
                client: smtplib.SMTP = smtplib.SMTP_SSL(
                    local_hostname=self._named, timeout=self._to_connect, context=context
                )
            else:
                client = smtplib.SMTP(local_hostname=self._named, timeout=self._to_connect)
            # Certificates are compared with this name, which is otherwise known only to whoever connects at once.
            client._host = self.host  # type: ignore[attr-defined]
            try:
                with _at_most(client, self.to_finish):
                    code, greeting = client.connect(self.host, self.port)
                    if code != 220:
                        raise smtplib.SMTPConnectError(code, greeting)
                    if client.sock is not None:
                        client.sock.settimeout(self._to_answer)
                    self._greet(client, context)
            except BaseException:
                client.close()
                raise
            return client

    def _greet(self, client: smtplib.SMTP, context: ssl.SSLContext) -> None:
        client.ehlo()
        if not self._from_the_start and client.has_extn("starttls"):
            client.starttls(context=context)
            client.ehlo()
        elif not self._from_the_start and self.user and not self._is_here:
            raise Undelivered(
                f"{self.where} offers no TLS, and the password of smtp_url is not sent without", everywhere=True
            )
        if self.user:
            client.login(self.user, self._password)

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._is_here and not self.user and not self._from_the_start:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell in a sentence what keeps the server from being used: it may be mended, so it is not for good."""
        try:
            yield
        except Undelivered:
            raise
        except ssl.SSLCertVerificationError as error:
            raise self._unusable(f"its certificate is not to be trusted: {error.verify_message}") from None
        except ssl.SSLError as error:
            raise self._unusable(f"TLS failed: {error.reason or error}") from None
        except smtplib.SMTPAuthenticationError as error:
            raise self._unusable(f"it refuses the user or the password: {said(error)}") from None
        except smtplib.SMTPResponseException as error:
            raise self._unusable(said(error)) from None
        except TimeoutError:
            raise self._unusable("it takes too long to answer") from None
        except (smtplib.SMTPException, OSError, UnicodeError, ValueError) as error:
            # smtplib tells both of a connection that was closed and of an answer that did not come.
            if isinstance(error.__context__, TimeoutError):
                raise self._unusable("it takes too long to answer") from None
            text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise self._unusable(plain(text) or type(error).__name__) from None

    def _unusable(self, trouble: str) -> Undelivered:
        clean = trouble.replace(self._password, "…") if self._password else trouble
        return Undelivered(f"{self.where}: {clean}", everywhere=True)


class Connection:
    """One connection to a mail server after the other, each for as many letters as it lasts.

    A connection that breaks while a letter is handed over may be that letter's fault: only when the next one breaks too
    is it the server that can't be used.
    """

    def __init__(self, server: Smtp) -> None:
        self._server = server
        self._client: smtplib.SMTP | None = None
        self._broken = 0

    def hand_in(self, message: EmailMessage, *, id: str, at: datetime) -> None:
        """Hand over one letter. Raises Undelivered."""
        client = self._alive() or self._server.connect()
        self._client = None
        try:
            with self._server.told(), _at_most(client, self._server.to_finish):
                _send(client, message)
        except Undelivered as error:
            if not error.everywhere:
                self._keep(client)
                raise
            client.close()
            self._broken += 1
            raise Undelivered(str(error), everywhere=self._broken > 1) from None
        self._keep(client)

    def close(self) -> None:
        """Take leave of the server, if it is there still."""
        if self._client is not None:
            _leave(self._client)
            self._client = None

    def _alive(self) -> smtplib.SMTP | None:
        """The connection, if the server holds it still: many allow only so many letters on one."""
        if self._client is not None:
            with suppress(smtplib.SMTPException, OSError), _at_most(self._client, self._server.to_finish):
                if self._client.noop()[0] == 250:
                    return self._client
            self._client.close()
        return None

    def _keep(self, client: smtplib.SMTP) -> None:
        # smtplib closes what the server has said goodbye to.
        self._client = client if client.sock is not None else None
        self._broken = 0


def _send(client: smtplib.SMTP, message: EmailMessage) -> None:
    sender = message["From"].addresses[0].addr_spec
    recipient = message["To"].addresses[0].addr_spec
    options = [] if sender.isascii() and recipient.isascii() else ["SMTPUTF8", "BODY=8BITMIME"]
    try:
        client.sendmail(sender, [recipient], as_bytes(message), mail_options=options)
    except smtplib.SMTPNotSupportedError:
        raise Undelivered(
            "the mail server can't deliver to addresses with other letters than a to z before the @ (SMTPUTF8)",
            for_good=True,
        ) from None
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        raise _refused(smtplib.SMTPResponseException(code, text)) from None
    except smtplib.SMTPSenderRefused as error:
        # It is mail_from that is wrong, or the server: somebody may mend either.
        raise Undelivered(f"the sender was refused: {said(error)}") from None
    except smtplib.SMTPDataError as error:
        raise _refused(error) from None


def _refused(error: smtplib.SMTPResponseException) -> Undelivered:
    """What a server says of a letter: 5xx is for good, unless it means us and not the letter or its address."""
    text = said(error)
    means_us = error.smtp_code in (503, 530, 534, 535, 538) or text[4:].startswith("5.7.")
    return Undelivered(text, for_good=error.smtp_code >= 500 and not means_us)


def said(error: smtplib.SMTPResponseException) -> str:
    """What a server answered, on one line: the code and its words."""
    words = error.smtp_error
    return plain(f"{error.smtp_code} {words.decode('utf-8', 'replace') if isinstance(words, bytes) else words}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _leave(client: smtplib.SMTP) -> None:
    with suppress(smtplib.SMTPException, OSError, ValueError):
        if client.sock is not None:
            client.sock.settimeout(bounds.SMTP_FAREWELL_SECONDS)
        client.quit()
    client.close()


@contextmanager
def _at_most(client: smtplib.SMTP, seconds: float) -> Iterator[None]:
    """Cut the connection after so long: a server that sends a byte now and then would never be late for smtplib."""
    timer = Timer(seconds, _cut(client))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(client: smtplib.SMTP) -> Callable[[], None]:
    def cut() -> None:
        with suppress(OSError):
            if client.sock is not None:
                client.sock.shutdown(socket.SHUT_RDWR)

    return cut
