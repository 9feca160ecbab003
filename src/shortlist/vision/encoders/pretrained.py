"""Pretrained encoders: one whose weights need no download, and any model of three libraries.

Fitting exports a model as one ONNX graph; only that needs torch.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from shortlist.base.optional import require
from shortlist.system.contracts import Encoder
from shortlist.vision.encoders.onnx_encoder import OnnxEncoder

if TYPE_CHECKING:
    from shortlist.vision.encoders._export_torch import Staged


@dataclass(frozen=True, kw_only=True)
class TorchEncoder(Encoder):
    """An encoder whose model is a torch module, so that it can be exported, and tuned."""

    def fit(self) -> OnnxEncoder:
        """The pretrained model, exported; takes some seconds."""
        staged = self.staged()
        return OnnxEncoder(staged.graph(), staged.preparation, {"encoder": self.name})

    def staged(self) -> Staged:
        """The model in stages, with its weights. Raises MissingExtraError where a library is missing."""
        require("torch", extra="vision-train", why=f"exporting or tuning {self.name}")
        return self._staged()

    @abstractmethod
    def _staged(self) -> Staged:
        """Build the model: torch is there."""


@dataclass(frozen=True, kw_only=True)
class EfficientNetLite0(TorchEncoder):
    """EfficientNet-Lite0 with ImageNet weights from its registry package: small, fast, no download.

    Tan and Le, "EfficientNet", ICML 2019, in the variant of 2020 for small devices; vectors of 1,280 numbers.
    """

    side: int = field(
        default=224, metadata={"doc": "pixels of a side, a multiple of 32; 224 in its training"}
    )
    crop_share: float = field(
        default=0.875, metadata={"doc": "share of the shorter side that the centre crop keeps"}
    )

    def _staged(self) -> Staged:
        from shortlist.vision.encoders._export_torch import efficientnet_lite0
        from shortlist.vision.encoders.prepare import Preparation

        return efficientnet_lite0(Preparation(side=self.side, crop_share=self.crop_share))


@dataclass(frozen=True, kw_only=True)
class Timm(TorchEncoder):
    """Any image model of ``timm``, without its classifier. Needs the package ``timm``."""

    model: str = field(metadata={"doc": "as timm calls it, such as 'mobilenetv4_conv_small'"})
    weights: Path | bool = field(
        default=True, metadata={"doc": "a file; True: timm fetches its own; False: random, to try it out"}
    )
    side: int | None = field(default=None, metadata={"doc": "pixels of a side; None: as it was trained"})
    crop_share: float | None = field(
        default=None, metadata={"doc": "share of the shorter side; None: as it was trained"}
    )

    def _staged(self) -> Staged:
        from shortlist.vision.encoders._export_torch import timm

        return timm(self.model, self.weights, self.side, self.crop_share)


@dataclass(frozen=True, kw_only=True)
class OpenClip(TorchEncoder):
    """The image tower of any model of ``open-clip-torch``. Needs the package ``open-clip-torch``."""

    model: str = field(metadata={"doc": "as open_clip calls it, such as 'ViT-B-32'"})
    weights: str | None = field(
        default=None,
        metadata={"doc": "a tag that open_clip fetches, or a file; None: random, to try it out"},
    )
    crop_share: float | None = field(
        default=None, metadata={"doc": "share of the shorter side; None: all of it"}
    )

    def _staged(self) -> Staged:
        from shortlist.vision.encoders._export_torch import open_clip

        return open_clip(self.model, self.weights, self.crop_share)


@dataclass(frozen=True, kw_only=True)
class HuggingFace(TorchEncoder):
    """Any image model of ``transformers``: a name on the hub, or a folder. Needs ``transformers``."""

    model: str = field(metadata={"doc": "such as 'facebook/dinov2-small', or a folder with a saved model"})
    side: int | None = field(default=None, metadata={"doc": "pixels of a side; None: as it was trained"})
    crop_share: float | None = field(
        default=None, metadata={"doc": "share of the shorter side; None: all of it"}
    )

    def _staged(self) -> Staged:
        from shortlist.vision.encoders._export_torch import hugging_face

        return hugging_face(self.model, self.side, self.crop_share)
