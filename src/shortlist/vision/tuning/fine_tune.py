"""How to tune an encoder, and what it brought."""

from __future__ import annotations

from dataclasses import dataclass, field

from shortlist.vision.tuning.retrieval_metrics import Quality


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
        default=0.15, metadata={"doc": "of the softmax: lower looks at harder negatives"}
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

    def __str__(self) -> str:
        """A line for people."""
        return f"epoch {self.number}, recall@1 {self.quality.recall_1:.3f}, {self.seconds:.0f} s"


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
