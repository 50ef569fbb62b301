"""`import vdn` is light."""

import subprocess
import sys

import pytest


def test_import_loads_nothing_heavy():
    code = "import vdn, sys; print(*sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "openvino", "numpy", "scipy", "PIL"} & set(done.stdout.split())


def test_public_names_are_there_and_others_are_not():
    import vdn

    assert all(callable(getattr(vdn, name)) for name in vdn.__all__)
    with pytest.raises(AttributeError, match="no attribute 'denoize'"):
        _ = vdn.denoize
