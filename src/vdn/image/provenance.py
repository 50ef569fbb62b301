"""What was done to a picture, for the place its format has for that."""

from dataclasses import dataclass

__all__ = ["Provenance"]


@dataclass(frozen=True)
class Provenance:
    """What made a picture out of another.

    Examples
    --------
    >>> Provenance(version="0.1.0", model="photo", strength=0.8).text
    'vdn 0.1.0 (model photo, strength 0.8)'
    """

    version: str
    model: str
    strength: float = 1.0

    @property
    def text(self) -> str:
        """One line of ASCII."""
        line = f"vdn {self.version} (model {self.model}, strength {self.strength:g})"
        return " ".join(line.encode("ascii", "replace").decode().split())

    def after(self, software: str) -> str:
        """Return the line behind the names of the programs that worked on the picture before."""
        return f"{software}; {self.text}" if software else self.text
