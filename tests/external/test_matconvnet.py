"""MatConvNet files compute here what they compute there."""

import numpy as np
import pytest
import torch
from scipy.io import savemat

from matconvnet_files import blocks, chain, convolve, save_dag, save_hdf5, save_simple, unblocks
from vdn.errors import FileError
from vdn.external import load_network
from vdn.external.recognise import CBDNET_RELEASE
from vdn.networks import CBDNetRelease


def conv(filters: np.ndarray, biases: np.ndarray) -> dict[str, object]:
    weights = np.empty((1, 2), object)
    weights[0, 0], weights[0, 1] = filters, biases
    return {"type": "conv", "weights": weights, "stride": 1.0, "pad": 1.0}


def interleaved(convolutions) -> list[dict[str, object]]:
    layers = []
    for filters, biases in convolutions:
        layers += [conv(filters, biases), {"type": "relu", "leak": 0.0}]
    return layers[:-1]


def run(image: np.ndarray, convolutions) -> np.ndarray:
    for index, (filters, biases) in enumerate(convolutions):
        image = convolve(np.maximum(image, 0) if index else image, filters, biases)
    return image


@pytest.mark.parametrize("channels", [1, 3])
def test_dncnn_subtracts_what_its_file_computes(tmp_path, channels):
    convolutions = chain(channels, 6, 6, channels)
    path = save_simple(tmp_path / "dncnn.mat", interleaved(convolutions))
    image = np.random.default_rng(1).random((9, 7, channels), dtype=np.float32)
    expected = image - run(image, convolutions)
    np.testing.assert_allclose(load_network(path)(image), expected, atol=1e-5)


