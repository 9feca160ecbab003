"""Systems with and without sources and users: ingest, train, report, release, and what it serves."""

import numpy as np
import polars as pl
import pytest

from shortlist import (
    Category,
    Entity,
    Event,
    Label,
    LogisticRegression,
    Number,
    Objective,
    Popular,
    System,
    Table,
)
from shortlist.base.columns import DAY
from shortlist.base.errors import DataError
from shortlist.base.histories import Histories
from shortlist.base.queries import Queries, Ragged
from shortlist.evaluation.evaluation import from_json
from shortlist.pipeline.release import load
from shortlist.project import verbs
from shortlist.project.project import Project
from shortlist.project.results import Report, qualities
from shortlist.storage.home import Home
from shortlist.storage.releases import Releases

RNG = np.random.default_rng(7)
POSTS, USERS, IMPRESSIONS = 400, 60, 3_000


def post_table():
    """Posts whose length and topic determine how likely they are hateful."""
    anger = RNG.random(POSTS)
    topic = RNG.choice(["politics", "cats", "cooking"], POSTS)
    hate = RNG.random(POSTS) < np.where(topic == "politics", anger, 0.1 * anger)
    verdict = [None if n % 10 == 0 else "hate" if bad else "fine" for n, bad in enumerate(hate)]
    return pl.DataFrame(
        {"post": [f"p{n}" for n in range(POSTS)], "anger": anger, "topic": topic, "verdict": verdict}
    )


def impression_table(posts):
    """Impressions over 30 days: a user likes one topic, and clicks on it more often."""
    user = RNG.integers(0, USERS, IMPRESSIONS)
    post = RNG.integers(0, POSTS, IMPRESSIONS)
    likes = np.array(["politics", "cats", "cooking"])[user % 3] == posts["topic"].to_numpy()[post]
    click = RNG.random(IMPRESSIONS) < np.where(likes, 0.7, 0.1)
    return pl.DataFrame(
        {
            "user": [f"u{n}" for n in user],
            "post": [f"p{n}" for n in post],
            "at": np.sort(RNG.integers(0, 30 * 86_400, IMPRESSIONS)) + 1_700_000_000,
            "clicked": click.astype(float),
        }
    )


def entity(posts):
    return Entity(
        "post",
        Table(posts),
        anger=Number("anger"),
        topic=Category("topic"),
        verdict=Category("verdict"),
    )


def of_items(posts):
    return System(
        name="moderation",
        item=entity(posts),
        objectives=[Label("hateful", pl.col("verdict") == "hate")],
        rankers=[LogisticRegression(), LogisticRegression(name="strict", regularization=1e5)],
    )


def of_impressions(posts):
    shown = Event("shown", Table(impression_table(posts)), user="user", item="post", at="at", value="clicked")
    return System(
        name="clicks",
        user=Entity("user"),
        item=entity(posts),
        events=[shown],
        objectives=[Objective("clicked", shown, pl.col("value") > 0)],
        rankers=[LogisticRegression()],
    )


def with_sources(posts):
    shown = Event("shown", Table(impression_table(posts)), user="user", item="post", at="at", value="clicked")
    return System(
        name="feed",
        user=Entity("user"),
        item=entity(posts),
        events=[shown],
        objectives=[Objective("clicked", shown, pl.col("value") > 0)],
        sources=[Popular(), Popular(name="recent", window="7d")],
        rankers=[LogisticRegression()],
    )


def trained(system, folder):
    """The trial, the report and the release of a whole training."""
    project = Project(system, folder, Home.open(folder / "home"))
    assert not [each for each in verbs.check(project) if each.severity == "error"]
    verbs.ingest(project)
    data, watermark = verbs.dataset(project)
    run = verbs.training_run(project, releases=True)
    trial = verbs.evaluate(project, data, run)
    number = verbs.train(project, data, watermark, trial.evaluation, run)
    report = (project.home.evaluation / "report.html").read_text("utf-8")
    saved = from_json((project.home.evaluation / "evaluation.json").read_bytes())
    assert saved == trial.evaluation
    return trial.evaluation, report, load(project.releases.open(number))


