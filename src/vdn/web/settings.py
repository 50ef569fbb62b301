"""What the service allows, and how it computes."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["ServiceSettings"]


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """How the service is set up.

    Attributes
    ----------
    host, port
        Where it listens; the names it answers to follow from the first.
    token
        What every request has to show; random by default.
    max_upload
        Bytes of a picture file.
    max_pixels
        Of all images in a file together, and of all in its result.
    max_pictures
        Of one visit.
    idle_seconds
        After which a visit nobody looks at is removed with its files.
    head_seconds
        How long the request line and the headers of a request may take.
    upload_seconds
        How long an upload may pause; its mean rate has to be above 10 kB a second too.
    threads, device, weights
        As of `vdn.Restorer`.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    max_upload: int = 10**9
    max_pixels: int = 250 * 10**6
    max_pictures: int = 500
    idle_seconds: float = 3600.0
    head_seconds: float = 10.0
    upload_seconds: float = 20.0
    threads: int | None = None
    device: str = "auto"
    weights: Path | None = None
