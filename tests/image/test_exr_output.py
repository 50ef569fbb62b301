"""Reading an OpenEXR file keeps its library quiet, and nobody else."""

import threading

import numpy as np
import pytest

from vdn.image import open_picture, write


def test_lines_printed_meanwhile_arrive(tmp_path, monkeypatch, capsys):
    library = pytest.importorskip("OpenEXR")
    write(tmp_path / "a.exr", np.zeros((4, 4), np.float32))
    read, reading, printed = library.File, threading.Event(), threading.Event()

    def slow(*arguments, **options):
        print("what the library says")
        reading.set()
        printed.wait(5)
        return read(*arguments, **options)

    monkeypatch.setattr(library, "File", slow)
    thread = threading.Thread(target=lambda: open_picture(tmp_path / "a.exr").close())
    thread.start()
    reading.wait(5)
    print("a line of another thread")
    printed.set()
    thread.join()
    assert capsys.readouterr().out == "a line of another thread\n"
