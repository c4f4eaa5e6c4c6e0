"""`python -m onebucket`."""

from onebucket.cli import main

main()
