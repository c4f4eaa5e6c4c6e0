"""Sends e-mails over SMTP, and separates permanent failures from those worth a retry."""

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
from onebucket.mail.transport import DeliveryError, plain_text, to_bytes


class SmtpTransport:
    """The mail server at `smtp_url`; `named` is the host name we send in EHLO.

    `smtps://` uses TLS from the start. `smtp://` uses STARTTLS if the server offers it; with a password, and except on
    loopback, it is required. Certificates are verified, except on loopback over `smtp://` without a password: a local
    mail system usually has a self-signed one.
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
        self._implicit_tls = parts.scheme == "smtps"
        self.port = parts.port or (465 if self._implicit_tls else 587 if self.user else 25)
        self._to_connect, self._to_answer, self.to_finish = to_connect, to_answer, to_finish
        self._is_loopback_host = _is_loopback(self.host)
        self._named = named if "." in named and not named.replace(".", "").isdigit() else "[127.0.0.1]"

    @property
    def description(self) -> str:
        """The server as `host:port`, without the password."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def connect(self) -> "SmtpSession":
        """Return a session; it connects with the first mail."""
        return SmtpSession(self)

    def check(self) -> None:
        """Connect, sign in and quit, without sending anything. Raises DeliveryError."""
        with self.check_reply():
            client = self.open_connection()
            with _time_limit(client, self.to_finish):
                client.noop()
            _quit(client)

    def open_connection(self) -> smtplib.SMTP:
        """Connect, negotiate TLS and sign in. Raises DeliveryError."""
        with self.check_reply():
            client = smtplib.SMTP(local_hostname=self._named, timeout=self._to_connect)
            try:
                with _time_limit(client, self.to_finish):
                    client.sock = socket.create_connection((self.host, self.port), timeout=self._to_connect)
                    if self._implicit_tls:
                        self._start_tls(client)
                    code, greeting = client.getreply()
                    if code != 220:
                        raise smtplib.SMTPConnectError(code, greeting)
                    if client.sock is not None:
                        client.sock.settimeout(self._to_answer)
                    self._greet(client)
            except BaseException:
                client.close()
                raise
            return client

    def _greet(self, client: smtplib.SMTP) -> None:
        client.ehlo()
        if not self._implicit_tls and client.has_extn("starttls"):
            code, reply = client.docmd("STARTTLS")
            if code != 220:
                raise smtplib.SMTPResponseException(code, reply)
            self._start_tls(client)
            client.ehlo()
        elif not self._implicit_tls and self.user and not self._is_loopback_host:
            raise DeliveryError(
                f"{self.description} offers no TLS, and the password in smtp_url is not sent without it",
                everywhere=True,
            )
        if self.user:
            client.login(self.user, self._password)

    def _start_tls(self, client: smtplib.SMTP) -> None:
        """Go on in TLS. smtplib would only check the certificate's name if its constructor connected, without a limit.

        What the server sent before is dropped with `file`: anybody could have sent it (RFC 3207, 4.2).
        """
        assert client.sock is not None
        client.sock = self._context().wrap_socket(client.sock, server_hostname=self.host)
        client.file = None

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._is_loopback_host and not self.user and not self._implicit_tls:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    @contextmanager
    def check_reply(self) -> Iterator[None]:
        """Turn errors of the connection into a DeliveryError that affects every recipient and is not permanent."""
        try:
            yield
        except DeliveryError:
            raise
        except ssl.SSLCertVerificationError as error:
            raise self._unusable(f"its certificate is not trusted: {error.verify_message}") from None
        except ssl.SSLError as error:
            raise self._unusable(f"TLS failed: {error.reason or error}") from None
        except smtplib.SMTPAuthenticationError as error:
            raise self._unusable(f"it refuses the user or the password: {reply_text(error)}") from None
        except smtplib.SMTPResponseException as error:
            raise self._unusable(reply_text(error)) from None
        except TimeoutError:
            raise self._unusable("it takes too long to answer") from None
        except (smtplib.SMTPException, OSError, UnicodeError, ValueError) as error:
            # smtplib raises the same exception for a closed connection and for a reply that timed out.
            if isinstance(error.__context__, TimeoutError):
                raise self._unusable("it takes too long to answer") from None
            text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise self._unusable(plain_text(text) or type(error).__name__) from None

    def _unusable(self, reason: str) -> DeliveryError:
        clean = reason.replace(self._password, "…") if self._password else reason
        return DeliveryError(f"{self.description}: {clean}", everywhere=True)


