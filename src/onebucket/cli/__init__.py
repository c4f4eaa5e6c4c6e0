"""The command line: every command, a few lines each, over the same actions as the API."""

import sys


def main() -> None:
    """Run the command line: a mistake gets one sentence.

    Exit codes: 0 done; 1 refused, or no; 2 wrong usage, or for a command that answers with 1 anything else.
    """
    from onebucket.cli import common
    from onebucket.cli.root import root

    try:
        common.check_completion()
        root(prog_name=common.program())
    except common.mistakes() as error:
        print(f"onebucket: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
