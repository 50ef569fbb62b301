"""The command line as its users start it, timed from start to end: for the other benchmarks."""

import os
import subprocess
import sys
import time

# Runs the command line, then prints its peak memory in kB as the last line of standard error.
MEASURED = """
import atexit, sys
def tell():
    with open("/proc/self/status") as file:
        peak = next(line for line in file if line.startswith("VmHWM"))
    print(peak.split()[1], file=sys.stderr)
atexit.register(tell)
from vdn.cli import main
main()
"""


def run(*words: object) -> tuple[float, float]:
    """Run `vdn` with words; return its seconds and its peak memory in MB.

    Python may keep its byte code, as it does after an installation by pip, even where the
    environment forbids that: else every start would compile all modules once more.
    """
    command = [sys.executable, "-c", MEASURED, *map(str, words)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    )
    seconds = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(f"failed: {' '.join(map(str, words))}\n{done.stderr}")
    return seconds, int(done.stderr.splitlines()[-1]) * 1.024e-3
