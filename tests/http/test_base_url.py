"""The address that answers and letters lead to where nobody has said one."""

import pytest

from live import Live
from onebucket.cli import serve


@pytest.mark.parametrize(
    ("host", "port", "secure", "address"),
    [
        ("127.0.0.1", 443, True, "https://127.0.0.1"),
        ("127.0.0.1", 80, False, "http://127.0.0.1"),
        ("127.0.0.1", 80, True, "https://127.0.0.1:80"),
        ("::1", 443, True, "https://[::1]"),
        ("git.example.com", 8080, False, "http://git.example.com:8080"),
    ],
)
def test_a_port_that_people_need_not_name_is_not_named(host: str, port: int, secure: bool, address: str) -> None:
    assert serve._address(host, port, secure=secure) == address


def test_a_server_says_which_address_answers_lead_to(served: Live) -> None:
    assert f"Links in responses and e-mails lead to {served.base}: set base_url" in served.output()
