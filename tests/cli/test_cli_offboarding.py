"""The command `user offboard`: what it prints before and after, and one sentence for each refusal."""

from commands import Command, done, refused


def test_a_dry_run_prints_what_the_command_ends(command: Command) -> None:
    lines = [
        "acme: leaves the group developers",
        "acme: no longer has admin on website directly",
        "acme: admin on website becomes read",
    ]

    assert command("user", "offboard", "dora", "--account", "acme", "--dry-run") == done(
        "\n".join([*lines, "would off-board dora\n"])
    )
    assert command("user", "offboard", "dora", "--account", "acme", "--yes") == done(
        "\n".join([*lines, "off-boarded dora\n"])
    )
    assert command("user", "offboard", "dora", "--account", "acme", "--yes") == done("nothing to end for dora\n")

    everywhere = command("user", "offboard", "dora", "--yes", "--json").json

    assert everywhere["credentials"] == {
        "active": True, "app_passwords": 3, "oauth_apps": 0, "ssh_keys": 0, "sessions": 0
    }  # fmt: skip
    assert command("user", "offboard", "dora", "--yes").out.endswith("nothing to end for dora\n")


def test_refusals_change_nothing(command: Command) -> None:
    assert command("user", "offboard", "alice", "--account", "acme", "--yes") == refused(
        "can't remove alice from administrators: the team would be left without an administrator"
    )
    assert command("user", "offboard", "dora", "--account", "dora", "--yes") == refused(
        "dora is their own account: nothing in it can be taken away from them"
    )
    assert command("user", "offboard", "root", "--yes") == refused(
        "root is the last site administrator: make somebody else one first"
    )
    assert command("user", "offboard", "nobody", "--yes").code == 1
