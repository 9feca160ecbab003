"""The training loop behind ``tune``: features of the frozen stages come from a cache, the rest learns from them."""

from __future__ import annotations

import copy
import hashlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from shortlist.base.progress import Progress
from shortlist.base.settings import cache_folder
from shortlist.base.types import AnyArray, Floats, Mask, Picture, Rows
from shortlist.vision.encoders._export_torch import Scale, Staged
from shortlist.vision.encoders.onnx_encoder import OnnxEncoder
from shortlist.vision.encoders.prepare import Squares
from shortlist.vision.encoders.vector_cache import VectorCache
from shortlist.vision.tuning.augmentation import Augmentation
from shortlist.vision.tuning.feature_cache import CachedFeatures, FeatureCache, content_hashes
from shortlist.vision.tuning.fine_tune import Epoch, FineTune, TuneReport
from shortlist.vision.tuning.retrieval_metrics import Relevance, RetrievalMetrics, retrieval_metrics

FORMAT = 1  # of cached features: rises when stages or augmentations compute something else
INFERENCE_BATCH = 32  # pictures through the learning part together
MAX_GALLERY = 5000  # pictures that validation queries search among; as many candidates for hard negatives
WARM_UP = 0.15  # share of the steps in which the learning rate rises
PROXY_SPEED = 10  # proxies start from random and learn this much faster


