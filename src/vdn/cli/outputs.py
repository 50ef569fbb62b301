"""Where the results of every input go."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from vdn.cli.inputs import STANDARD, Input
from vdn.errors import FileError, InputError, VdnError
from vdn.result_names import result_name
from vdn.storage import Location, is_finished

__all__ = ["Outputs", "Plan", "plan_outputs", "skip_existing"]


@dataclass(frozen=True)
class Outputs:
    """The files made from one input; None where one is not wanted."""

    image: Location | None = None
    noise_map: Location | None = None
    uncertainty: Location | None = None

    @property
    def first(self) -> Location:
        """One of them; they share a folder."""
        return next(iter(self))

    def __iter__(self) -> Iterator[Location]:
        every = (self.image, self.noise_map, self.uncertainty)
        return iter([path for path in every if path is not None])

    def without_existing(self, there: "Callable[[Location], bool] | None" = None) -> "Outputs":
        """Return those that do not exist yet; `there` tells whether one does."""
        there = there or is_finished
        names = ("image", "noise_map", "uncertainty")
        paths = {name: getattr(self, name) for name in names}
        return Outputs(**{n: None if p and there(p) else p for n, p in paths.items()})


@dataclass(frozen=True)
class Plan:
    """An input and its outputs, or the reason why there can be none.

    Attributes
    ----------
    input, outputs
        The file, and all that belongs to it.
    wanted
        Those of the outputs that are to be made.
    problem
        Why they cannot be.
    """

    input: Input
    outputs: Outputs = Outputs()
    wanted: Outputs = Outputs()
    problem: VdnError | None = None


def skip_existing(plans: Sequence[Plan]) -> list[Plan]:
    """Return the plans of which something is still to be made, with that alone."""
    left = (
        plan if plan.problem else replace(plan, wanted=plan.outputs.without_existing())
        for plan in plans
    )
    return [plan for plan in left if plan.problem or list(plan.wanted)]


def plan_outputs(
    inputs: Sequence[Input],
    output: Location | None,
    *,
    many: bool,
    suffix: Callable[[PurePath], str],
    mark: str,
    noise_map: bool = False,
    uncertainty: bool = False,
    map_suffix: str = ".tiff",
) -> list[Plan]:
    """Name the outputs of every input.

    Without `output`, `a.png` becomes `a.MARK.png` beside it. `output` is a file for one input
    (unless it is a folder that exists), and a folder for several, where names stay as they are and
    folders are mirrored. Maps go beside the picture, as `a.noise.tiff` and `a.uncertainty.tiff`.

    Parameters
    ----------
    inputs
        As `find_inputs` returns them.
    output
        What the user said; `-` is standard output.
    many
        Whether the user named a folder, a pattern, a list or several files, which go to a folder.
    suffix
        Tells the extension of the output from the name of the input.
    mark
        What has been done to it, such as "denoised".
    noise_map, uncertainty
        Whether these are wanted.
    map_suffix
        Their extension; beside a Zarr they are Zarrs.

    Raises
    ------
    InputError
        When inputs that the user named share an output, or `output` is a file for several inputs.

    Examples
    --------
    >>> plan, = plan_outputs(
    ...     [Input(Path("a.png"), Path("a.png"))],
    ...     None,
    ...     many=False,
    ...     suffix=lambda path: path.suffix,
    ...     mark="denoised",
    ...     noise_map=True,
    ... )
    >>> [str(path) for path in plan.outputs]
    ['a.denoised.png', 'a.noise.tiff']
    """
    if output is not None and many and _is_file(output):
        raise InputError(f"{output} is a file, but there are several inputs; give a folder")
    to_standard = output == STANDARD or (
        output is None and any(entry.path == STANDARD for entry in inputs)
    )
    if to_standard and (many or noise_map or uncertainty):
        raise InputError("- (standard output) takes the picture of one input, and no maps")
    is_folder = isinstance(output, Path) and output.is_dir() and output.suffix != ".zarr"
    folder = output is not None and (many or is_folder)
    sources = {entry.identity: entry.path for entry in inputs if entry.identity}
    owner: dict[Location | tuple[int, int], Input] = {}
    plans = []
    for entry in inputs:
        image = _image(entry, output, folder, suffix, mark)
        name = image.stem.removesuffix(".ome").removesuffix(f".{mark}")
        ending = map_suffix
        if image.suffix == ".zarr":
            ending = ".ome.zarr" if image.name.endswith(".ome.zarr") else ".zarr"
        outputs = Outputs(
            image,
            image.with_name(f"{name}.noise{ending}") if noise_map else None,
            image.with_name(f"{name}.uncertainty{ending}") if uncertainty else None,
        )
        problem = entry.problem or _clash(entry, outputs, owner) or _would_replace(outputs, sources)
        plans.append(Plan(entry, outputs, outputs, problem))
        if problem is None:
            owner |= {key: entry for made in outputs for key in _keys(made)}
    return plans


def _image(
    entry: Input,
    output: Location | None,
    folder: bool,
    suffix: Callable[[PurePath], str],
    mark: str,
) -> Location:
    if entry.path == STANDARD and output is None:
        return STANDARD
    if output is None:
        return entry.path.with_name(result_name(entry.path.stem, mark, suffix(entry.path)))
    return output / entry.below.with_suffix(suffix(entry.path)) if folder else output


def _clash(
    entry: Input, outputs: Outputs, owner: dict[Location | tuple[int, int], Input]
) -> FileError | None:
    """Tell when another input has one of the outputs already."""
    for made in outputs:
        first = next((owner[key] for key in _keys(made) if key in owner), None)
        if first is not None:
            text = f"{first.path} and {entry.path} would both become {made}; take each by itself"
            if first.named and entry.named:
                raise InputError(text)
            return FileError(f"{entry.path}: {text}")
    return None


def _would_replace(outputs: Outputs, sources: dict[tuple[int, int], Location]) -> FileError | None:
    """Tell when an output is the file of an input, by whatever name."""
    for made in outputs:
        for key in _keys(made):
            if key in sources:
                return FileError(
                    f"{made}: is the input {sources[key]}; choose another name or folder"
                )
    return None


def _keys(path: Location) -> "list[Location | tuple[int, int]]":
    """Return what tells a file from others: its name, and if it exists its number.

    `A.png` and `a.png` are two files on some disks, and one on others.
    """
    if not isinstance(path, Path):
        return [path]
    try:
        about = path.stat()
    except OSError:
        return [path]
    return [path, (about.st_dev, about.st_ino)]


def _is_file(output: Location) -> bool:
    from vdn.image.formats import FORMATS

    known = {suffix for format_ in FORMATS for suffix in format_.suffixes}
    promised = output.suffix.lower() in known
    if not isinstance(output, Path):
        return promised
    return output.is_file() or (not output.exists() and promised)
