import json
from functools import partial

import numpy as np
import pytest
from PIL import Image

from vdn.errors import FileError, InputError
from vdn.evaluation import Failure, Method, RowStore, SetFolders, choose_sets, find_suite, plan, run
from vdn.evaluation.checks import check_rows
from vdn.evaluation.runner import observe


def shrink(share, image, sigma=None):
    """Pull towards the mean: a method that needs no sigma, at module level for processes."""
    return (1 - share) * image + share * image.mean()


def load_shrink(share):
    return partial(shrink, share)


def load_telling():
    def told(image, sigma=None):
        assert sigma is not None
        return (image - image.mean()) / (1 + np.max(sigma)) + image.mean()

    return told


def load_broken():
    def broken(image, sigma=None):
        raise RuntimeError("no\nluck")

    return broken


SHRINK = Method("shrink", "1", partial(load_shrink, 0.3))
NOISY = Method("noisy", "1", partial(load_shrink, 0.0))


def items(root, suite="paper", **options):
    chosen = find_suite(suite)
    sets, _ = choose_sets(chosen, SetFolders.of([root]))
    return plan(chosen, sets, **options)


def without_seconds(rows):
    return [{k: v for k, v in row.items() if not k.endswith("seconds")} for row in rows]


def test_every_method_on_every_picture_and_case(root, tmp_path):
    store = RowStore(tmp_path / "out")
    rows = list(run(items(root), [NOISY, SHRINK], store))
    assert len(rows) == 2 * 3 * 6  # methods, pictures, cases
    assert {"psnr", "psnr_float", "ssim", "ssim_colours", "cpu_seconds"} <= set(rows[0])
    noisy = [row for row in rows if row["method"] == "noisy"]
    assert all(row["psnr"] == row["noisy_psnr"] for row in noisy)
    assert check_rows(rows) == []


def test_a_row_does_not_depend_on_what_else_is_run(root, tmp_path):
    whole = RowStore(tmp_path / "whole")
    list(run(items(root), [NOISY, SHRINK], whole))
    alone = RowStore(tmp_path / "alone")
    for item in reversed(items(root, limit=1)):
        list(run([item], [SHRINK], alone))
    keys = [item.key(SHRINK) for item in items(root, limit=1)]
    assert without_seconds(alone.select(keys)) == without_seconds(whole.select(keys))
    other = RowStore(tmp_path / "other")
    list(run(items(root, limit=1, seed=1), [SHRINK], other))
    assert {row["psnr"] for row in other}.isdisjoint(row["psnr"] for row in whole)


def test_a_killed_run_goes_on(root, tmp_path):
    folder = tmp_path / "out"
    started = run(items(root), [SHRINK], RowStore(folder))
    for _ in range(7):
        next(started)
    with (folder / "rows.jsonl").open("a") as file:
        file.write('{"protocol": "paper/1", "meth')  # killed while it wrote
    again = list(run(items(root), [SHRINK], RowStore(folder)))
    assert len(again) == 18 - 7
    lines = (folder / "rows.jsonl").read_text().splitlines()
    assert len({json.dumps(json.loads(line)) for line in lines}) == 18
    assert list(run(items(root), [SHRINK], RowStore(folder))) == []


def test_a_new_version_of_a_method_is_measured_anew(root, tmp_path):
    store = RowStore(tmp_path / "out")
    list(run(items(root), [SHRINK], store))
    newer = Method("shrink", "2", partial(load_shrink, 0.5))
    assert len(list(run(items(root), [newer], store))) == 18
    assert len(store.select(item.key(newer) for item in items(root))) == 18


def test_fresh_rows_leave_the_old_ones_aside(root, tmp_path):
    folder = tmp_path / "out"
    list(run(items(root), [SHRINK], RowStore(folder)))
    assert list(RowStore(folder, fresh=True)) == []
    assert len((next(folder.glob("rows.until-*.jsonl"))).read_text().splitlines()) == 18


