"""Who may ask: a token, a host name of this machine, no other site's pages."""

import hmac
import ipaddress
import socket
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vdn.web.settings import ServiceSettings

__all__ = ["HEALTH", "Guard", "cookie_name", "read_cookies"]

HEALTH = "/health"
"""The one path that needs no token: it tells that the service lives, and nothing else."""

_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Guard:
    """Refuses, before anything is read, what does not come from the page or a user's program.

    A foreign ``Host`` is what a page elsewhere sends after it has pointed its own name at this
    machine; a foreign ``Origin`` is that of a request it makes directly. Addresses in numbers are
    nobody's name, and are answered to.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self._app, self._token = app, settings.token.encode()
        self._cookie = cookie_name("token", settings)
        self._names = {"localhost", socket.gethostname().lower(), settings.host.lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (name.encode(), value.encode())
                        for name, value in _HEADERS.items()
                        if name.encode() not in present
                    ),
                ]
            await send(message)

        refused = self._refusal(scope)
        if refused is None:
            await self._app(scope, receive, send_with_headers)
        else:
            response = PlainTextResponse(refused[1] + "\n", refused[0])
            await response(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        host = headers.get("host", "")
        if not self._is_ours(host):
            return 421, "This service does not answer to that name."
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, "Requests from other sites are not answered."
        if scope["path"] == HEALTH:
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        scheme, _, credential = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            given.append(credential.strip())
        given += [read_cookies(headers.get("cookie", "")).get(self._cookie, "")]
        if not any(hmac.compare_digest(each.encode(), self._token) for each in given):
            return 401, "Open the address that `vdn serve` printed: it ends in a token."
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name in self._names
        return True


def cookie_name(what: str, settings: ServiceSettings) -> str:
    """Return the name of a cookie: browsers do not keep those of two ports apart.

    Examples
    --------
    >>> cookie_name("token", ServiceSettings(port=8001))
    'vdn-token-8001'
    """
    return f"vdn-{what}-{settings.port}"


def read_cookies(header: str) -> dict[str, str]:
    """Return the cookies of a header by name; of a broken one none."""
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header).items()}
    except CookieError:
        return {}
