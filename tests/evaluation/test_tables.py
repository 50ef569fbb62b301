import csv
import io

import pytest

from vdn.evaluation.layout import lay_out, records
from vdn.evaluation.published import published
from vdn.evaluation.suites import find_suite
from vdn.evaluation.tables import Line, Table, to_csv

PAPER = find_suite("paper")


def row(method, case, image, psnr, **more):
    return {"set": "Set5", "method": method, "case": case, "image": image, "psnr": psnr} | more


ROWS = [
    row("noisy", "case1", "a", 15.0),
    row("noisy", "case1", "b", 17.0),
    row("gaussian", "case1", "a", 30.0, map_error=0.05, coverage90=0.88),
    row("gaussian", "case1", "b", 31.0, map_error=0.07, coverage90=0.92),
    row("bm3d", "case1", "a", 28.0),
    row("gaussian", "awgn25", "a", 32.0),
]


def line(table, label):
    cells = next(li.cells for li in table.lines if li.label == label)
    return dict(zip(table.columns[1:], cells, strict=True))


def test_ours_stand_beside_the_published_with_the_difference():
    table = lay_out(PAPER, ROWS, published())[0]
    assert table.columns == ("method", "awgn25", "case1")  # the order of the suite
    assert line(table, "gaussian") == {"awgn25": "32.00 (−0.24) #1", "case1": "30.50 (+0.11)"}
    assert line(table, "bm3d")["case1"] == "28.00 (+0.24) #1"  # against CBM3D
    assert line(table, "noisy") == {"awgn25": "–", "case1": "16.00"}
    assert line(table, "VDN, published") == {"awgn25": "32.24", "case1": "30.39"}
    assert not next(li for li in table.lines if li.label == "VDN, published").ours
    notes = " ".join(table.notes)
    assert "VDN poster, Table 1" in notes
    assert "The whole set has 5" in notes


def test_a_subset_gets_a_table_of_the_pictures_all_have_done():
    fair = next(t for t in lay_out(PAPER, ROWS, published()) if "every method" in t.title)
    assert line(fair, "gaussian")["case1"] == "30.00"
    assert line(fair, "bm3d")["case1"] == "28.00"


def test_other_metrics_have_tables_of_their_own():
    tables = {table.title: table for table in lay_out(PAPER, ROWS, published())}
    error = tables["Relative RMSE of the sigma map, %"]
    assert line(error, "Set5, gaussian") == {"case1": "6.0"}
    held = tables["The 90 % interval of the image holds, %"]
    assert line(held, "Set5, gaussian")["case1"] == "90.0 (88.0–92.0)"


def test_coverage_by_bin_adds_up_over_pictures():
    bins = {"edge": [[10, 9], [10, 8], [0, 0], [10, 5]]}
    rows = [row("gaussian", "case1", image, 30.0, bins=bins) for image in "ab"]
    table = lay_out(PAPER, rows, published())[-1]
    assert table.lines[0].cells == ("90.0", "80.0", "–", "50.0")


def test_records_hold_every_figure_and_its_origin():
    found = records(ROWS, published())
    ours = next(r for r in found if (r["method"], r["case"]) == ("gaussian", "case1"))
    assert (ours["origin"], ours["value"], ours["pictures"]) == ("measured", 30.5, 2)
    assert ours["difference"] == pytest.approx(0.11)
    theirs = next(r for r in found if (r["method"], r["case"]) == ("VDN", "case1"))
    assert (theirs["origin"], theirs["value"]) == ("VDN poster, Table 1", 30.39)
    parsed = list(csv.DictReader(io.StringIO(to_csv(found))))
    assert len(parsed) == len(found)
    assert float(parsed[0]["value"]) == found[0]["value"]


TABLE = Table("A & B, 50 %", ("method", "x_1"), (Line("a|b", ("−1.0",)), Line("c", ("<2",), False)))


def test_what_has_a_meaning_is_escaped():
    assert r"| **a\|b** | −1.0 |" in TABLE.markdown()
    assert "&lt;2" in TABLE.html()
    assert "A &amp; B" in TABLE.html()
    latex = TABLE.latex()
    for text in (r"\caption{A \& B, 50 \%.}", r"x\_1", r"\textbf{a|b} & $-$1.0 \\", r"c & $<$2 \\"):
        assert text in latex
    assert latex.count(r"\begin") == latex.count(r"\end") == 2
