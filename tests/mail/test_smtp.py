"""Handing letters to a real mail server: plainly, with TLS, signed in; and what is for good and what passes."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

import post_office
from onebucket.mail import template_context
from onebucket.mail.composer import Composer
from onebucket.mail.smtp import SmtpTransport
from onebucket.mail.transport import DeliveryError, FolderTransport
from post_office import LOGIN, Certificate, OutOfOrder, PostOffice

NOW = datetime(2030, 1, 31, 12, 0, tzinfo=UTC)


def letter(email: str = "carol@example.net") -> EmailMessage:
    sample = template_context.sample_contexts()[0]
    object.__setattr__(sample.letter, "email", email)
    return Composer(base_url="https://git.example").compose(sample, NOW)


def hand_in(server: SmtpTransport, *letters: EmailMessage) -> list[tuple[str, bool, bool] | None]:
    """What came of each letter on one connection: None, or the trouble, whether for good, and whether everybody's."""
    outcomes: list[tuple[str, bool, bool] | None] = []
    counter = server.connect()
    for number, each in enumerate(letters or [letter()]):
        try:
            counter.send(each, id=str(number), at=NOW)
            outcomes.append(None)
        except DeliveryError as error:
            outcomes.append((str(error), error.is_permanent, error.affects_every_recipient))
    counter.close()
    return outcomes


def test_several_letters_go_over_one_connection() -> None:
    with PostOffice() as office:
        outcomes = hand_in(
            SmtpTransport(office.url()), *[letter(f"{name}@example.net") for name in ("carol", "dan", "erin")]
        )

    assert outcomes == [None, None, None]
    assert office.envelopes == [("onebucket@git.example", [f"{name}@example.net"]) for name in ("carol", "dan", "erin")]
    # One more than letters need: aiosmtpd's own look whether it listens.
    assert office.connections <= 2


@pytest.mark.parametrize("way", ["smtps", "STARTTLS"])
def test_letters_go_out_in_tls_and_signed_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    certificate = Certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    how = {"secure" if way == "smtps" else "starttls": certificate.context}
    with PostOffice(**how, signed_in=True) as office:
        assert hand_in(SmtpTransport(office.url(LOGIN))) == [None]
        SmtpTransport(office.url(LOGIN)).check()

    assert office.in_tls == [True]


@pytest.mark.parametrize("way", ["smtps", "STARTTLS"])
@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_certificate_that_is_not_to_be_trusted_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, wrong: str
) -> None:
    certificate = Certificate(tmp_path, name="elsewhere.example" if wrong == "name" else "localhost")
    if wrong == "name":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    how = {"secure" if way == "smtps" else "starttls": certificate.context}
    with PostOffice(**how) as office:
        [outcome] = hand_in(SmtpTransport(office.url(LOGIN)))

    assert outcome is not None and outcome[1:] == (False, True)
    assert outcome[0].startswith(f"localhost:{office.port}: its certificate is not trusted: ")
    assert office.letters == []


def test_the_mail_system_of_this_machine_may_have_made_its_own_certificate(tmp_path: Path) -> None:
    with PostOffice(starttls=Certificate(tmp_path, name="snakeoil.example").context) as office:
        assert hand_in(SmtpTransport(office.url())) == [None]

    assert office.in_tls == [True]


def test_a_password_is_not_sent_without_tls_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = socket.create_connection
    with PostOffice() as office:
        monkeypatch.setattr(
            socket, "create_connection", lambda address, **how: elsewhere(("127.0.0.1", address[1]), **how)
        )
        [outcome] = hand_in(SmtpTransport(f"smtp://{LOGIN}@mail.example:{office.port}"))

    assert outcome == (
        f"mail.example:{office.port} offers no TLS, and the password in smtp_url is not sent without it", False, True
    )  # fmt: skip


def test_a_wrong_password_may_be_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = Certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    with PostOffice(secure=certificate.context, signed_in=True) as office:
        [outcome] = hand_in(SmtpTransport(office.url("onebucket:another-password")))

    assert outcome is not None and outcome[1:] == (False, True)
    assert "it refuses the user or the password: 535" in outcome[0]
    assert "another-password" not in outcome[0]