def test_batch_normalisation_of_a_training_file_is_merged(tmp_path):
    first, second, last = chain(1, 4, 4, 1)
    generator = np.random.default_rng(2)
    gain, offset, mean = (generator.normal(size=(4, 1)).astype("f4") for _ in range(3))
    deviation = generator.uniform(0.5, 2, (4, 1)).astype("f4")
    layers = interleaved([first, second, last])
    weights = np.empty((1, 3), object)
    weights[0, 0], weights[0, 1], weights[0, 2] = gain, offset, np.hstack([mean, deviation])
    layers.insert(3, {"type": "bnorm", "weights": weights})
    layers.append({"type": "loss"})
    image = generator.random((6, 8, 1), dtype=np.float32)
    features = convolve(np.maximum(convolve(image, *first), 0), *second)
    features = gain.ravel() * (features - mean.ravel()) / deviation.ravel() + offset.ravel()
    expected = image - convolve(np.maximum(features, 0), *last)
    path = save_simple(tmp_path / "training.mat", layers)
    np.testing.assert_allclose(load_network(path)(image), expected, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_ffdnet_reads_its_blocks_of_pixels_down_the_columns(tmp_path, channels):
    convolutions = chain(4 * channels + 1, 6, 6, 4 * channels)
    layers = [{"type": "SubP", "scale": 0.5}, {"type": "concat"}, *interleaved(convolutions)]
    path = save_simple(tmp_path / "ffdnet.mat", [*layers, {"type": "SubP", "scale": 2.0}])
    image = np.random.default_rng(1).random((8, 6, channels), dtype=np.float32)
    level = np.full((4, 3, 1), 0.1, np.float32)
    expected = unblocks(run(np.concatenate([blocks(image), level], -1), convolutions))
    peer = load_network(path)
    assert peer.needs_sigma
    np.testing.assert_allclose(peer(image, 0.1), expected, atol=1e-5)


def test_the_authors_cbdnet_is_read_from_its_graph(tmp_path):
    torch.manual_seed(0)
    network = CBDNetRelease(width=4, estimator_width=3)
    layers = []
    modules = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    transposed = [m for m in network.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    for name in CBDNET_RELEASE:
        up = name.startswith("USP")
        module = (transposed if up else modules).pop(0)
        # torch (out, in, kh, kw), transposed (in, out, kh, kw); there (kh, kw, in, out) and
        # (kh, kw, out, in): the same permutation for both.
        values = [module.weight.detach().permute(2, 3, 1, 0).numpy()]
        if module.bias is not None:
            values.append(module.bias.detach().numpy()[:, None])
        layers.append((name, "dagnn.ConvTranspose" if up else "dagnn.Conv", values))
        layers.append((f"{name}_relu", "dagnn.ReLU", []))
    path = save_dag(tmp_path / "cbdnet.mat", layers)
    image = np.random.default_rng(1).random((10, 7, 3), dtype=np.float32)
    tensor = torch.from_numpy(image.transpose(2, 0, 1))[None]
    expected = network(tensor).mean.detach()[0].numpy().transpose(1, 2, 0)
    np.testing.assert_allclose(load_network(path)(image), expected, atol=1e-5)


def test_what_is_no_network_is_named(tmp_path):
    savemat(tmp_path / "other.mat", {"images": np.zeros(3)})
    with pytest.raises(FileError, match="holds images; a MatConvNet network is a struct called"):
        load_network(tmp_path / "other.mat")
    (tmp_path / "text.mat").write_text("no MATLAB file, but long enough to hold a header" * 9)
    with pytest.raises(FileError, match=r"text\.mat: cannot be read as a MATLAB file"):
        load_network(tmp_path / "text.mat")
    with pytest.raises(FileError, match=r"none\.mat: no such file"):
        load_network(tmp_path / "none.mat")
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    (tmp_path / "cut.mat").write_bytes(header.ljust(512) + b"\x89HDF\r\n\x1a\n" + bytes(512))
    with pytest.raises(FileError, match=r"cut\.mat: cannot be read as a MATLAB file"):
        load_network(tmp_path / "cut.mat")
    layers = interleaved(chain(3, 4, 5))
    with pytest.raises(FileError, match="a chain from 3 to 5 channels"):
        load_network(save_simple(tmp_path / "chain.mat", layers))


NOTHING = np.empty((0, 0), object)


@pytest.mark.parametrize("widths", [(1, 6, 6, 1), (3, 6, 6, 3), (5, 6, 4), (13, 6, 6, 12)])
def test_version_7_3_computes_what_version_5_does(tmp_path, widths):
    layers = interleaved(chain(*widths))
    for layer in layers:
        layer.setdefault("weights", NOTHING)
    if widths[0] in (5, 13):
        block = {"type": "SubP", "weights": NOTHING}
        layers = [block | {"scale": 0.5}, {"type": "concat", "weights": NOTHING}, *layers]
        layers.append(block | {"scale": 2.0})
    new = load_network(save_hdf5(tmp_path / "new.mat", layers))
    old = load_network(save_simple(tmp_path / "old.mat", layers))
    image = np.random.default_rng(1).random((8, 6, new.channels), dtype=np.float32)
    assert new.needs_sigma == (widths[0] in (5, 13))
    np.testing.assert_array_equal(new(image, 0.1), old(image, 0.1))


@pytest.mark.parametrize("save", [save_simple, save_hdf5])
@pytest.mark.parametrize(
    ("widths", "change", "message"),
    [
        ((2, 4, 1), {}, "is an FDnCNN"),
        ((4, 4, 3), {}, "is an FDnCNN"),
        ((1, 4, 4, 1), {"dilate": 2.0}, "has dilate 2"),
        ((1, 4, 4, 1), {"stride": 2.0}, "has stride 2"),
        ((1, 4, 4, 1), {"type": "relu", "leak": 0.1}, "has leak 0.1"),
    ],
)
def test_networks_that_compute_something_else_are_refused(tmp_path, save, widths, change, message):
    layers = interleaved(chain(*widths))
    layers[1 if "leak" in change else 0] |= change
    with pytest.raises(FileError, match=message):
        load_network(save(tmp_path / "other.mat", layers))


@pytest.mark.parametrize("net", [{"layers": 1.0}, {"layers": {"type": 2.0}}])
def test_a_net_laid_out_otherwise_is_refused(tmp_path, net):
    savemat(tmp_path / "other.mat", {"net": net})
    with pytest.raises(FileError, match=r"other\.mat"):
        load_network(tmp_path / "other.mat")
