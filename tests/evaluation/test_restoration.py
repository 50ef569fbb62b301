"""Degraded pictures: the cases, the protocol of the tables, and who is told what."""

import json
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from tiny_model import write_tiny_model
from vdn.cli import app
from vdn.errors import InputError
from vdn.evaluation.cases import NAMED, parse_case
from vdn.evaluation.layout import lay_out
from vdn.evaluation.methods import Method, Ready, parse_method
from vdn.evaluation.metrics import luma, psnr
from vdn.evaluation.published import published
from vdn.evaluation.restoring import Task
from vdn.evaluation.rows import RowStore
from vdn.evaluation.runner import Failure, choose_sets, observe, plan, run
from vdn.evaluation.sets import SetFolders
from vdn.evaluation.suites import SUITES, find_suite
from vdn.networks import enlarge
from vdn.noise.degradation import parse_degradation
from vdn.training.restoration import luma_psnr


def restoring(name, function, scales=()):
    return Method(name, "1", partial(_constant, function), restores=True, scales=scales)


def _constant(function):
    return function


def items(root, suite, sets=("Set5",), limit=None):
    chosen = find_suite(suite)
    return plan(chosen, choose_sets(chosen, SetFolders.of([root]), sets)[0], limit=limit)


def measured(root, tmp_path, suite, method, case, sets=("Set5",)):
    wanted = [item for item in items(root, suite, sets) if item.case == case]
    return list(run(wanted, [method], RowStore(tmp_path / "out")))


def test_every_column_of_the_suites_is_a_case_and_has_a_factor():
    for suite in SUITES.values():
        for case in suite.cases if suite.restores else ():
            degradation, scale, _ = parse_case(case)
            assert scale == (int(case[1]) if case[0] == "x" else 1)
            assert not degradation or parse_degradation(degradation).scale == scale
    assert {case for suite in SUITES.values() for case in suite.cases} >= set(NAMED)


def test_published_figures_are_of_cases_there_are():
    cells = {figure.case for figure in published().figures if figure.set in ("Set14", "LIVE1")}
    assert {"x2-1.2", "x4-4/4/180-n10", "q10"} < cells
    for case in cells:
        parse_case(case)


def test_noise_alone_is_what_the_other_suites_take():
    assert find_suite("upscale").with_noise(["motion:9+bicubic:3+gaussian:5"]).cases
    with pytest.raises(InputError, match="restoration"):
        find_suite("awgn").with_noise(["gaussian_blur:1"])


def test_luma_is_that_of_matlab():
    colours = [[[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0.5]]]
    assert (luma(np.array(colours, float)) * 255).tolist() == [[16, 235, 81, 145, 41, 126]]
    generator = np.random.default_rng(0)
    image, clean = generator.random((2, 40, 60, 3))
    tensors = (torch.as_tensor(each).permute(2, 0, 1)[None] for each in (image, clean))
    inside = (slice(2, -2),) * 2
    ours = psnr(luma(image)[inside], luma(clean)[inside])
    assert ours == pytest.approx(luma_psnr(*tensors, 2), abs=0.01)


def test_bicubic_is_what_networks_that_enlarge_add_to():
    image = np.random.default_rng(0).random((9, 12, 3)).astype("f4")
    for scale in (1, 2, 3, 4):
        made = Ready(parse_method("bicubic")).restore(image, Task(scale))
        expected = enlarge(torch.as_tensor(image).permute(2, 0, 1)[None], scale)[0]
        np.testing.assert_allclose(made, expected.permute(1, 2, 0).numpy(), atol=1e-5)


def test_the_border_does_not_count_where_a_picture_is_enlarged(root, tmp_path):
    def spoilt(image, task):
        made = observation.clean.copy()
        made[0], made[-2:], made[:, :2] = 0, 0, 1
        return made

    (item,) = [item for item in items(root, "upscale", limit=1) if item.case == "x2"]
    observation = observe(item)
    (row,) = run([item], [restoring("spoilt", spoilt)], RowStore(tmp_path))
    assert row["psnr"] == row["psnr_colours"] == 100
    assert row["ssim"] == pytest.approx(1)


