"""The context of events, from columns of a table to the codes of the engine."""

import polars as pl
import pytest

from shortlist.base.columns import AVAILABLE_AT, CONTEXT
from shortlist.base.errors import DataError, DeclarationError
from shortlist.data.check import check
from shortlist.data.dataset import load_dataset
from shortlist.data.ingest.ingest import ingest
from shortlist.data.log.log import parts, scan

ROWS = """user,item,at,rating,kind,place
a,x,2020-01-01,5,mobile,Wien
a,x,2020-01-01,5,tv,Wien
a,x,2020-01-01,5,tv,Wien
b,y,2020-01-02,4, mobile ,
b,x,2020-01-03,,,"say ""hi"" "
c,y,2020-01-04,1,,
"""


@pytest.fixture
def system(declare, tmp_path):
    (tmp_path / "ratings.csv").write_text(ROWS)
    return declare("ratings.csv", context={"device": "kind", "city": "place"})


def test_columns_become_one_text(system, home, tmp_path):
    report = ingest(system, home, tmp_path)
    assert report.added == 5
    assert report.reasons == {"duplicate": 1}, "rows that differ in context alone are two"
    assert scan(home).collect()[CONTEXT].to_list() == [
        '{"city":"Wien","device":"mobile"}',
        '{"city":"Wien","device":"tv"}',
        '{"device":"mobile"}',
        '{"city":"say \\"hi\\""}',
        None,
    ]


def test_logged_rows_are_compared_by_their_context_too(system, home, tmp_path):
    ingest(system, home, tmp_path)
    (tmp_path / "ratings.csv").write_text(ROWS + "a,x,2020-01-01,5,car,Wien\n")
    report = ingest(system, home, tmp_path)
    assert report.added == 1


def test_codes_of_the_dataset(system, home, tmp_path):
    ingest(system, home, tmp_path)
    data = load_dataset(system, home)
    assert data.contexts.vocabularies == {"device": ("mobile", "tv"), "city": ("Wien", 'say "hi"')}
    assert data.histories.context.tolist() == [[0, 0], [1, 0], [0, -1], [-1, 1], [-1, -1]]


def test_without_contexts_the_log_and_the_histories_have_none(declare, home, tmp_path):
    (tmp_path / "ratings.csv").write_text(ROWS)
    plain = declare("ratings.csv")
    ingest(plain, home, tmp_path)
    assert all(CONTEXT not in pl.read_parquet_schema(part) for part in parts(home))
    assert load_dataset(plain, home).histories.context is None


def test_a_log_from_before_contexts_is_read(declare, home, tmp_path):
    """Events whose parts have no such column have no context."""
    (tmp_path / "ratings.csv").write_text(ROWS)
    ingest(declare("ratings.csv"), home, tmp_path)
    later = declare("ratings.csv", context={"device": "kind"})
    data = load_dataset(later, home)
    assert data.contexts.vocabularies == {"device": ()}
    assert set(data.histories.context.ravel()) == {-1}
    assert AVAILABLE_AT in scan(home).collect_schema()
    with pytest.raises(DataError, match="is now read from other columns"):
        ingest(later, home, tmp_path)


def test_a_missing_column_is_reported_by_check_and_by_ingest(declare, home, tmp_path):
    (tmp_path / "ratings.csv").write_text(ROWS)
    wrong = declare("ratings.csv", context={"device": "kinds"})
    [problem] = [each for each in check(wrong, tmp_path) if each.severity == "error"]
    assert "no column 'kinds': did you mean 'kind'" in str(problem)
    with pytest.raises(DeclarationError, match="no column 'kinds'"):
        ingest(wrong, home, tmp_path)