class SmtpSession:
    """Sends mails over a connection that is reused as long as it lasts, and replaced when it breaks.

    A connection that breaks during a mail may be that mail's fault. Only when the next one breaks too is the server
    considered unusable.
    """

    def __init__(self, server: SmtpTransport) -> None:
        self._server = server
        self._client: smtplib.SMTP | None = None
        self._broken_in_a_row = 0

    def send(self, message: EmailMessage, *, id: str, at: datetime) -> None:
        """Send one mail. Raises DeliveryError."""
        client = self._live_connection() or self._server.open_connection()
        self._client = None
        try:
            with self._server.check_reply(), _time_limit(client, self._server.to_finish):
                _send(client, message)
        except DeliveryError as error:
            if not error.affects_every_recipient:
                self._put_back(client)
                raise
            client.close()
            self._broken_in_a_row += 1
            raise DeliveryError(str(error), everywhere=self._broken_in_a_row > 1) from None
        self._put_back(client)

    def close(self) -> None:
        """Quit, if still connected."""
        if self._client is not None:
            _quit(self._client)
            self._client = None

    def _live_connection(self) -> smtplib.SMTP | None:
        """Return the connection if it still works: many servers limit the number of mails on one."""
        if self._client is not None:
            with suppress(smtplib.SMTPException, OSError), _time_limit(self._client, self._server.to_finish):
                if self._client.noop()[0] == 250:
                    return self._client
            self._client.close()
        return None

    def _put_back(self, client: smtplib.SMTP) -> None:
        # smtplib has closed the socket if the server replied 421.
        self._client = client if client.sock is not None else None
        self._broken_in_a_row = 0


def _send(client: smtplib.SMTP, message: EmailMessage) -> None:
    sender = message["From"].addresses[0].addr_spec
    recipient = message["To"].addresses[0].addr_spec
    options = [] if sender.isascii() and recipient.isascii() else ["SMTPUTF8", "BODY=8BITMIME"]
    try:
        client.sendmail(sender, [recipient], to_bytes(message), mail_options=options)
    except smtplib.SMTPNotSupportedError:
        raise DeliveryError(
            "the mail server can't deliver to addresses with non-ASCII letters before the @ (SMTPUTF8)",
            for_good=True,
        ) from None
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        raise _refused(smtplib.SMTPResponseException(code, text)) from None
    except smtplib.SMTPSenderRefused as error:
        # Either mail_from is wrong or the server is; the operator can fix both, so retry.
        raise DeliveryError(f"the sender was refused: {reply_text(error)}") from None
    except smtplib.SMTPDataError as error:
        raise _refused(error) from None


def _refused(error: smtplib.SMTPResponseException) -> DeliveryError:
    """Classify a reply about one mail: 5xx is permanent, unless it is about us (sign-in, policy) and not the mail."""
    text = reply_text(error)
    is_about_us = error.smtp_code in (503, 530, 534, 535, 538) or text[4:].startswith("5.7.")
    return DeliveryError(text, for_good=error.smtp_code >= 500 and not is_about_us)


def reply_text(error: smtplib.SMTPResponseException) -> str:
    """Return the server's reply on one line: its code and text."""
    text = error.smtp_error
    return plain_text(f"{error.smtp_code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _quit(client: smtplib.SMTP) -> None:
    with suppress(smtplib.SMTPException, OSError, ValueError):
        if client.sock is not None:
            client.sock.settimeout(bounds.SMTP_FAREWELL_SECONDS)
        client.quit()
    client.close()


@contextmanager
def _time_limit(client: smtplib.SMTP, seconds: float) -> Iterator[None]:
    """Cut the connection after `seconds` in total.

    smtplib's timeout is per read: a server that sends a byte now and then would never reach it.
    """
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