def test_pictures_are_cut_to_the_factor_and_kept_at_both_levels_of_noise(root):
    Image.open(root / "Set5/a.png").crop((0, 0, 63, 45)).save(root / "Set5/a.png")
    by_case = {item.case: observe(item) for item in items(root, "upscale", limit=1)}
    assert by_case["x2"].clean.shape == (44, 62, 3)
    assert by_case["x4"].clean.shape == (44, 60, 3)
    assert by_case["x4"].noisy.shape == (11, 15, 3)
    assert set(np.unique(by_case["x4"].noisy * 255 % 1).round(3)) <= {0, 1}
    blurs = {item.case: observe(item).degraded for item in items(root, "deblur", limit=1)}
    quiet, loud = (blurs[f"motion9-n{level}"].kernel for level in ("2.55", "7.65"))
    np.testing.assert_array_equal(quiet, loud)


def test_deblocking_is_measured_on_gray_of_the_range_of_luma(root):
    seen = {item.case: observe(item) for item in items(root, "deblock", limit=1)}
    clean = seen["q10"].clean
    assert clean.ndim == 2
    assert 16 <= clean.min() * 255 < clean.max() * 255 <= 235
    np.testing.assert_array_equal(seen["uncompressed"].noisy, clean)
    quality = {case: psnr(each.noisy, clean) for case, each in seen.items()}
    assert quality["q10"] < quality["q20"] < quality["q30"] < quality["q40"]
    assert quality["q30-q10"] < quality["q30"]


def test_only_who_is_told_knows_kernel_and_noise(root, tmp_path):
    seen = {}

    def look(name, image, task):
        seen[name] = task
        return np.repeat(np.repeat(image, task.scale, 0), task.scale, 1)

    def infer(image, task):
        seen["source"] = task
        kernel = SimpleNamespace(array=lambda: np.full((3, 3), 1 / 9))
        return SimpleNamespace(image=image, kernel=kernel, noise_sigma=np.full(image.shape, 0.25))

    blind, told, inferred = (restoring(n, partial(look, n)) for n in ("blind", "told", "inferred"))
    told = Method("told", "1", told.load, "true", restores=True, scales=())
    source = restoring("source", infer)
    inferred = Method("inferred", "1", inferred.load, "x", source, restores=True, scales=())
    (item,) = [i for i in items(root, "deblur", limit=1) if i.case == "gaussian1.6-n7.65"]
    rows = list(run([item], [blind, told, inferred], RowStore(tmp_path)))
    assert not [row for row in rows if isinstance(row, Failure)]
    for name in ("blind", "source"):
        assert seen[name].kernel is None
        assert seen[name].sigma is None
    assert seen["told"].sigma == pytest.approx(7.65 / 255)
    np.testing.assert_array_equal(seen["told"].kernel, observe(item).degraded.kernel)
    assert seen["inferred"].sigma == 0.25
    assert seen["inferred"].kernel.shape == (3, 3)


def test_a_chain_hands_on_what_is_left_to_do(root, tmp_path):
    seen = []

    def last(image, task):
        seen.append((image.shape, task))
        return image

    chain = Method(
        "a+bicubic+last",
        "1",
        lambda: None,
        restores=True,
        scales=(),
        steps=(
            Method("a", "1", lambda: lambda image, sigma=None: image),
            parse_method("bicubic"),
            Method("last", "1", lambda: last, "true", restores=True),
        ),
    )
    (row,) = measured(root, tmp_path, "upscale", chain, "x4-2/0.5/0-n10", ("CBSD68",))
    ((shape, task),) = seen
    assert shape == (48, 64, 3)
    assert task.scale == 1
    assert task.sigma == pytest.approx(4 * 0.7 * 10 / 255)
    assert row["psnr"] > 20


def test_baselines_undo_more_than_nothing(root, tmp_path):
    store = RowStore(tmp_path)
    names = ("noisy", "wiener@true", "wavelet", "wavelet+wiener@true")
    methods = [parse_method(name) for name in names]
    wanted = [i for i in items(root, "deblur", limit=1) if i.case in ("gaussian1.6-n7.65", "sharp")]
    rows = {(row["case"], row["method"]): row["psnr"] for row in run(wanted, methods, store)}
    assert all(rows["gaussian1.6-n7.65", name] > rows["gaussian1.6-n7.65", "noisy"] + 1
               for name in names[1:])  # fmt: skip
    assert rows["sharp", "noisy"] == rows["sharp", "wiener@true"] == 100


