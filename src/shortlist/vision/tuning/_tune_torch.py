"""The training behind ``tune``: what is frozen is computed once for every view, the rest learns from that."""

from __future__ import annotations

import copy
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from shortlist.base.errors import DataError
from shortlist.base.types import AnyArray, Floats, Mask, Picture, Rows
from shortlist.vision.encoders._export_torch import Scale, Staged
from shortlist.vision.encoders.onnx_encoder import OnnxEncoder, all_cores
from shortlist.vision.encoders.prefetch import ahead
from shortlist.vision.encoders.prepare import Squares
from shortlist.vision.tuning.augmentation import altered
from shortlist.vision.tuning.fine_tune import Epoch, FineTune, TuneReport
from shortlist.vision.tuning.retrieval_metrics import Alike, Quality, quality

BATCH = 8  # pictures through the frozen part together: larger tensors cost the allocator more than they gain
JUDGED = 32  # pictures through the rest together
ANSWERS = 5000  # validation searches among at most so many pictures, and hard negatives come from as many
WARM_UP = 0.15  # share of the steps in which the learning rate rises
PROXY_SPEED = 10  # proxies start from nothing and learn this much faster


class Trainer:
    """One run of ``tune``."""

    def __init__(
        self,
        staged: Staged,
        knobs: FineTune,
        pictures: Sequence[Picture],
        alike: Alike,
        held: Mask,
        watch: Callable[[Epoch], None],
    ) -> None:
        self.started = time.perf_counter()
        self.staged, self.knobs, self.pictures, self.alike, self.watch = staged, knobs, pictures, alike, watch
        self.rng = np.random.default_rng(knobs.seed)
        torch.manual_seed(knobs.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        cut = len(staged.stages) - (staged.tuned if knobs.backbone else 0)
        frozen = nn.Sequential(Scale(staged.mean, staged.scale), *staged.stages[:cut])
        self.frozen = frozen.eval().requires_grad_(False).to(self.device)
        self.model = Model(staged.stages[cut:], knobs, self.device)
        self.queries: Rows = np.flatnonzero(held)
        self.answers: Rows = np.sort(self.rng.permutation(np.flatnonzero(~held))[:ANSWERS])
        self.examples = _examples(alike, held)

    def run(self, name: str) -> tuple[OnnxEncoder, TuneReport]:
        """Train, go back to the best epoch, export."""
        with tempfile.TemporaryDirectory(prefix="shortlist-tune-") as folder:
            judged = np.concatenate([self.queries, self.answers])
            plain = self._frozen(judged, Path(folder) / "plain", views=0)[0]
            before = self._judge(plain)
            self.model.start(self._outputs(plain, self.model.features))
            rows = np.unique(self.examples)
            views = self._frozen(rows, Path(folder) / "views", self.knobs.augmentations)
            epochs, best, stopped = self._learn(plain, views, np.searchsorted(rows, self.examples))
        facts = {"encoder": name, "tuned by": self.knobs.by, "backbone": self.knobs.backbone, "epochs": best}
        graph = self.staged.graph(self.model.cpu().head)
        seconds = time.perf_counter() - self.started
        report = TuneReport(
            self.knobs, before, epochs[best - 1].quality, tuple(epochs), best, stopped, seconds
        )
        return OnnxEncoder(graph, self.staged.preparation, facts), report

    def _learn(self, plain: AnyArray, views: AnyArray, examples: Rows) -> tuple[list[Epoch], int, str]:
        """The epochs, the number of the best, to which the model goes back, and why it ended."""
        knobs, best, kept, epochs = self.knobs, 0, self.model.state_dict(), list[Epoch]()
        learner = Learner(knobs, self.model, self.alike, self.examples)
        learner.schedule(knobs.most_epochs * math.ceil(len(examples) / self.drawn))
        stopped = "it went through all epochs"
        for number in range(1, knobs.most_epochs + 1):
            self.model.train()
            losses = [
                learner.step([self._ready(part) for part in parts], chosen)
                for chosen, parts in self._batches(views, examples)
            ]
            found = self._judge(plain)
            epochs.append(Epoch(number, float(np.mean(losses)), found, time.perf_counter() - self.started))
            self.watch(epochs[-1])
            if not best or found.recall_1 >= epochs[best - 1].quality.recall_1:
                best, kept = number, copy.deepcopy(self.model.state_dict())
            if number - best >= knobs.patience:
                stopped = f"recall@1 had not risen for {knobs.patience} epochs"
                break
        self.model.load_state_dict(kept)
        return epochs, best, stopped

    def _batches(self, views: AnyArray, examples: Rows) -> Iterator[tuple[Rows, list[AnyArray]]]:
        """Every example once, each of its pictures in a view drawn by chance: [examples, ...] for each column."""
        for chosen in self._order(views, examples):
            columns = examples[chosen].T
            yield chosen, [views[self.rng.integers(len(views), size=len(chosen)), rows] for rows in columns]

    @property
    def hard(self) -> int:
        """Hard negatives of each drawn pair; a label has every other label as negative."""
        return self.knobs.hard_negatives if self.alike.labels is None else 0

    @property
    def drawn(self) -> int:
        """Examples drawn for a batch, which their hard negatives fill up."""
        return max(self.knobs.batch_size // (1 + self.hard), 1)

    def _order(self, views: AnyArray, examples: Rows) -> Iterator[Rows]:
        """Positions of examples, a batch at a time; a drawn one brings those that look most like it."""
        order = self.rng.permutation(len(examples))
        near = np.zeros((len(examples), 0), np.int64)
        if self.hard:
            pool = order[:ANSWERS]
            vectors = self._outputs(views[0][examples[:, 0]], self.model)
            scores = vectors @ vectors[pool].T
            scores[pool, np.arange(len(pool))] = -np.inf
            near = pool[np.argsort(-scores, axis=1)[:, : self.hard]]
        for first in range(0, len(order), self.drawn):
            drawn = order[first : first + self.drawn]
            batch = np.unique(np.concatenate([drawn, near[drawn].ravel()]))
            if len(batch) > 1:
                yield batch

    def _judge(self, plain: AnyArray) -> Quality:
        vectors, asked = self._outputs(plain, self.model), len(self.queries)
        return quality(self.alike, self.queries, vectors[:asked], self.answers, vectors[asked:])

    def _outputs(self, inputs: AnyArray, module: Callable[[Tensor], Tensor]) -> Floats:
        self.model.eval()
        with torch.inference_mode():
            parts = [
                module(self._ready(inputs[first : first + JUDGED])).float().cpu()
                for first in range(0, len(inputs), JUDGED)
            ]
        found: Floats = torch.cat(parts).numpy()
        return found

    def _ready(self, part: AnyArray) -> Tensor:
        """What was kept in half precision, for the model; pictures with their colours side by side."""
        tensor = torch.from_numpy(np.ascontiguousarray(part)).to(self.device).float()
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor

    def _frozen(self, rows: Rows, path: Path, views: int) -> AnyArray:
        """What the frozen part makes of pictures, float16[views, rows, ...] on disk; 0 views: one, unaltered."""
        side, prepare = self.staged.preparation.side, self.staged.preparation

        def squares(job: tuple[int, int]) -> Squares:
            view, first = job
            chosen = rows[first : first + BATCH]
            if not views:
                return prepare([self.pictures[row] for row in chosen])
            rngs = [np.random.default_rng((self.knobs.seed, view, int(row))) for row in chosen]
            drawn = zip(chosen, rngs, strict=True)
            return np.stack([altered(self.pictures[r], side, self.knobs.smallest_cut, g) for r, g in drawn])

        kept: AnyArray | None = None
        jobs = [(view, first) for view in range(max(views, 1)) for first in range(0, len(rows), BATCH)]
        threads = all_cores()
        for (view, first), found in zip(
            jobs, ahead(squares, jobs, threads=threads, most=2 * threads), strict=True
        ):
            with torch.inference_mode():
                outputs = self.frozen(torch.from_numpy(found).to(self.device)).half().cpu().numpy()
            if kept is None:
                kept = _on_disk(path, (max(views, 1), len(rows), *outputs.shape[1:]))
            kept[view, first : first + BATCH] = outputs
        assert kept is not None
        return kept


class Model(nn.Module):
    """The stages that learn, and the head; until it is started there is none."""

    def __init__(self, stages: Sequence[nn.Module], knobs: FineTune, device: torch.device) -> None:
        super().__init__()
        self.knobs, self.device = knobs, device
        self.tail, self.head = nn.Sequential(*stages).to(device), nn.Sequential()

    def start(self, features: Floats) -> None:
        """Give it a head for such ``features``, which it sees with mean 0 and deviation 1: it learns faster so."""
        head = nn.Linear(features.shape[1], self.knobs.embedding_size)
        nn.init.orthogonal_(head.weight)
        nn.init.zeros_(head.bias)
        standard = Standard(features.mean(axis=0), features.std(axis=0) + 1e-6)
        self.head = nn.Sequential(standard, nn.Dropout(self.knobs.dropout), head).to(self.device)

    def train(self, mode: bool = True) -> Model:
        """Statistics of batch normalisation stay as they are: batches are small."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def features(self, x: Tensor) -> Tensor:
        """What the backbone sees, in half the precision where the processor is faster with it."""
        if not len(self.tail):
            return x
        with torch.autocast(x.device.type, torch.bfloat16, enabled=_half_is_faster(x.device)):
            found: Tensor = self.tail(x)
        return found.float()

    def forward(self, x: Tensor) -> Tensor:
        """Vectors of length 1."""
        return normalize(self.head(self.features(x)), dim=1)


class Standard(nn.Module):
    """Numbers less their mean, in deviations."""

    def __init__(self, mean: Floats, deviation: Floats) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("deviation", torch.from_numpy(deviation))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.deviation


class Learner:
    """Steps of AdamW (Loshchilov and Hutter, ICLR 2019) on the loss of labels or of pairs."""

    def __init__(self, knobs: FineTune, model: Model, alike: Alike, examples: Rows) -> None:
        self.knobs, self.model, self.alike, self.examples = knobs, model, alike, examples
        groups = [{"params": list(model.parameters()), "weight_decay": knobs.regularization}]
        self.rates = [knobs.rate]
        if alike.labels is not None:
            codes, self.targets = np.unique(alike.labels[examples[:, 0]], return_inverse=True)
            start = torch.randn(len(codes), knobs.embedding_size, device=model.device) * 0.1
            self.proxies = nn.Parameter(start)
            groups.append({"params": [self.proxies], "weight_decay": 0.0})
            self.rates.append(knobs.rate * PROXY_SPEED)
        self.optimizer = torch.optim.AdamW(groups, lr=knobs.rate)

    def schedule(self, steps: int) -> None:
        """Up, and down along a cosine (Smith, "Super-convergence", 2018)."""
        self.scheduler = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, self.rates, total_steps=steps, pct_start=WARM_UP
        )

    def step(self, inputs: Sequence[Tensor], chosen: Rows) -> float:
        """One batch: ``inputs`` hold one tensor for labels, two for pairs, of the ``chosen`` examples."""
        vectors = [self.model(part) for part in inputs]
        loss = self._of_labels(vectors[0], chosen) if len(vectors) == 1 else self._of_pairs(vectors, chosen)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.scheduler.step()
        return loss.item()

    def _of_labels(self, vectors: Tensor, chosen: Rows) -> Tensor:
        targets = torch.from_numpy(self.targets[chosen]).to(vectors.device)
        logits = vectors @ normalize(self.proxies, dim=1).T / self.knobs.temperature
        return cross_entropy(logits, targets, label_smoothing=self.knobs.smoothing)

    def _of_pairs(self, vectors: Sequence[Tensor], chosen: Rows) -> Tensor:
        """InfoNCE both ways; what belongs together through another pair is no negative."""
        logits = vectors[0] @ vectors[1].T / self.knobs.temperature
        one, other = self.examples[chosen].T
        also = self.alike.matrix(one, other) | (one[:, None] == other) | (other[:, None] == other)
        np.fill_diagonal(also, False)
        logits = logits.masked_fill(torch.from_numpy(also).to(logits.device), -torch.inf)
        targets = torch.arange(len(chosen), device=logits.device)
        return (cross_entropy(logits, targets) + cross_entropy(logits.T, targets)) / 2


def _examples(alike: Alike, held: Mask) -> Rows:
    """What is trained on: pictures of known labels, [examples, 1], or pairs, [examples, 2]; none held out."""
    if alike.labels is not None:
        return np.flatnonzero(~held & (alike.labels >= 0))[:, None]
    assert alike.pairs is not None
    return alike.pairs[~held[alike.pairs].any(axis=1)].astype(np.int64)


def _on_disk(path: Path, shape: tuple[int, ...]) -> AnyArray:
    """A float16 array in a file. Raises DataError where the disk has no room for it."""
    size, free = 2 * math.prod(shape), shutil.disk_usage(path.parent).free
    if size > 0.9 * free:
        raise DataError(
            f"tuning would write {size / 1e9:.1f} GB to {path.parent.parent}, which has {free / 1e9:.1f} GB free: "
            "ask for fewer augmentations, or name another folder in TMPDIR"
        )
    found: AnyArray = np.lib.format.open_memmap(path, "w+", np.float16, shape)
    return found


def _half_is_faster(device: torch.device) -> bool:
    return device.type == "cuda" or bool(torch.cpu._is_avx512_bf16_supported())
