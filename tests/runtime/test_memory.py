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


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_quarter_of_what_a_container_may_use(tmp_path, name):
    limit = tmp_path / name
    limit.parent.mkdir(exist_ok=True)
    limit.write_text("400000000\n")
    assert memory_share(tmp_path) == 100


@pytest.mark.parametrize("text", ["max\n", "", str(2**63 - 1)])
def test_a_container_without_a_limit(tmp_path, text):
    (tmp_path / "memory.max").write_text(text)
    assert memory_share(tmp_path) == memory_share(tmp_path / "none")
