"""What the axes of a stack of images are: names, units, channels, coarser levels."""

from dataclasses import dataclass, replace

__all__ = ["Axis", "Channel", "Dimensions"]


@dataclass(frozen=True)
class Axis:
    """An axis of a stack.

    Attributes
    ----------
    name
        One letter where it is a usual one: t, c, z, y, x.
    length
        How many there are along it.
    unit
        Of `step`, as OME-Zarr spells it ("micrometer", "second"); empty where it is not known.
    step
        From one to the next.
    """

    name: str
    length: int
    unit: str = ""
    step: float = 1.0


@dataclass(frozen=True)
class Channel:
    """A channel: what it is called, and the colour it is shown in, RRGGBB or empty."""

    name: str = ""
    colour: str = ""


@dataclass(frozen=True)
class Dimensions:
    """The axes of a stack, in the order in which its images follow each other.

    Attributes
    ----------
    axes
        The last two are rows and columns.
    colour
        Which of the axes holds the channels of one picture (red, green, blue), or None.
    channels
        As many as the axis c is long, or none where nothing is known about them.
    levels
        Rows and columns of the coarser levels of a pyramid, the finest first.
    nearest
        Whether a pixel of a level is one of the finer level, and not the mean of several.
    name
        Of the whole.

    Examples
    --------
    >>> stack = Dimensions((Axis("z", 5, "micrometer", 2.0), Axis("y", 30), Axis("x", 40)))
    >>> stack.shape, stack.planes
    ((5, 30, 40), 5)
    """

    axes: tuple[Axis, ...]
    colour: int | None = None
    channels: tuple[Channel, ...] = ()
    levels: tuple[tuple[int, int], ...] = ()
    nearest: bool = False
    name: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of every axis."""
        return tuple(axis.length for axis in self.axes)

    def enlarged(self, scale: int) -> "Dimensions":
        """Return those of an image with `scale` times the rows and columns, of its own levels.

        Examples
        --------
        >>> small = Dimensions((Axis("y", 30, "micrometer", 2.0), Axis("x", 40)))
        >>> small.enlarged(2).shape, small.enlarged(2).axes[0].step
        ((60, 80), 1.0)
        """
        rows, columns = (
            replace(axis, length=scale * axis.length, step=axis.step / scale)
            for axis in self.axes[-2:]
        )
        return replace(self, axes=(*self.axes[:-2], rows, columns), levels=())

    @property
    def planes(self) -> int:
        """How many pictures there are."""
        count = 1
        for index, axis in enumerate(self.axes[:-2]):
            count *= 1 if index == self.colour else axis.length
        return count
