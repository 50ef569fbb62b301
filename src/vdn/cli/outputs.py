"""Where the results of every input go."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vdn.errors import InputError

__all__ = ["Outputs", "plan_outputs"]

_MARK = ".denoised"


@dataclass(frozen=True)
class Outputs:
    """The files made from one input; None where a map is not asked for."""

    image: Path
    noise_map: Path | None = None
    uncertainty: Path | None = None

    def __iter__(self) -> Iterator[Path]:
        maps = (self.noise_map, self.uncertainty)
        return iter([self.image, *(path for path in maps if path is not None)])


def plan_outputs(
    inputs: Sequence[Path], output: Path | None, *, noise_map: bool, uncertainty: bool
) -> dict[Path, Outputs]:
    """Name the outputs of every input.

    Without `output`, `a.png` becomes `a.denoised.png` beside it. `output` is a file for one input
    (unless it is a folder that exists), and a folder for several, where names stay as they are.
    Maps go beside the picture, as `a.noise.tiff` and `a.uncertainty.tiff`.

    Raises
    ------
    InputError
        When several inputs share an output, or `output` is a file for several inputs.

    Examples
    --------
    >>> plan = plan_outputs([Path("a.png")], None, noise_map=True, uncertainty=False)
    >>> [str(path) for path in plan[Path("a.png")]]
    ['a.denoised.png', 'a.noise.tiff']
    """
    if output is not None and len(inputs) > 1 and _is_file(output):
        raise InputError(f"{output} is a file, but there are {len(inputs)} inputs; give a folder")
    plan: dict[Path, Outputs] = {}
    owner: dict[Path, Path] = {}
    for path in inputs:
        image = _image(path, output, len(inputs))
        name = image.stem.removesuffix(_MARK)
        plan[path] = Outputs(
            image,
            image.with_name(f"{name}.noise.tiff") if noise_map else None,
            image.with_name(f"{name}.uncertainty.tiff") if uncertainty else None,
        )
        for made in plan[path]:
            if made in owner:
                raise InputError(
                    f"{owner[made]} and {path} would both become {made}; denoise them separately"
                )
            owner[made] = path
    return plan


def _image(path: Path, output: Path | None, count: int) -> Path:
    if output is None:
        return path.with_name(f"{path.stem}{_MARK}{path.suffix}")
    return output / path.name if count > 1 or output.is_dir() else output


def _is_file(output: Path) -> bool:
    from vdn.image.formats import FORMATS

    known = {suffix for format_ in FORMATS for suffix in format_.suffixes}
    return output.is_file() or (not output.exists() and output.suffix.lower() in known)
