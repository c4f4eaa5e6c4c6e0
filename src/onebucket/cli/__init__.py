"""The command line: one short function per command, over the same actions as the API."""

import sys


def main() -> None:
    """Run the command line. Print an expected error as one sentence, without a traceback.

    Exit codes: 0 done; 1 refused, or the answer "no"; 2 wrong usage. Commands whose exit code 1 is an answer
    (`check`) also exit with 2 on every error.
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
