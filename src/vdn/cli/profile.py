"""`vdn profile`: what a noise profile says, and profiles from format to format."""

from typing import TYPE_CHECKING

import click

from vdn.cli import options
from vdn.cli.failures import report, shown

if TYPE_CHECKING:
    from vdn.noise.profiles import CameraProfile, ChannelLaw

__all__ = ["profile", "profile_text"]

_SOURCES = {"pixels": "read off the pixels", "network": "estimated by the network"}


@click.command()
@click.argument("name", metavar="PROFILE", help="A name given to vdn noise --profile, or a file.")
@click.option("--output", "-o", metavar="FILE", help="Write it in the format of this name.")
@click.option(
    "--iso", metavar="N", type=options.Number(min=1), help="At this ISO; default: all it has."
)
@click.option(
    "--camera", metavar="NAME", default="", help="Make and model, of a file with several cameras."
)
@options.overwrite
@options.json
@options.debug
def profile(
    name: str,
    output: str | None,
    iso: float | None,
    camera: str,
    overwrite: bool,
    json: bool,
    debug: bool,
) -> None:
    """Show a noise profile, or write it for another program.

    Read and written are the JSON of `vdn noise --profile`, noiseprofiles.json (darktable), .dng
    (the tag NoiseProfile), .fits (EGAIN, GAIN, RDNOISE) and .npz (PN2V, CAREamics). The last three
    hold one ISO: choose it with --iso.
    """
    from dataclasses import replace

    from vdn.noise.profiles import own_format, read_profile, write_profile

    with report(debug):
        found = read_profile(name, camera)
        if iso is not None:
            found = replace(found, settings=(found.at(iso),))
        if output is not None:
            path = write_profile(found, output, overwrite=overwrite)
            click.echo(f"{shown(name)} -> {shown(path)}", err=json)
        if json:
            click.echo(own_format.encode(found), nl=False)
        elif output is None:
            click.echo(profile_text(found))


def profile_text(found: "CameraProfile") -> str:
    """Return a profile as lines to read."""
    what = _SOURCES.get(found.source, f"as a file of {found.source} says")
    white = "" if found.white is None else f", white at {found.white:g}"
    lines = [f"{found.camera or 'a camera without a name'}: {found.isos}, {what}{white}"]
    for setting in found.settings:
        names = ("red", "green", "blue") if len(setting.channels) == 3 else ()
        for index, law in enumerate(setting.channels):
            head = "" if setting.iso is None else f"ISO {setting.iso:g}"
            count = f", {setting.pictures} pictures" if setting.pictures > 1 else ""
            channel = names[index] if names else f"channel {index}" if index else ""
            many = len(setting.channels) > 1
            lines.append(
                f"  {head:<10} {(channel or 'channel 0') if many else '':<9} {_law(law)}{count}"
            )
    return "\n".join(lines)


def _law(law: "ChannelLaw") -> str:
    a, b = (
        f"{abs(value):.3g}" + ("" if ends is None else f" ({ends[0]:.3g} to {ends[1]:.3g})")
        for value, ends in ((law.a, law.a_interval), (law.b, law.b_interval))
    )
    sign = "-" if law.b < 0 else "+"
    span = "" if law.span is None else f", from {law.span[0]:.3g} to {law.span[1]:.3g}"
    return f"variance {'-' if law.a < 0 else ''}{a} x brightness {sign} {b}{span}"
