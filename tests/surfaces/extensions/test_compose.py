"""The example for Docker Compose: its file holds together, and its nginx lets through what onebucket allows."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import cast
import gateway as gateways
from checkout import TOP
from gateway import Gateway
from live import Live, free_port
from onebucket import settings

FOLDER = TOP / "examples" / "compose"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
CONFIGURATION = (FOLDER / "nginx.conf").read_text()
CONTAINERFILE = (FOLDER / "git" / "Containerfile").read_text()
# What differs from the configuration in docs/enforce.md.
BETWEEN_CONTAINERS = (
    (r" +ssl_certificate(_key)? .*\n", ""),
    ("listen 443 ssl;", "listen 80;"),
    ("git.example.com", "localhost"),
    ("unix:/run/fcgiwrap.socket", "git:9000"),
    ("http://127.0.0.1:8080", "http://onebucket:8080"),
)

needs_programs = pytest.mark.skipif(
    not gateways.can_be_had(), reason="nginx, fcgiwrap or git is not installed (Debian: nginx-light fcgiwrap git)"
)


def test_the_configuration_is_the_documented_one_between_containers() -> None:
    [documented, _] = re.findall(r"```nginx\n(.*?)```", gateways.PAGE.read_text(), re.DOTALL)
    for said, meant in BETWEEN_CONTAINERS:
        documented, count = re.subn(said, meant, documented)
        assert count, said

    assert CONFIGURATION.partition("\n")[2] == documented


def test_the_services_are_those_that_the_configuration_names() -> None:
    services = COMPOSE["services"]

    assert set(services) == {"onebucket", "git", "nginx"}
    assert "http://onebucket:8080/" in CONFIGURATION and "EXPOSE 8080" in (TOP / "Containerfile").read_text()
    assert "fastcgi_pass  git:9000;" in CONFIGURATION and "EXPOSE 9000" in CONTAINERFILE
    assert set(services["nginx"]["depends_on"]) == {"onebucket", "git"}


def test_every_file_volume_and_setting_is_there() -> None:
    services = COMPOSE["services"]
    known = {f"ONEBUCKET_{setting.name.upper()}" for setting in settings.SETTINGS}

    for name in ("onebucket", "git"):
        build = services[name]["build"]
        assert (FOLDER / build["context"] / build["dockerfile"]).is_file()
    mounted = [volume.split(":") for service in services.values() for volume in service["volumes"]]
    assert {source for source, *_ in mounted if not source.startswith(".")} == set(COMPOSE["volumes"])
    assert all((FOLDER / source).is_file() for source, *_ in mounted if source.startswith("."))
    assert set(services["onebucket"]["environment"]) <= known


def test_only_this_machine_reaches_the_ports() -> None:
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", ())]

    assert ports == ["127.0.0.1:8080:8080", "127.0.0.1:8081:80"]


class ComposeGateway(Gateway):
    """nginx with the example's configuration, and fcgiwrap as the example's container starts it."""

    def __init__(self, live: Live, home: Path) -> None:
        super().__init__(live, home)
        self._fastcgi_port = free_port()
        self.fastcgi = f"tcp:127.0.0.1:{self._fastcgi_port}"

    def servers(self) -> Iterator[str]:
        """Yield the example's configuration, adapted to this machine."""
        configuration = CONFIGURATION
        for said, meant in (
            ("listen 80;", f"listen 127.0.0.1:{self.port};"),
            ("git:9000", f"127.0.0.1:{self._fastcgi_port}"),
            ("/usr/lib/git-core/git-http-backend", str(gateways.BACKEND)),
            ("/srv/git", f"{self.folder}/git"),
            ("http://onebucket:8080", self.live.base),
        ):
            assert said in configuration
            configuration = configuration.replace(said, meant)
        yield configuration


@needs_programs
@pytest.mark.subprocess
def test_a_reader_clones_and_a_stranger_does_not(cast_template: Path, tmp_path: Path) -> None:
    db = cast.copy(cast_template, tmp_path)
    with db.writing() as tx:
        gateways.set_stage(cast.operator(tx))
    db.close()
    with Live(tmp_path, trusted_proxies="127.0.0.1") as live:
        gateway = ComposeGateway(live, tmp_path)
        try:
            gateway.start()

            gateway.clone("bob")
            refused = gateway.git("ls-remote", gateway.url("mallory"))
        finally:
            gateway.stop()

    assert (refused.returncode, "403" in refused.stderr) == (128, True), refused.stderr
    assert 'CMD ["fcgiwrap", "-f", "-c", "8", "-s", "tcp:0.0.0.0:9000"]' in CONTAINERFILE