class Trainer:
    """One run of ``tune``."""

    def __init__(
        self,
        staged: Staged,
        settings: FineTune,
        pictures: Sequence[Picture],
        relevance: Relevance,
        validation: Mask,
        watch: Callable[[Epoch], None],
        progress: Progress,
    ) -> None:
        self.started = time.perf_counter()
        self.staged, self.settings, self.pictures, self.relevance = staged, settings, pictures, relevance
        self.watch, self.progress = watch, progress
        self.hashes = content_hashes(pictures)
        self.rng = np.random.default_rng(settings.seed)
        torch.manual_seed(settings.seed)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        cut = len(staged.stages) - (staged.tuned if settings.backbone else 0)
        frozen = nn.Sequential(Scale(staged.mean, staged.scale), *staged.stages[:cut])
        self.frozen = frozen.eval().requires_grad_(False).to(self.device)
        self.model = Model(staged.stages[cut:], settings, self.device)
        self.queries: Rows = np.flatnonzero(validation)
        self.gallery: Rows = np.sort(self.rng.permutation(np.flatnonzero(~validation))[:MAX_GALLERY])
        self.examples = _examples(relevance, validation)

    def run(self, name: str) -> tuple[OnnxEncoder, TuneReport]:
        """Train, return to the best epoch, export."""
        settings, training = self.settings, np.unique(self.examples)
        evaluated = np.concatenate([self.queries, self.gallery])
        augmentation = None
        if settings.augmentations:
            augmentation = Augmentation(
                views=settings.augmentations, min_crop=settings.min_crop, seed=settings.seed
            )
        with ExitStack() as stack:
            plain = self._features(stack, evaluated, None)
            before = self._evaluate(plain)
            self.model.add_head(self._outputs(plain.take(np.arange(len(evaluated))), self.model.features))
            views = self._features(stack, training, augmentation)
            epochs, best, stopped = self._train(plain, views, np.searchsorted(training, self.examples))
            vectors = self._outputs(plain.take(np.arange(len(evaluated))), self.model)
        facts = {"encoder": name, "tuned by": settings.by, "backbone": settings.backbone, "epochs": best}
        graph = self.staged.graph(self.model.cpu().head)
        encoder = OnnxEncoder(graph, self.staged.preparation, facts)
        if not settings.backbone:  # otherwise the last stages may have computed in half precision
            self._keep(encoder, evaluated, vectors)
        seconds = time.perf_counter() - self.started
        after = epochs[best - 1].metrics
        return encoder, TuneReport(settings, before, after, tuple(epochs), best, stopped, seconds)

    def _features(self, stack: ExitStack, rows: Rows, augmentation: Augmentation | None) -> CachedFeatures:
        """Of the given pictures, from the cache where they were computed before."""
        side, folder = self.staged.preparation.side, cache_folder() / "features"
        shape = self._forward(np.zeros((1, side, side, 3), np.uint8)).shape[1:]
        cache = FeatureCache(folder, self._fingerprint(), self.staged.preparation, self._forward, shape)
        name = "features of pictures" if augmentation is None else "features of augmented pictures"
        pictures, hashes = _Selected(self.pictures, rows), [self.hashes[row] for row in rows]
        with one_torch_thread(), self.progress.step(name, total=len(rows), unit="pictures") as step:
            return stack.enter_context(cache.features(pictures, hashes, augmentation, step))

    def _forward(self, squares: Squares) -> AnyArray:
        """The frozen stages' features, float16[n, ...]."""
        with torch.inference_mode():
            features: AnyArray = self.frozen(torch.from_numpy(squares).to(self.device)).half().cpu().numpy()
        return features

    def _fingerprint(self) -> str:
        """Of the frozen stages: their structure, their weights, and how pictures are prepared."""
        digest = hashlib.sha256(f"{FORMAT} {self.frozen!r} {self.staged.preparation}".encode())
        for name, tensor in sorted(self.frozen.state_dict().items()):
            digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def _keep(self, encoder: OnnxEncoder, rows: Rows, vectors: Floats) -> None:
        """Put the vectors of these pictures into the cache that ``embed`` reads."""
        folder = cache_folder() / "vectors"
        with VectorCache(folder, encoder.fingerprint, encoder.embedding_size) as cache:
            cache.add([self.hashes[row] for row in rows], vectors)

    def _train(
        self, plain: CachedFeatures, views: CachedFeatures, examples: Rows
    ) -> tuple[list[Epoch], int, str]:
        """The epochs, the number of the best, to whose weights the model returns, and why training ended."""
        settings, best, weights, epochs = self.settings, 0, self.model.state_dict(), list[Epoch]()
        learner = Learner(settings, self.model, self.relevance, self.examples)
        learner.schedule(settings.max_epochs * math.ceil(len(examples) / self.drawn_per_batch))
        stopped = "it went through all epochs"
        with self.progress.step("tuning", total=settings.max_epochs, unit="epochs") as step:
            for number in range(1, settings.max_epochs + 1):
                self.model.train()
                losses = [
                    learner.step([self._tensor(part) for part in parts], chosen)
                    for chosen, parts in self._batches(views, examples)
                ]
                metrics, seconds = self._evaluate(plain), time.perf_counter() - self.started
                epochs.append(Epoch(number, float(np.mean(losses)), metrics, seconds))
                self.watch(epochs[-1])
                step.advance()
                step.detail(str(epochs[-1]))
                if not best or metrics.recall_1 >= epochs[best - 1].metrics.recall_1:
                    best, weights = number, copy.deepcopy(self.model.state_dict())
                if number - best >= settings.patience:
                    stopped = f"recall@1 had not risen for {settings.patience} epochs"
                    break
        self.model.load_state_dict(weights)
        return epochs, best, stopped

    def _batches(self, views: CachedFeatures, examples: Rows) -> Iterator[tuple[Rows, list[AnyArray]]]:
        """Every example once, each of its pictures in a random view: [examples, ...] for each column."""
        for chosen in self._order(views, examples):
            drawn = [self.rng.integers(views.views, size=len(chosen)) for _ in range(examples.shape[1])]
            yield chosen, [views.take(rows, v) for rows, v in zip(examples[chosen].T, drawn, strict=True)]

    @property
    def hard_negatives(self) -> int:
        """Hard negatives of each drawn pair; a label has every other label as a negative."""
        return self.settings.hard_negatives if self.relevance.labels is None else 0

    @property
    def drawn_per_batch(self) -> int:
        """Examples drawn for a batch, which their hard negatives fill up."""
        return max(self.settings.batch_size // (1 + self.hard_negatives), 1)

    def _order(self, views: CachedFeatures, examples: Rows) -> Iterator[Rows]:
        """Positions of examples, a batch at a time; each drawn one brings its hard negatives."""
        order = self.rng.permutation(len(examples))
        near = np.zeros((len(examples), 0), np.int64)
        if self.hard_negatives:
            pool = order[:MAX_GALLERY]
            vectors = self._outputs(views.take(examples[:, 0]), self.model)
            scores = vectors @ vectors[pool].T
            scores[pool, np.arange(len(pool))] = -np.inf
            near = pool[np.argsort(-scores, axis=1)[:, : self.hard_negatives]]
        for first in range(0, len(order), self.drawn_per_batch):
            drawn = order[first : first + self.drawn_per_batch]
            batch = np.unique(np.concatenate([drawn, near[drawn].ravel()]))
            if len(batch) > 1:
                yield batch

    def _evaluate(self, plain: CachedFeatures) -> RetrievalMetrics:
        count = len(self.queries)
        vectors = self._outputs(plain.take(np.arange(len(plain.rows))), self.model)
        return retrieval_metrics(self.relevance, self.queries, vectors[:count], self.gallery, vectors[count:])

    def _outputs(self, features: AnyArray, module: Callable[[Tensor], Tensor]) -> Floats:
        self.model.eval()
        with torch.inference_mode():
            parts = [
                module(self._tensor(features[first : first + INFERENCE_BATCH])).float().cpu()
                for first in range(0, len(features), INFERENCE_BATCH)
            ]
        outputs: Floats = torch.cat(parts).numpy()
        return outputs

    def _tensor(self, features: AnyArray) -> Tensor:
        """Stored features (half precision) for the model; feature maps with their channels last in memory."""
        tensor = torch.from_numpy(np.array(features)).to(self.device).float()
        return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor


class _Selected(Sequence[Picture]):
    """Some of a sequence of pictures, read when they are needed."""

    def __init__(self, pictures: Sequence[Picture], rows: Rows) -> None:
        self.pictures, self.rows = pictures, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place):  # type: ignore[no-untyped-def]
        return self.pictures[int(self.rows[place])]


