"""Where webhooks may lead: forms of URLs and addresses that would reach this machine or its networks are refused."""

from ipaddress import ip_address

import pytest

from onebucket import webhook_addresses
from onebucket.webhook_addresses import AllowedPlaces, BadAddress

NOWHERE = AllowedPlaces()
LISTED = webhook_addresses.parse_allowed(["127.0.0.0/8", "fd00::/8", "CI.internal", "10.1.2.3"])

# Each a way to write, or to reach, what is not public.
REFUSED = [
    # This machine, its network, its provider's network, and the metadata of clouds.
    "http://127.0.0.1/", "http://localhost/", "http://localhost./", "http://a.localhost/", "http://10.0.0.1/",
    "http://172.16.0.1/", "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data", "http://100.64.0.1/",
    "http://0.0.0.0/", "http://255.255.255.255/", "http://224.0.0.1/", "http://240.0.0.1/", "http://127.0.0.1./",
    # The same as a number, with leading zeros, in parts too few, in hexadecimal.
    "http://2130706433/", "http://0177.0.0.1/", "http://127.1/", "http://0x7f000001/", "http://0x7f.0.0.1/",
    "http://127.0.0.0x1/", "http://017700000001/", "http://1.2.3.4.5/", "http://256.1.1.1/", "http://127.0.0.01/",
    # IPv6: loopback, unspecified, link-local, unique local, site-local, multicast, and what holds IPv4 addresses.
    "http://[::1]/", "http://[::]/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/", "http://[fd00::1]/",
    "http://[fec0::1]/", "http://[ff02::1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/", "http://[64:ff9b::127.0.0.1]/", "http://[2002:7f00:1::]/", "http://[2001:0:7f00:1::]/",
    "http://[2001:db8::1]/", "http://[x]/", "http://[127.0.0.1]/",
    # What isn't sent over HTTP, hides its host, or is no URL.
    "file:///etc/passwd", "gopher://example.com/", "ftp://example.com/", "//example.com/", "example.com", "",
    "https://", "https:///x", "https://user@example.com/", "https://example.com:secret@127.0.0.1/",
    "https://example.com@/", "https://example.com\\@127.0.0.1/", "https://example.com#@127.0.0.1/",
    "https://example.com:0/", "https://example.com:65536/", "https://example.com:x/", "https://-.example.com/",
    "https://exa mple.com/", "https://example.com/\r\nX-A: b", "https://example.com/\x00", "https://exämple.com/",
    "https://ｅxample.com/", "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/", "https://example..com/",
    "https://%31%32%37.0.0.1/", f"https://example.com/{'x' * 2000}", f"https://{'x' * 64}.com/",
]  # fmt: skip
TAKEN = {
    "https://example.com": ("example.com", 443),
    "HTTPS://EXAMPLE.com./a?b=c": ("example.com.", 443),
    "http://hooks.example.com:8080/x": ("hooks.example.com", 8080),
    "https://xn--exmple-cua.com/": ("xn--exmple-cua.com", 443),
    "https://8.8.8.8/": ("8.8.8.8", 443),
    "https://[2001:4860:4860::8888]:8443/": ("2001:4860:4860::8888", 8443),
    "http://a_b.example.com/": ("a_b.example.com", 80),
}


@pytest.mark.parametrize("url", REFUSED)
def test_what_is_not_public_is_refused_however_it_is_written(url: str) -> None:
    with pytest.raises(BadAddress):
        webhook_addresses.parse_url(url, NOWHERE)


@pytest.mark.parametrize("url", TAKEN)
def test_a_public_url_is_taken(url: str) -> None:
    target = webhook_addresses.parse_url(url, NOWHERE)

    assert (target.host, target.port) == TAKEN[url]


def test_what_the_operator_lists_is_taken_and_nothing_beside_it() -> None:
    for url in ("http://127.0.0.1:9000/", "http://localhost/", "http://[fd12::1]/", "http://[::ffff:127.0.0.1]/"):
        webhook_addresses.parse_url(url, LISTED)
    LISTED.check("ci.internal", ["10.9.9.9"])
    LISTED.check("ci.internal.", ["10.9.9.9"])
    LISTED.check("other.internal", ["10.1.2.3", "8.8.8.8"])

    for host, addresses in (
        ("other.internal", ["10.1.2.4"]),
        ("ci.internal.example.com", ["10.9.9.9"]),
        ("xci.internal", ["10.9.9.9"]),
        # One address that isn't public is enough.
        ("mixed.example.com", ["8.8.8.8", "192.168.0.1"]),
    ):
        with pytest.raises(BadAddress):
            LISTED.check(host, addresses)


@pytest.mark.parametrize("word", ["2130706433", "0x7f.1", "a b", "10.0.0.0/33", "http://x", "-", "*"])
def test_a_list_has_networks_and_hosts(word: str) -> None:
    with pytest.raises(ValueError, match="neither a network nor a host"):
        webhook_addresses.parse_allowed([word])


def test_addresses_that_hold_another_one_count_as_that() -> None:
    assert str(webhook_addresses.address_of("64:ff9b::8.8.8.8")) == "8.8.8.8"
    assert not webhook_addresses.is_public(ip_address("2002:808:808::1"))
