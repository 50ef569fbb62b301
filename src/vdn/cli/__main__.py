"""Run the command line by `python -m vdn.cli`."""

from vdn.cli import main

main()
