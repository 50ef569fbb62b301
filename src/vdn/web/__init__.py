"""The local page and the service for programs: `vdn serve` (extra `web`)."""

from vdn.web.app import create_app
from vdn.web.server import make_server
from vdn.web.settings import ServiceSettings

__all__ = ["ServiceSettings", "create_app", "make_server"]
