"""What every candidate source promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shortlist.base.queries import Retrieved
from shortlist.system.contracts import ExplainsWithHistory, FittedSource, Source, TrainingOptions
from shortlist.testing.toy import ITEMS, everything, restricted, toy_data, toy_histories, toy_queries

N = 7


class SourceContract:
    """Subclass it, set ``source``, and pytest runs the suite."""

    source: Source
    personal = True  # whether a history changes the answer
    tolerance = 1e-5

    def fitted(self) -> FittedSource:
        """The source, fitted on the toy world."""
        return self.source.fit(toy_data(), TrainingOptions(seed=3))

    def test_returns_at_most_n_of_each_row_best_first_and_none_twice(self) -> None:
        queries = toy_queries()
        fitted = self.fitted()
        for n in (1, N, ITEMS + 5):
            found = fitted.search(fitted.encode(queries), n, everything(queries))
            assert found.items.dtype == np.int32
            assert (np.diff(found.rows) >= 0).all()
            assert np.bincount(found.rows, minlength=len(queries)).max() <= n
            pairs = found.rows * ITEMS + found.items
            assert len(np.unique(pairs)) == len(pairs)
            falling = np.diff(found.scores) <= self.tolerance
            assert (falling | (np.diff(found.rows) > 0)).all()

    def test_finds_something_for_rows_with_a_history(self) -> None:
        queries = toy_queries()
        fitted = self.fitted()
        found = fitted.search(fitted.encode(queries), N, everything(queries))
        asked = np.flatnonzero(queries.histories.lengths > 0)
        assert set(asked) <= set(found.rows.tolist())

    def test_returns_only_what_is_allowed(self) -> None:
        queries = toy_queries()
        allowed = restricted(queries)
        fitted = self.fitted()
        found = fitted.search(fitted.encode(queries), ITEMS, allowed)
        assert len(found.rows)
        assert allowed.keep(found.rows, found.items).all()

    def test_score_agrees_with_search(self) -> None:
        queries = toy_queries()
        fitted = self.fitted()
        encoded = fitted.encode(queries)
        found = fitted.search(encoded, N, everything(queries))
        assert np.allclose(fitted.score(encoded, found.rows, found.items), found.scores, atol=self.tolerance)

    def test_scores_do_not_depend_on_neighbours(self) -> None:
        queries = toy_queries()
        fitted = self.fitted()
        encoded = fitted.encode(queries)
        rows = np.repeat(np.arange(len(queries)), ITEMS)
        items = np.tile(np.arange(ITEMS, dtype=np.int32), len(queries))
        together = fitted.score(encoded, rows, items)
        alone = [fitted.score(encoded, rows[i : i + 1], items[i : i + 1])[0] for i in range(0, len(rows), 17)]
        assert np.allclose(together[::17], alone, atol=self.tolerance)

    def test_batch_equals_single(self) -> None:
        queries = toy_queries()
        fitted = self.fitted()
        batch = fitted.search(fitted.encode(queries), N, restricted(queries))
        for row in range(len(queries)):
            single = queries.take(np.array([row]))
            found = fitted.search(fitted.encode(single), N, restricted(single))
            mine = batch.rows == row
            assert np.allclose(found.scores, batch.scores[mine], atol=self.tolerance)
            assert found.items.tolist() == batch.items[mine].tolist()

    def test_prefers_the_kind_of_the_history(self) -> None:
        if not self.personal:
            return
        queries = toy_queries()
        fitted = self.fitted()
        found = fitted.search(fitted.encode(queries), 5, restricted(queries))
        own = (found.items < ITEMS // 2) == (found.rows % 2 == 0)
        assert own.mean() > 0.7

    def test_names_a_history_item_as_the_reason_or_none(self) -> None:
        queries = toy_queries()
        fitted = self.fitted()
        encoded = fitted.encode(queries)
        found = fitted.search(encoded, N, everything(queries))
        if not isinstance(fitted, ExplainsWithHistory):
            return
        reasons = fitted.because(encoded, found.rows, found.items)
        for row, reason in zip(found.rows, reasons, strict=True):
            own = queries.histories.take(np.array([row])).items
            assert reason == -1 or reason in own

    def test_saves_and_loads(self, tmp_path: Path) -> None:
        queries = toy_queries()
        fitted = self.fitted()
        fitted.save(tmp_path)
        again = type(fitted).load(tmp_path)
        assert _same(_search(fitted), _search(again))
        assert len(queries)
        for file in tmp_path.rglob("*"):
            assert file.suffix not in {".pkl", ".pickle", ".joblib"}, f"{file.name} is a pickle"

    def test_same_seed_same_answer(self) -> None:
        assert _same(_search(self.fitted()), _search(self.fitted()))

    def test_learns_from_nothing(self) -> None:
        nobody = toy_histories(rows=0)
        fitted = self.source.fit(toy_data(nobody), TrainingOptions())
        queries = toy_queries()
        found = fitted.search(fitted.encode(queries), N, everything(queries))
        assert np.isfinite(found.scores).all()


def _search(fitted: FittedSource) -> Retrieved:
    queries = toy_queries()
    return fitted.search(fitted.encode(queries), N, restricted(queries))


def _same(a: Retrieved, b: Retrieved) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in ("rows", "items", "scores"))