@pytest.mark.parametrize(
    ("answer", "for_good"),
    [
        ("450 4.2.1 try again later", False),
        ("550 5.1.1 no such mailbox", True),
        ("554 5.7.1 relay access denied", False),
        ("530 sign in first", False),
    ],
)
def test_what_is_said_of_an_address_is_for_good_only_when_it_is_about_the_address(answer: str, for_good: bool) -> None:
    with PostOffice(rcpt=lambda address: answer if address.startswith("dan") else None) as office:
        outcomes = hand_in(SmtpTransport(office.url()), letter("dan@example.net"), letter())

    assert outcomes == [(answer, for_good, False), None]


@pytest.mark.parametrize(("answer", "for_good"), [("451 busy", False), ("552 5.3.4 too large", True)])
def test_what_is_said_of_a_letter_counts_for_that_letter(answer: str, for_good: bool) -> None:
    with PostOffice(data=lambda letter: answer if "dan" in str(letter["To"]) else None) as office:
        outcomes = hand_in(SmtpTransport(office.url()), letter("dan@example.net"), letter())

    assert outcomes == [(answer, for_good, False), None]


def test_a_connection_that_breaks_in_a_letter_is_made_anew_for_the_next(tmp_path: Path) -> None:
    def break_down(letter: EmailMessage) -> None:
        if "dan" in str(letter["To"]):
            raise OutOfOrder

    with PostOffice(data=break_down) as office:
        outcomes = hand_in(SmtpTransport(office.url()), letter(), letter("dan@example.net"), letter("erin@example.net"))

    assert [outcome and outcome[1:] for outcome in outcomes] == [None, (False, False), None]
    assert [str(each["To"]) for each in office.letters] == ["carol@example.net", "erin@example.net"]


def test_a_server_that_breaks_down_twice_is_given_up_for_now() -> None:
    def break_down(letter: EmailMessage) -> None:
        raise OutOfOrder

    with PostOffice(data=break_down) as office:
        outcomes = hand_in(SmtpTransport(office.url()), letter(), letter())

    assert [outcome and outcome[1:] for outcome in outcomes] == [(False, False), (False, True)]


def test_a_server_that_nobody_reaches_or_that_is_silent_is_told_of() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        hanging = hand_in(SmtpTransport(f"smtp://127.0.0.1:{port}", to_connect=0.1))
    down = hand_in(SmtpTransport(f"smtp://127.0.0.1:{port}"))

    assert hanging == [(f"127.0.0.1:{port}: it takes too long to answer", False, True)]
    assert down == [(f"127.0.0.1:{port}: Connection refused", False, True)]


def test_a_server_that_never_finishes_an_answer_is_cut_off() -> None:
    with dripping() as port:
        begun = time.monotonic()
        [outcome] = hand_in(SmtpTransport(f"smtp://127.0.0.1:{port}", to_connect=5, to_finish=0.3))

    assert outcome is not None and outcome[1:] == (False, True)
    assert time.monotonic() - begun < 4


@contextmanager
def dripping() -> Iterator[int]:
    """A server that says a letter of its greeting ten times a second, and never comes to its end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                try:
                    while True:
                        connection.sendall(b"2")
                        time.sleep(0.1)
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        yield int(listening.getsockname()[1])
        thread.join()


def test_an_address_in_other_letters_needs_a_server_that_knows_them() -> None:
    with PostOffice(smtputf8=True) as able, PostOffice() as unable:
        good = hand_in(SmtpTransport(able.url()), letter("zoë@bücher.example"))
        bad = hand_in(SmtpTransport(unable.url()), letter("zoë@bücher.example"), letter())

    assert good == [None]
    assert able.envelopes[0][1] == ["zoë@xn--bcher-kva.example"]
    assert bad[0] is not None and bad[0][1:] == (True, False) and "SMTPUTF8" in bad[0][0]
    assert bad[1] is None


def test_letters_are_files_that_nobody_else_may_read(tmp_path: Path) -> None:
    folder = FolderTransport(tmp_path / "data" / "letters")

    folder.connect().send(letter(), id="an-id", at=NOW)

    [file] = folder.folder.iterdir()
    assert file.name == "20300131T120000Z-an-id.eml"
    assert (file.stat().st_mode & 0o777, folder.folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert b"https://git.example/invitations/secret" in file.read_bytes()
    assert post_office.parts(letter())[0].startswith("Hello")


def test_a_folder_that_can_not_be_written_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "letters").write_text("a file")

    with pytest.raises(DeliveryError, match=r"can't write into .*letters: File exists"):
        FolderTransport(tmp_path / "letters").send(letter(), id="an-id", at=NOW)
