"""The command `webhook`."""

from msgspec import structs

from commands import Command
from onebucket.surfaces.core.webhook_shapes import SecretWebhook, WebhookShape, WholeDelivery


def test_a_webhook_is_made_tested_rotated_switched_and_removed(command: Command) -> None:
    added = command("webhook", "add", "acme", "https://hooks.example.com/x", "--event", "member.added", "--json").json

    id = added["id"]
    assert added["secret"].startswith("whsec_") and added["events"] == ["member.added"]
    assert command("webhook", "ping", "acme", id).out.endswith(" waits to be sent\n")
    [delivery] = command("webhook", "deliveries", "acme", id, "--json").json
    assert (delivery["event"], delivery["state"]) == ("ping", "waiting")
    assert delivery["id"] in command("webhook", "deliveries", "acme", id).out
    assert command("webhook", "resend", "acme", id, delivery["id"]).code == 0
    rotated = command("webhook", "rotate", "acme", id)
    assert rotated.code == 0 and "whsec_" in rotated.out and added["secret"] not in rotated.out
    assert command("webhook", "off", "acme", id).out == "hooks.example.com is off\n"
    assert "off" in command("webhook", "list", "acme").out
    assert "the webhook is off" in command("webhook", "ping", "acme", id).err
    assert command("webhook", "on", "acme", id).out == "hooks.example.com is on\n"
    assert command("webhook", "remove", "acme", id).out == "removed hooks.example.com, https://hooks.example.com/x\n"
    assert command("webhook", "list", "acme", "--json").json == []


def test_json_is_that_of_the_api(command: Command) -> None:
    added = command("webhook", "add", "acme", "https://hooks.example.com/x", "--json").json
    command("webhook", "ping", "acme", added["id"])
    [listed] = command("webhook", "list", "acme", "--json").json
    [delivery] = command("webhook", "deliveries", "acme", added["id"], "--json").json

    shapes = {SecretWebhook: added, WebhookShape: listed, WholeDelivery: delivery}
    assert {shape: [each.name for each in structs.fields(shape)] for shape in shapes} == {
        shape: [*printed] for shape, printed in shapes.items()
    }


def test_a_private_address_is_refused_unless_it_is_listed(command: Command) -> None:
    refused = command("webhook", "add", "acme", "http://10.0.0.1/")

    assert refused.code == 1 and "no public address; the setting webhook_allow can list it" in refused.err