def test_the_kernels_that_are_found_are_judged(root, tmp_path):
    def right(image, task):
        return result(1.0)

    def double(image, task):
        return result(2.0)

    def result(factor):
        sigma = factor * np.sqrt(np.diag(observation.degraded.covariance))
        kernel = SimpleNamespace(
            sigma=tuple(sigma), sigma_interval=[(s - 0.01, s + 0.01) for s in sigma], correlation=0
        )
        return SimpleNamespace(image=observation.noisy, kernel=kernel)

    (item, *others) = [i for i in items(root, "kernels", ("CBSD68",)) if i.case == "x2-kernels"]
    assert len(others) == 7
    assert len({observe(each).degraded.widths for each in (item, *others)}) == 8
    observation = observe(item)
    methods = [restoring("right", right), restoring("double", double)]
    rows = {row["method"]: row for row in run([item], methods, RowStore(tmp_path))}
    assert rows["right"]["kernel_error"] == pytest.approx(0)
    assert rows["right"]["kernel_coverage90"] == 1
    assert rows["double"]["kernel_coverage90"] == 0
    assert rows["double"]["kernel_error_range"] == pytest.approx(
        rows["double"]["kernel_error"] / 1.8
    )
    titles = [
        table.title for table in lay_out(find_suite("kernels"), [*rows.values()], published())
    ]
    assert "The same, % of the range they were drawn from" in titles


def test_a_model_is_measured_where_its_factor_is_asked_for(root, tmp_path):
    file = write_tiny_model(tmp_path / "x2.onnx", scale=2, kernel=True)
    methods = [parse_method(str(file), 1), parse_method("bicubic")]
    methods.append(parse_method(f"bicubic+wiener@{file}", 1))
    wanted = [i for i in items(root, "upscale", limit=1) if i.case in ("x2-1.2", "x4-1.2")]
    rows = list(run(wanted, methods, RowStore(tmp_path / "out")))
    assert not [row for row in rows if isinstance(row, Failure)]
    done = {(row["method"], row["case"]) for row in rows}
    assert ("x2.onnx", "x2-1.2") in done
    assert ("bicubic+wiener@x2.onnx", "x2-1.2") in done
    assert {case for name, case in done if "x2.onnx" in name} == {"x2-1.2"}
    assert all("kernel_error" in row for row in rows if row["method"] == "x2.onnx")


@pytest.mark.parametrize(
    ("suite", "name", "answer"),
    [
        ("upscale", "nlm", r"write nlm\+bicubic"),
        ("deblur", "wiener", "wiener@true"),
        ("paper", "bicubic", "undoes degradations"),
    ],
)
def test_a_method_that_no_picture_is_for_is_refused(root, tmp_path, suite, name, answer):
    with pytest.raises(InputError, match=answer):
        list(run(items(root, suite), [parse_method(name)], RowStore(tmp_path)))


def test_the_command_makes_tables_by_factor_with_a_function_of_ones_own(root, tmp_path):
    (root / "Set5").rename(root / "Set14")
    mine = tmp_path / "mine.py"
    mine.write_text(
        "def repeat(image, task):\n    return image.repeat(task.scale, 0).repeat(task.scale, 1)\n"
    )
    words = ["upscale", "--data", root, "--method", "bicubic", "--method", f"{mine}:repeat"]
    words += ["--noise", "x2-1.2", "--noise", "x4", "--limit", 1]
    words += ["--out", tmp_path / "o", "--report", tmp_path / "r.html"]
    done = CliRunner().invoke(app, ["evaluate", *map(str, words)])
    assert done.exit_code == 0, done.output
    assert "### Set14 ×2: PSNR, dB" in done.stdout
    assert "### Set14 ×4: PSNR, dB" in done.stdout
    assert "| DASR, published | 32.78 |" in done.stdout
    assert "Y of MATLAB's rgb2ycbcr" in done.stdout
    rows = [json.loads(line) for line in (tmp_path / "o/rows.jsonl").read_text().splitlines()]
    better = {row["method"]: row["psnr"] for row in rows if row["case"] == "x2-1.2"}
    assert better["bicubic"] > better["mine.py:repeat"]
    assert "strip-Set14.png" in {path.name for path in (tmp_path / "o/plots").iterdir()}
