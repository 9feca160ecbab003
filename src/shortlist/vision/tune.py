"""An encoder tuned to a catalogue: pictures of what belongs together move together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from shortlist.base.errors import DataError
from shortlist.base.types import Mask, Picture
from shortlist.system.contracts import Encoder, FittedEncoder
from shortlist.vision.encoders import TorchEncoder
from shortlist.vision.judge import Alike, Codes, Quality

HELD_OUT = 0.1  # of the pictures, where the caller names none for validation


@dataclass(frozen=True, kw_only=True)
class FineTune:
    """How to tune. Labels are learned with a proxy for each (the normalised softmax of Zhai and Wu,
    "Classification is a Strong Baseline for Deep Metric Learning", BMVC 2019), pairs with InfoNCE
    (van den Oord et al., 2018).

    The defaults train a head on a frozen backbone. ``backbone=True`` also trains the later half of
    ``EfficientNetLite0``, or the whole of another model.
    """

    by: str = field(default="product", metadata={"doc": "what makes pictures belong together, for reports"})
    backbone: bool = field(default=False, metadata={"doc": "train the backbone's last stages too: minutes"})
    embedding_size: int = field(default=256, metadata={"doc": "numbers in a tuned vector"})
    epochs: int | None = field(
        default=None, metadata={"doc": "at most; None: 30 for a head, 10 for a backbone"}
    )
    learning_rate: float | None = field(
        default=None, metadata={"doc": "at its highest; None: 0.002 for a head, 0.0005 for a backbone"}
    )
    batch_size: int = field(default=64, metadata={"doc": "pictures, or pairs, in a step"})
    temperature: float = field(
        default=0.06, metadata={"doc": "of the softmax: lower looks at harder negatives"}
    )
    smoothing: float = field(default=0.1, metadata={"doc": "share of a label that is spread over all"})
    regularization: float = field(default=0.001, metadata={"doc": "weight decay, decoupled"})
    dropout: float = field(
        default=0.3, metadata={"doc": "share of the backbone's numbers hidden from the head"}
    )
    augmentations: int = field(
        default=10, metadata={"doc": "altered views of each picture: cut, mirrored, recoloured; 0: as it is"}
    )
    smallest_cut: float = field(default=0.15, metadata={"doc": "least share of a picture that a view shows"})
    hard_negatives: int = field(
        default=0,
        metadata={"doc": "of pairs: for each drawn pair, how many that look most like it join its batch"},
    )
    patience: int = field(
        default=4, metadata={"doc": "epochs without a better validation recall before it stops"}
    )
    seed: int = field(default=0, metadata={"doc": "of everything random"})

    @property
    def most_epochs(self) -> int:
        """``epochs``, or what suits."""
        return self.epochs if self.epochs is not None else 10 if self.backbone else 30

    @property
    def rate(self) -> float:
        """``learning_rate``, or what suits."""
        suits = 5e-4 if self.backbone else 2e-3
        return self.learning_rate if self.learning_rate is not None else suits


@dataclass(frozen=True)
class Epoch:
    """What one pass over the pictures brought."""

    number: int  # from 1
    loss: float
    quality: Quality  # on the validation pictures
    seconds: float  # since the start


@dataclass(frozen=True)
class TuneReport:
    """What tuning brought. Validation pictures search among all others; none of them was trained on."""

    knobs: FineTune
    before: Quality
    after: Quality
    epochs: tuple[Epoch, ...]
    best: int  # number of the epoch that was kept; 0: none was better than the first
    stopped: str
    seconds: float

    def __str__(self) -> str:
        """The table of before and after, and how it went."""
        names = ("recall@1", "recall@5", "precision@10", "MAP@R")
        figures = zip(names, _four(self.before), _four(self.after), strict=True)
        lines = [f"{'':14}{'before':>8}{'after':>8}"]
        lines += [f"{name:14}{before:8.3f}{after:8.3f}" for name, before, after in figures]
        ran = f"{len(self.epochs)} epochs in {self.seconds:.0f} s, the best was {self.best}; {self.stopped}"
        return "\n".join([*lines, f"{self.after.queries} validation pictures; {ran}"])


def _four(quality: Quality) -> tuple[float, ...]:
    return quality.recall_1, quality.recall_5, quality.precision_10, quality.map_r


def tune(
    encoder: Encoder,
    knobs: FineTune,
    pictures: Sequence[Picture],
    *,
    labels: Codes | None = None,
    pairs: Codes | None = None,
    validation: Mask | None = None,
    watch: Callable[[Epoch], None] | None = None,
) -> tuple[FittedEncoder, TuneReport]:
    """The tuned encoder, as one ONNX graph, and what tuning brought.

    ``pictures`` may decode on access; each is read once for every augmentation. What belongs together is said
    either by ``labels``, int[pictures] (-1: not known; product ids, or codes of a tag), or by ``pairs``,
    int[pairs, 2] of positions in ``pictures`` (a photo that was searched with and the picture clicked after).
    ``validation``, bool[pictures], are searched for among all others and never trained on, nor is a pair with
    one of them; None: every tenth, drawn by chance. ``watch`` is called after each epoch.
    Raises DataError where there is nothing to learn, and MissingExtraError without torch.
    """
    if not isinstance(encoder, TorchEncoder):
        raise DataError(f"{encoder.name} cannot be tuned: only encoders that are torch models can")
    if (labels is None) == (pairs is None):
        raise DataError("tuning needs labels or pairs, one of the two")
    alike = Alike(len(pictures), labels, pairs)
    held = validation if validation is not None else _held_out(len(pictures), knobs.seed)
    _must_teach(alike, held)
    from shortlist.vision._tune_torch import Trainer

    return Trainer(encoder.staged(), knobs, pictures, alike, held, watch or (lambda _: None)).run(
        encoder.name
    )


def _held_out(count: int, seed: int) -> Mask:
    chosen = np.random.default_rng(seed).permutation(count)[: max(int(count * HELD_OUT), 1)]
    held = np.zeros(count, bool)
    held[chosen] = True
    return held


def _must_teach(alike: Alike, held: Mask) -> None:
    """Raise DataError where nothing could be learned, or nothing judged."""
    if alike.labels is not None:
        codes = np.unique(alike.labels[~held & (alike.labels >= 0)])
        judged = np.isin(alike.labels[held], codes).any()
        if len(codes) < 2:
            raise DataError("tuning needs pictures of at least two labels outside the validation part")
    else:
        assert alike.pairs is not None
        inside = held[alike.pairs]
        judged = (inside.sum(axis=1) == 1).any()
        if (~inside.any(axis=1)).sum() < 2:
            raise DataError("tuning needs at least two pairs outside the validation part")
    if not judged:
        raise DataError("no validation picture belongs with any other: name other pictures for validation")
