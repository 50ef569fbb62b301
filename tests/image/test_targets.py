"""Where results are written: links, pipes, devices, files of others, disks that are full."""

import contextlib
import errno
import gc
import io
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import warnings

import numpy as np
import pytest
from PIL import Image

from vdn.errors import ExistsError, FileError
from vdn.image import Metadata, atomic, read, write

GRAY = np.random.default_rng(0).integers(0, 256, (30, 40), np.uint8)
posix = pytest.mark.skipif(os.name == "nt", reason="no such files")


@posix
def test_a_pipe_gets_the_bytes_and_stays_a_pipe(tmp_path):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write(pipe, GRAY)
    reader.join(10)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    (tmp_path / "copy.png").write_bytes(got[0])
    np.testing.assert_array_equal(read(tmp_path / "copy.png").pixels, GRAY)


@posix
def test_a_pipe_that_nobody_reads_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "_PATIENCE", 0.1)
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    with pytest.raises(FileError, match=r"pipe\.png: cannot be written"):
        write(pipe, GRAY, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe.png"]


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_a_device_is_written_into(tmp_path):
    null = tmp_path / "null.png"
    try:
        os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        null.write_bytes(b"")
    except OSError:
        pytest.skip("no devices here")
    write(null, GRAY, overwrite=True)
    assert stat.S_ISCHR(null.stat().st_mode)


@posix
@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_followed_and_stays(tmp_path, exists):
    (tmp_path / "folder").mkdir()
    link, target = tmp_path / "link.png", tmp_path / "folder" / "target.png"
    link.symlink_to(target)
    if exists:
        target.write_bytes(b"before")
        target.chmod(0o640)
        with pytest.raises(ExistsError, match=r"--overwrite.*--skip-existing"):
            write(link, GRAY)
        assert target.read_bytes() == b"before"
    write(link, GRAY, overwrite=exists)
    assert link.is_symlink()
    np.testing.assert_array_equal(read(target).pixels, GRAY)
    if exists:
        assert stat.S_IMODE(target.stat().st_mode) == 0o640


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("name", ["a.npy", "planar.tif", "a.png", "a.npz", "a.bmp"])
def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path, name):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=60k", "tmpfs", disk], capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("no small disk can be made")
    try:
        pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
        like = None
        if name.endswith("tif"):
            import tifffile

            source = tmp_path / "source.tif"
            stored = np.moveaxis(pixels, -1, 0)
            tifffile.imwrite(source, stored, photometric="rgb", planarconfig="separate")
            like = read(source)
        with pytest.raises(FileError, match="No space left"):
            write(disk / name, pixels, like)
        assert not list(disk.iterdir())
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.jfif", "JPEG"),
        ("b.jpe", "JPEG"),
        ("c.jpg_large", "JPEG"),
        ("scan.001", "JPEG"),
        ("d.lsm", "TIFF"),
        ("e.gtiff", "TIFF"),
        ("plain", "JPEG"),
        ("x.ome.tif", "TIFF"),
    ],
)
def test_a_picture_keeps_its_name_and_its_format(run, tmp_path, name, kind):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    Image.fromarray(GRAY).save(folder / name, kind)
    assert run("denoise", folder, "-o", out).exit_code == 0
    with Image.open(out / name) as made:
        assert made.format == kind
    assert run("denoise", folder / name, "--noise-map").exit_code == 0
    beside = {path.name for path in folder.iterdir()} - {name}
    if name == "x.ome.tif":
        assert beside == {"x.denoised.ome.tif", "x.noise.tiff"}
    assert run("denoise", folder, "-o", out, "--skip-existing").exit_code == 0
    assert {path.name for path in out.iterdir()} == {name}  # results are not taken again


def open_files() -> list[str]:
    paths = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # of another thread, closed since
            paths.append(os.readlink(f"/proc/self/fd/{number}"))
    return paths


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="Linux")
def test_pipes_need_no_temporary_folder(tmp_path, monkeypatch):
    def nowhere(*_, **__):
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    colour = Image.fromarray(GRAY).convert("RGB")
    from click.testing import CliRunner

    from vdn.cli import app

    monkeypatch.setattr(tempfile, "mkdtemp", nowhere)
    monkeypatch.chdir(tmp_path)
    for form in ("png", "tiff", "jpeg", "webp", "avif", "bmp"):
        stream = io.BytesIO()
        colour.save(stream, form)
        done = CliRunner().invoke(app, ["denoise", "-", "-o", "-"], input=stream.getvalue())
        assert done.exit_code == 0, done.output
        with Image.open(io.BytesIO(done.stdout_bytes)) as made:
            assert (made.format, made.size) == (form.upper(), GRAY.shape[::-1])
        gc.collect()
        assert not [path for path in open_files() if "memfd:vdn" in path]
    assert list(tmp_path.iterdir()) == []


def test_threads_that_read_tags_leave_the_warnings_of_the_program():
    exif = Image.Exif()
    exif[0x010E] = "x" * 40
    metadata = Metadata(exif=exif.tobytes().removeprefix(b"Exif\0\0")[:-9])

    def read_many():
        for _ in range(100):
            metadata.exif_tags()

    interval = sys.getswitchinterval()
    with warnings.catch_warnings(), contextlib.ExitStack() as stack:
        stack.callback(sys.setswitchinterval, interval)
        sys.setswitchinterval(1e-6)
        before = list(warnings.filters)
        threads = [threading.Thread(target=read_many) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert warnings.filters == before


def test_two_runs_share_a_folder(run, tmp_path, monkeypatch):
    """What another run makes meanwhile is skipped, not failed."""
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for index in range(3):
        Image.fromarray(GRAY).save(folder / f"{index}.png")
    from vdn.streaming import restore

    begin = restore._Outputs.__init__

    def another_is_faster(self, *arguments):
        begin(self, *arguments)
        (out / "1.png").write_bytes(b"of the other")

    monkeypatch.setattr(restore._Outputs, "__init__", another_is_faster)
    done = run("denoise", folder, "-o", out, "--skip-existing")
    assert done.exit_code == 0, done.output
    assert "2 denoised, 1 skipped" in done.stderr or "skipped" in done.stderr
    assert (out / "1.png").read_bytes() == b"of the other"
