import pytest

from vdn.errors import ConfigError
from vdn.evaluation.published import parse, published
from vdn.evaluation.sets import known_sets

TABLE = """
[[table]]
title = "A table"
metric = "psnr"
source = "a paper"
[table.values.Set5]
awgn25 = { VDN = 30.5, other = 29.0 }
"""


@pytest.mark.parametrize(
    ("set_", "case", "method", "value"),
    [
        ("Set5", "case1", "VDN", 30.39),
        ("LIVE1", "case2", "FFDNet_v", 28.56),
        ("CBSD68", "case3", "NCSR", 24.95),
        ("CBSD68", "awgn15", "VDN", 33.90),
        ("LIVE1", "awgn50", "VDN", 28.36),
        ("CBSD68", "awgn50", "VDN", 28.19),  # the paper's own, not a later measurement
        ("CBSD68", "awgn35", "CBM3D", 28.89),
        ("Urban100", "awgn50", "SCUNet", 30.14),
        ("McMaster", "awgn25", "CDnCNN-B", 31.52),
        ("BSD68_gray", "awgn25", "WNNM", 28.83),
        ("sidd_validation", "real", "VDN", 39.28),
        ("sidd_validation", "p=7", "VDN", 39.28),
        ("DND", "real", "NCSR", 34.05),
    ],
)
def test_figures_as_published(set_, case, method, value):
    assert published().cell(set_, case)[method].value == value


def test_every_figure_has_a_source_and_none_is_made_up():
    figures = published().figures
    assert len(figures) == 517
    assert all(figure.source for figure in figures)
    assert "VDN" not in published().cell("McMaster", "awgn25")  # not found anywhere
    assert not published().cell("CBSD68", "case1", "ssim")


def test_sensitivity_and_time_are_there_too():
    cell = published().cell("sidd_validation", "eps0^2=1e-6", "ssim")
    assert {name: figure.value for name, figure in cell.items()} == {
        "VDN": 0.9086,
        "VDN (KTH re-training)": 0.9160,
    }
    assert published().cell("512 x 512", "time", "seconds")["CBM3D"].value == 12.964


def test_what_a_method_is_compared_with():
    reference = published().reference
    assert reference("bm3d", "BSD68_gray", "awgn50").value == 25.62
    assert reference("wnnm@gaussian", "Set5", "case1").method == "WNNM"
    assert reference("mine.py:f", "Set5", "case1").method == "VDN"
    assert reference("nlm", "Set5", "awgn7") is None


def test_sets_of_the_suites_are_known():
    from vdn.evaluation.suites import SUITES

    assert {name for suite in SUITES.values() for name in suite.sets} <= set(known_sets())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("30.5", "305.0"), "305.0"),
        (("30.5", "nan"), "nan"),
        (("30.5", '"?"'), "'\\?'"),
        (('metric = "psnr"', 'metric = "dB"'), "dB"),
        (('source = "a paper"', ""), "source"),
        (('source = "a paper"', 'source = "a"\nsorce = "b"'), "sorce"),
        (('title = "A table"', 'title = "A table"\nnon_blind = ["none"]'), "none"),
        (("[[table]]", "[[tables]]"), "tables"),
        (("{", "("), "TOML"),
    ],
)
def test_a_wrong_file_is_refused(change, problem):
    assert parse(TABLE, "mine.toml").cell("Set5", "awgn25")["VDN"].value == 30.5
    with pytest.raises(ConfigError, match=problem):
        parse(TABLE.replace(*change), "mine.toml")