def test_a_foreign_file_is_refused(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(FileError, match="line 1"):
        RowStore(tmp_path)


def test_only_a_method_that_is_told_sees_the_truth(root, tmp_path):
    told = Method("told@true", "1", load_telling, sigma_from="true")
    blind = Method("told", "1", load_telling)
    outcomes = list(run(items(root, limit=1), [told, blind], RowStore(tmp_path / "out")))
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    assert {failure.key["method"] for failure in failed} == {"told"}
    assert len(failed) == len(outcomes) / 2


def test_a_method_is_told_what_another_infers(root, tmp_path):
    source = Method("other", "1", lambda: lambda image: np.full(image.shape, 0.1))
    other = Method("told@other", "1", load_telling, "other", source)
    rows = list(run(items(root, limit=1)[:1], [other], RowStore(tmp_path / "out")))
    assert rows[0]["method"] == "told@other"


def test_one_failure_does_not_stop_the_others(root, tmp_path):
    broken = Method("broken", "1", load_broken)
    outcomes = list(run(items(root, limit=1), [broken, SHRINK], RowStore(tmp_path / "out")))
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    assert failures[0].error == "RuntimeError: no luck"
    assert len(outcomes) == 2 * len(failures)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("suite", "damaged"),
    [("paper", "Set5/a.png"), ("real", "mine/noisy/w.png"), ("real", "mine/clean/w.png")],
)
def test_a_damaged_picture_fails_and_the_others_go_on(root, tmp_path, suite, damaged, jobs):
    for folder in ("noisy", "clean"):  # before x.png, so that the first of a set is the damaged one
        (root / f"mine/{folder}/w.png").write_bytes((root / f"mine/{folder}/x.png").read_bytes())
    (root / damaged).write_bytes((root / damaged).read_bytes()[:60])
    chosen = find_suite(suite)
    names = ("mine",) if suite == "real" else ("Set5", "CBSD68")
    sets, _ = choose_sets(chosen, SetFolders.of([root]), names)
    assert all(isinstance(images.verify(), str) for images in sets)
    whole = plan(chosen, sets)
    outcomes = list(run(whole, [NOISY, SHRINK], RowStore(tmp_path / "out"), jobs=jobs))
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    assert len(outcomes) == 2 * len(whole)
    assert {failure.key["image"] for failure in failures} == {damaged[-5]}
    assert all("FileError" in failure.error and damaged in failure.error for failure in failures)
    assert len(failures) == 2 * sum(item.sample.name == damaged[-5] for item in whole)


def test_a_damaged_picture_of_the_speed_suite_fails_alone(large, tmp_path):
    (large / "LIVE1/c.png").write_bytes(b"no picture")
    outcomes = list(run(items(large, "speed"), [NOISY], RowStore(tmp_path / "out")))
    failed = {each.key["image"] for each in outcomes if isinstance(each, Failure)}
    assert failed == {"c"}
    assert len(outcomes) == 4


@pytest.mark.parametrize("result", [np.zeros((2, 2)), np.zeros((48, 64, 3), "u1")])
def test_a_result_of_the_wrong_kind_is_a_failure(root, tmp_path, result):
    wrong = Method("wrong", "1", lambda: lambda image, sigma=None: result)
    (outcome,) = run(items(root)[:1], [wrong], RowStore(tmp_path / "out"))
    assert isinstance(outcome, Failure)
    assert "shape of the image" in outcome.error


def test_several_processes_give_the_same_rows_without_seconds(root, tmp_path):
    one, two = RowStore(tmp_path / "one"), RowStore(tmp_path / "two")
    some = items(root, limit=1)[:4]
    list(run(some, [SHRINK], one))
    list(run(some, [SHRINK], two, jobs=2))
    keys = [item.key(SHRINK) for item in some]
    assert without_seconds(one.select(keys)) == list(two.select(keys))


def test_what_cannot_be_run_is_refused(root, large, tmp_path):
    store = RowStore(tmp_path / "out")
    with pytest.raises(InputError, match="twice"):
        list(run(items(root), [SHRINK, SHRINK], store))
    with pytest.raises(InputError, match="use one"):
        list(run(items(large, "speed"), [SHRINK], store, jobs=2))


def test_the_paper_cuts_to_multiples_of_16_and_the_field_does_not(root):
    Image.open(root / "Set5/a.png").crop((0, 0, 61, 47)).save(root / "Set5/a.png")
    shapes = {suite: observe(items(root, suite)[0]).clean.shape for suite in ("paper", "awgn")}
    assert shapes["paper"] == (32, 48, 3)
    first = next(item for item in items(root, "awgn") if item.set == "Set5")
    assert observe(first).clean.shape == (47, 61, 3)


def test_gray_sets_are_gray(root):
    gray = next(item for item in items(root, "awgn") if item.set == "Set12")
    assert observe(gray).noisy.shape == (48, 64)


def test_pairs_bring_their_own_noise(root, tmp_path):
    rows = list(run(items(root, "real"), [NOISY], RowStore(tmp_path / "out")))
    assert [(row["set"], row["case"]) for row in rows] == [("mine", "real")]
    assert 28 < rows[0]["psnr"] < 32  # sigma 8
    assert "expected_psnr" not in rows[0]


def test_the_speed_suite_takes_squares_and_times_them(large, tmp_path):
    rows = list(run(items(large, "speed"), [SHRINK], RowStore(tmp_path / "out")))
    assert [row["set"] for row in rows] == ["LIVE1 256×256", "LIVE1 512×512"]
    assert all(row["seconds"] > 0 for row in rows)


def test_checks_find_a_table_that_does_not_change(root, tmp_path):
    rows = [dict(row) for row in run(items(root), [NOISY], RowStore(tmp_path / "out"))]
    for row in rows:
        row["psnr"] = 33.0
    wrong = check_rows(rows)
    assert len(wrong) == 4  # two sets, two steps of sigma
    assert all("does not change with sigma" in line for line in wrong)


def test_checks_find_noise_that_is_not_what_its_name_says(root, tmp_path):
    rows = [dict(row) for row in run(items(root), [NOISY], RowStore(tmp_path / "out"))]
    rows[0]["noisy_psnr"] += 1
    (wrong,) = check_rows(rows)
    assert rows[0]["image"] in wrong
    assert "theory" in wrong
