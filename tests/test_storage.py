"""Object storage, which refuses every tenth request."""

import threading
from functools import partial
from itertools import count

import numpy as np
import pytest

from tiny_model import write_tiny_model
from vdn.cluster import connect, read_manifest
from vdn.image import write

for package in ("distributed", "pyarrow", "s3fs", "moto", "flask"):
    pytest.importorskip(package)


@pytest.fixture(scope="module")
def store():
    """S3 on this machine; the addresses are in the environment."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    storage = DomainDispatcherApplication(create_backend_app)
    requests = count(1)

    def refusing(environ, start_response):
        if next(requests) % 10 == 0:
            start_response("503 Slow Down", [("Content-Type", "text/xml")])
            return [b"<Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>"]
        return storage(environ, start_response)

    server = make_server("127.0.0.1", 0, refusing, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    given = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in given.items():
            patch.setenv(name, value)
        yield given
    server.shutdown()


def test_a_bucket_into_another(store, run, tmp_path):
    import fsspec

    model = write_tiny_model(tmp_path / "tiny.onnx")
    rng = np.random.default_rng(0)
    for index in range(8):
        path = tmp_path / "shoot" / f"day {index % 2}" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, rng.integers(0, 256, (32, 32, 3), np.uint8))
    (tmp_path / "shoot" / "empty.png").touch()
    (tmp_path / "shoot" / "notes").write_text("nice light")
    one = run("denoise", "--model", model, tmp_path / "shoot", "-o", tmp_path / "one")
    system = fsspec.filesystem("s3")
    system.mkdir("pictures")
    system.put(f"{tmp_path}/shoot", "pictures/shoot", recursive=True)
    with connect("local", workers=1) as client:
        denoise = partial(run, "denoise", "--model", model, "--cluster", client.scheduler.address)
        many = denoise("s3://pictures/shoot", "-o", "s3://pictures/out", "--uncertainty")
        assert many.exit_code == one.exit_code == 1
        assert "vdn: 8 denoised, 1 failed, 1 passed over" in many.stderr
        assert "s3://pictures/shoot/empty.png: is empty" in many.stderr
        for path in (tmp_path / "one").rglob("*.png"):
            made = system.cat(f"pictures/out/{path.relative_to(tmp_path / 'one')}")
            assert made == path.read_bytes()
        system.rm("pictures/out/day 0/0.png")
        more = denoise("s3://pictures/shoot/**/*.png", "-o", "s3://pictures/out", "--skip-existing")
        assert "vdn: 1 denoised, 1 failed, 7 skipped" in more.stderr
        rows = read_manifest("s3://pictures/out/manifest.parquet").to_pylist()
        assert sorted(row["status"] for row in rows) == 8 * ["done"] + ["failed", "passed over"]
