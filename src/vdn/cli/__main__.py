"""Run the command line by `python -m vdn.cli`, as by `python -m vdn`."""

from vdn.cli import main

main()
