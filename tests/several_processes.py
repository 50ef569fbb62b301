"""Several processes of one training, as `torchrun` starts them, with torch loaded only once.

python several_processes.py 2 SCRIPT [ARGUMENT]...
"""

import os
import runpy
import signal
import socket
import subprocess
import sys
from pathlib import Path


def run_on(processes: int, script: Path, *arguments: str, seconds: float = 240) -> None:
    """Run a script in as many processes of one thread each; fail where one of them does."""
    command = [sys.executable, __file__, str(processes), str(script), *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, done.stderr[-3000:]


def main() -> None:
    import vdn.training  # noqa: F401  # what takes the time, before the processes part

    count, sys.argv = int(sys.argv[1]), sys.argv[2:]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
    children = set()
    for rank in range(count):
        if child := os.fork():
            children.add(child)
            continue
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        runpy.run_path(sys.argv[0], run_name="__main__")
        return
    while children:
        child, status = os.wait()
        children.discard(child)
        if status:
            for other in children:
                os.kill(other, signal.SIGKILL)
            sys.exit(1)


if __name__ == "__main__":
    main()
