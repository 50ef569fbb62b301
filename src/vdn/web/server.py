"""The server under the service: uvicorn, with a time limit for the head of a request."""

import asyncio
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from vdn.web.settings import ServiceSettings

__all__ = ["make_server"]


def make_server(app: FastAPI, settings: ServiceSettings, log_level: str) -> uvicorn.Server:
    """Return a server of the service; `server.run(sockets=[...])` serves until it is told to end.

    Parameters
    ----------
    app
        The service, see `vdn.web.create_app`.
    settings
        Those of the service.
    log_level
        As of uvicorn. Requests are never logged: they hold the token.
    """

    class Protocol(_HeadInTime):
        head_seconds = settings.head_seconds

    config = uvicorn.Config(
        app,
        http=Protocol,
        access_log=False,
        log_level=log_level,
        server_header=False,
        limit_concurrency=500,
        timeout_graceful_shutdown=2,
    )
    return uvicorn.Server(config)


class _HeadInTime(H11Protocol):
    """HTTP, with connections closed whose request line and headers do not arrive in time.

    uvicorn closes a connection that is silent between two requests, but waits for ever once a first
    byte is there, or before it: with enough such connections nobody else is served.
    """

    head_seconds: float
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._forget_deadline()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self.transport.close)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
