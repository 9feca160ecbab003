"""How to fine-tune an encoder, and the report of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

from shortlist.vision.tuning.retrieval_metrics import RetrievalMetrics


@dataclass(frozen=True, kw_only=True)
class FineTune:
    """Hyperparameters of fine-tuning. Labels are learned with one proxy each (the normalised softmax of Zhai
    and Wu, "Classification is a Strong Baseline for Deep Metric Learning", BMVC 2019), pairs with InfoNCE
    (van den Oord et al., 2018).

    The defaults train a head on a frozen backbone. ``backbone=True`` also trains the later half of
    ``EfficientNetLite0``, or the whole of another model.
    """

    by: str = field(
        default="product", metadata={"doc": "the attribute whose values are the labels of the pictures"}
    )
    backbone: bool = field(
        default=False, metadata={"doc": "train the backbone's last stages too: several minutes"}
    )
    embedding_size: int = field(default=256, metadata={"doc": "numbers in a tuned vector"})
    epochs: int | None = field(
        default=None, metadata={"doc": "at most; None: 30 for a head, 10 for a backbone"}
    )
    learning_rate: float | None = field(
        default=None, metadata={"doc": "at its peak; None: 0.002 for a head, 0.0005 for a backbone"}
    )
    batch_size: int = field(default=64, metadata={"doc": "pictures, or pairs, in a step"})
    temperature: float = field(
        default=0.15, metadata={"doc": "of the softmax: a lower one weighs hard negatives more"}
    )
    label_smoothing: float = field(default=0.1, metadata={"doc": "probability spread over all other labels"})
    regularization: float = field(default=0.001, metadata={"doc": "decoupled weight decay"})
    dropout: float = field(default=0.3, metadata={"doc": "share of the backbone's features that is dropped"})
    augmentations: int = field(
        default=10, metadata={"doc": "random views of each picture: cropped, mirrored, recoloured; 0: none"}
    )
    min_crop: float = field(default=0.15, metadata={"doc": "least share of the area that a view shows"})
    hard_negatives: int = field(
        default=0, metadata={"doc": "of pairs: the most similar others that join each drawn pair's batch"}
    )
    patience: int = field(
        default=4, metadata={"doc": "epochs without a better validation recall@1 before it stops"}
    )
    seed: int = field(default=0, metadata={"doc": "of everything random"})

    @property
    def max_epochs(self) -> int:
        """``epochs``, or the default of the kind of tuning."""
        return self.epochs if self.epochs is not None else 10 if self.backbone else 30

    @property
    def peak_learning_rate(self) -> float:
        """``learning_rate``, or the default of the kind of tuning."""
        default = 5e-4 if self.backbone else 2e-3
        return self.learning_rate if self.learning_rate is not None else default


@dataclass(frozen=True)
class Epoch:
    """The outcome of one pass over the training pictures."""

    number: int  # from 1
    loss: float
    metrics: RetrievalMetrics  # on the validation pictures
    seconds: float  # since the start

    def __str__(self) -> str:
        """One line."""
        return f"epoch {self.number}, recall@1 {self.metrics.recall_1:.3f}, {self.seconds:.0f} s"


@dataclass(frozen=True)
class TuneReport:
    """Retrieval before and after. Validation pictures are queries among all others, and none was trained on."""

    settings: FineTune
    before: RetrievalMetrics
    after: RetrievalMetrics
    epochs: tuple[Epoch, ...]
    best_epoch: int  # number of the epoch whose weights were kept
    stopped: str
    seconds: float

    def __str__(self) -> str:
        """A table of before and after, and how training ended."""
        names = ("recall@1", "recall@5", "precision@10", "MAP@R")
        rows = zip(names, _values(self.before), _values(self.after), strict=True)
        lines = [f"{'':14}{'before':>8}{'after':>8}"]
        lines += [f"{name:14}{before:8.3f}{after:8.3f}" for name, before, after in rows]
        ran = f"{len(self.epochs)} epochs in {self.seconds:.0f} s, the best was {self.best_epoch}; {self.stopped}"
        return "\n".join([*lines, f"{self.after.queries} validation pictures; {ran}"])


def _values(metrics: RetrievalMetrics) -> tuple[float, ...]:
    return metrics.recall_1, metrics.recall_5, metrics.precision_10, metrics.map_r