class Model(nn.Module):
    """The stages that learn, and the head, which ``add_head`` makes."""

    def __init__(self, stages: Sequence[nn.Module], settings: FineTune, device: torch.device) -> None:
        super().__init__()
        self.settings, self.device = settings, device
        self.stages, self.head = nn.Sequential(*stages).to(device), nn.Sequential()

    def add_head(self, features: Floats) -> None:
        """A linear head over ``features`` standardised to mean 0 and deviation 1, which learns faster."""
        head = nn.Linear(features.shape[1], self.settings.embedding_size)
        nn.init.orthogonal_(head.weight)
        nn.init.zeros_(head.bias)
        standardise = Standardise(features.mean(axis=0), features.std(axis=0) + 1e-6)
        self.head = nn.Sequential(standardise, nn.Dropout(self.settings.dropout), head).to(self.device)

    def train(self, mode: bool = True) -> Model:
        """Statistics of batch normalisation stay as they are: batches are small."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def features(self, x: Tensor) -> Tensor:
        """The backbone's output, in bfloat16 where the processor is faster with it."""
        if not len(self.stages):
            return x
        with torch.autocast(x.device.type, torch.bfloat16, enabled=_bfloat16_is_faster(x.device)):
            features: Tensor = self.stages(x)
        return features.float()

    def forward(self, x: Tensor) -> Tensor:
        """Vectors of length 1."""
        return normalize(self.head(self.features(x)), dim=1)


class Standardise(nn.Module):
    """Features less their mean, in standard deviations."""

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

    def __init__(self, settings: FineTune, model: Model, relevance: Relevance, examples: Rows) -> None:
        self.settings, self.model, self.relevance, self.examples = settings, model, relevance, examples
        groups = [{"params": list(model.parameters()), "weight_decay": settings.regularization}]
        self.rates = [settings.peak_learning_rate]
        if relevance.labels is not None:
            codes, self.targets = np.unique(relevance.labels[examples[:, 0]], return_inverse=True)
            start = torch.randn(len(codes), settings.embedding_size, device=model.device) * 0.1
            self.proxies = nn.Parameter(start)
            groups.append({"params": [self.proxies], "weight_decay": 0.0})
            self.rates.append(settings.peak_learning_rate * PROXY_SPEED)
        self.optimizer = torch.optim.AdamW(groups, lr=settings.peak_learning_rate)

    def schedule(self, steps: int) -> None:
        """Up, and down along a cosine (Smith, "Super-convergence", 2018)."""
        self.scheduler = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, self.rates, total_steps=steps, pct_start=WARM_UP
        )

    def step(self, inputs: Sequence[Tensor], chosen: Rows) -> float:
        """The loss of one batch: ``inputs`` are one tensor for labels, two for pairs, of the ``chosen`` examples."""
        vectors = [self.model(part) for part in inputs]
        loss = self._label_loss(vectors[0], chosen) if len(vectors) == 1 else self._pair_loss(vectors, chosen)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.scheduler.step()
        return loss.item()

    def _label_loss(self, vectors: Tensor, chosen: Rows) -> Tensor:
        targets = torch.from_numpy(self.targets[chosen]).to(vectors.device)
        logits = vectors @ normalize(self.proxies, dim=1).T / self.settings.temperature
        return cross_entropy(logits, targets, label_smoothing=self.settings.label_smoothing)

    def _pair_loss(self, vectors: Sequence[Tensor], chosen: Rows) -> Tensor:
        """InfoNCE in both directions; pictures that are relevant through another pair are no negatives."""
        logits = vectors[0] @ vectors[1].T / self.settings.temperature
        one, other = self.examples[chosen].T
        relevant = self.relevance.matrix(one, other) | (one[:, None] == other) | (other[:, None] == other)
        np.fill_diagonal(relevant, False)
        logits = logits.masked_fill(torch.from_numpy(relevant).to(logits.device), -torch.inf)
        targets = torch.arange(len(chosen), device=logits.device)
        return (cross_entropy(logits, targets) + cross_entropy(logits.T, targets)) / 2


def _examples(relevance: Relevance, validation: Mask) -> Rows:
    """What is trained on: labelled pictures, [examples, 1], or pairs, [examples, 2]; none of validation."""
    if relevance.labels is not None:
        return np.flatnonzero(~validation & (relevance.labels >= 0))[:, None]
    assert relevance.pairs is not None
    return relevance.pairs[~validation[relevance.pairs].any(axis=1)].astype(np.int64)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Within, a call of torch uses one thread: the callers are several threads themselves."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _bfloat16_is_faster(device: torch.device) -> bool:
    return device.type == "cuda" or bool(torch.cpu._is_avx512_bf16_supported())
