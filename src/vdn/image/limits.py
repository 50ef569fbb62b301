"""How much one piece of a file may take when it is decoded."""

from vdn.errors import TooLargeError

__all__ = ["PIECE_LIMIT", "check_piece"]

PIECE_LIMIT = 4 * 2**30


def check_piece(nbytes: int, limit: int, what: str = "picture") -> None:
    """Refuse what would fill the memory when decoded, before it is decoded.

    Parameters
    ----------
    nbytes
        Size of the smallest piece that can be decoded alone: a whole JPEG, a row of TIFF tiles.
    limit
        The most it may be.
    what
        Name of the piece.

    Raises
    ------
    TooLargeError
        When it is larger.
    """
    if nbytes > limit:
        raise TooLargeError(
            f"a {what} of it takes {_megabytes(nbytes)} MB when decoded, more than the limit of "
            f"{_megabytes(limit)} MB; give more memory, or store it as TIFF in tiles"
        )


def _megabytes(nbytes: int) -> str:
    return f"{nbytes / 1e6:,.1f}" if nbytes < 1e8 else f"{nbytes / 1e6:,.0f}"