def test_items_without_users_are_predicted(tmp_path):
    evaluation, report, release = trained(of_items(post_table()), tmp_path)
    assert (evaluation.task, evaluation.metric) == ("prediction", "log_loss")
    assert [each.name for each in evaluation.models] == ["base rate", "logistic_regression", "strict"]
    loss = {each.name: each.metrics["log_loss"].mean for each in evaluation.models}
    assert evaluation.chosen == "logistic_regression"
    [kept] = Releases(Home.open(tmp_path / "home")).list()
    assert qualities([kept]) == {"Log loss": [loss["logistic_regression"]]}
    table = Report(evaluation, tmp_path / "report.html", report).to_polars()
    assert table["name"][0] == "logistic_regression"
    assert table["log_loss"].is_sorted()
    assert loss["logistic_regression"] < loss["strict"] <= loss["base rate"] + 0.01
    assert evaluation.sizes.test_queries == 72  # a fifth of the 360 with a verdict
    assert evaluation.leader.scoring["hateful"].auc > 0.75
    assert evaluation.leader.scoring["hateful"].log_loss == pytest.approx(loss["logistic_regression"])
    assert "Recall ceiling" not in report
    assert "Quality of predictions" in report
    assert "ROC-AUC" in report
    assert not any("verdict" in name for name in release.pipeline.features.names)
    posts = Ragged(np.array([0, 2]), np.array([3, 5], np.int32))
    query = Queries(Histories.empty(1), np.zeros(1, np.int64))
    probabilities = release.pipeline.predict(query, posts).probabilities
    assert probabilities.shape == (2, 1)
    assert ((probabilities > 0) & (probabilities < 1)).all()


def test_rows_of_users_are_predicted_at_their_moments(tmp_path):
    evaluation, report, release = trained(of_impressions(post_table()), tmp_path)
    assert evaluation.task == "prediction"
    assert evaluation.sizes.test_queries == pytest.approx(IMPRESSIONS / 5, rel=0.05)
    assert evaluation.leader.scoring["clicked"].auc > 0.6  # better than the base rate: topics are learned
    better = evaluation.leader.metrics["log_loss"].mean
    base = evaluation.models[0].metrics["log_loss"].mean
    assert better < base
    assert {each.name for each in evaluation.slices} <= {"new users", "new items"}
    assert "Recall ceiling" not in report
    slates = release.pipeline.recommend(Queries(release.history("u1"), np.full(1, 10**17)), 5)
    assert len(slates.items) == 5  # what is popular, ranked


def test_recommending_goes_on_as_before(tmp_path):
    evaluation, report, release = trained(with_sources(post_table()), tmp_path)
    assert (evaluation.task, evaluation.metric) == ("recommendation", "ndcg@10")
    assert "Recall ceiling of retrieval" in report
    assert release.pipeline.ranker is not None


def test_features_of_a_row_do_not_see_it_or_what_came_after():
    from shortlist.testing.toy import toy_data, toy_histories
    from shortlist.training.fit import fit_sources
    from shortlist.training.prediction import prediction_examples, prediction_rows
    from shortlist.training.run import TrainingRun

    views = Event("view", value="v")
    system = System(
        name="toy",
        user=Entity("user"),
        item=Entity("item"),
        events=[views],
        objectives=[Objective("liked", views, pl.col("value") >= 4)],
        rankers=[LogisticRegression()],
    )
    data = toy_data()
    moment = 30 * DAY
    early = np.flatnonzero(prediction_rows(system, data).at < moment)

    def features(log):
        changed = data.with_histories(log)
        pipeline = fit_sources(system, data)
        rows = prediction_rows(system, changed).take(early)
        examples = prediction_examples(system, pipeline, changed, rows, TrainingRun())
        return examples.without_validation().inputs.numeric, examples.labels

    log = toy_histories()
    late = log.at >= moment
    other = Histories(
        log.offsets,
        np.where(late, (log.items + 3) % 40, log.items).astype(np.int32),
        log.at,
        log.event,
        np.where(late, 6 - log.value, log.value).astype(np.float32),
    )
    before, labels = features(log)
    after, same_labels = features(other)
    assert np.array_equal(before, after, equal_nan=True)
    assert np.array_equal(labels, same_labels)
    row = prediction_rows(system, data)
    histories = row.queries(np.arange(len(row))).histories
    assert (histories.at < np.repeat(row.at, histories.lengths)).all()


@pytest.mark.parametrize("verdict", [[None] * POSTS, ["fine"] + [None] * (POSTS - 1)])
def test_too_few_labels_are_an_error_that_says_so(tmp_path, verdict):
    posts = post_table().with_columns(verdict=pl.Series(verdict, dtype=pl.String))
    project = Project(of_items(posts), tmp_path, Home.open(tmp_path / "home"))
    verbs.ingest(project)
    data, _ = verbs.dataset(project)
    with pytest.raises(DataError, match=r"nothing to fit on|there are too few"):
        verbs.evaluate(project, data)
