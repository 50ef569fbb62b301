import os

import pytest

from vdn.runtime.engine import memory_share


def test_a_quarter_of_the_memory(monkeypatch):
    sizes = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 10**6}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__, raising=False)
    assert memory_share() == pytest.approx(1024)


@pytest.mark.parametrize("error", [AttributeError, ValueError, OSError])
def test_a_machine_that_does_not_tell(monkeypatch, error):
    def refuse(name):
        raise error

    monkeypatch.setattr(os, "sysconf", refuse, raising=False)
    assert memory_share() == 2000
