"""`vdn serve`: the page on this computer, and the service for programs."""

from typing import TYPE_CHECKING

import click

from vdn.cli import options
from vdn.cli.failures import report
from vdn.errors import InputError
from vdn.extras import needs_extra

if TYPE_CHECKING:
    import socket

__all__ = ["serve"]


@click.command()
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", help="Where to listen.")
@click.option(
    "--port", metavar="N", type=click.IntRange(0, 65535), default=8000, help="0 for any free one."
)
@click.option("--open/--no-open", "open_", default=True, help="Open the page in the browser.")
@click.option(
    "--max-upload",
    metavar="MB",
    type=options.Number(0, min_open=True),
    default=1000,
    help="Largest file.",
)
@click.option(
    "--max-pixels",
    metavar="MPX",
    type=options.Number(0, min_open=True),
    default=250,
    help="Largest picture and result, in megapixels.",
)
@options.threads
@options.device
@options.debug
def serve(
    host: str,
    port: int,
    open_: bool,
    max_upload: float,
    max_pixels: float,
    threads: int | None,
    device: str,
    debug: bool,
) -> None:
    """Restore pictures in the browser, on this computer.

    Prints the address of the page, which ends in a token that every request has to
    show, and opens it. Nothing leaves this computer unless --host lets others in.
    The service for programs is described at /api. Ctrl-C ends it and deletes what was
    uploaded.
    """
    with report(debug):
        with needs_extra("web"):
            from vdn.web import ServiceSettings, create_app, make_server
        listening = _listen(host, port)
        settings = ServiceSettings(
            host=host,
            port=listening.getsockname()[1],
            max_upload=round(max_upload * 1e6),
            max_pixels=round(max_pixels * 1e6),
            threads=threads,
            device=device,
        )
        shown_host = f"[{host}]" if ":" in host else host
        address = f"http://{shown_host}:{settings.port}/?token={settings.token}"
        click.echo(address)
        if open_:
            import threading
            import webbrowser

            threading.Timer(0.5, webbrowser.open, [address]).start()
        server = make_server(create_app(settings), settings, "info" if debug else "warning")
        server.run(sockets=[listening])


def _listen(host: str, port: int) -> "socket.socket":
    import socket

    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        raise InputError(
            f"cannot listen at {host}, port {port}: {error.strerror}; give another --port or --host"
        ) from error
    return listening
