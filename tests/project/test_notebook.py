"""The example notebook runs as it is, and shows tables, the report and bars."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "notebook.ipynb"
PARAMETERS = 'system = "shop.py"\nuser, item = "u2", "i3"\nevent, value = "view", 1'


class Recorder(NotebookClient):
    """Keeps everything that was ever displayed, also what later updates replaced."""

    def process_message(self, msg, cell, cell_index):
        if msg["msg_type"] in {"display_data", "update_display_data"}:
            displayed.append(msg["content"]["data"].get("text/html", ""))
        return super().process_message(msg, cell, cell_index)


displayed: list[str] = []


@pytest.fixture(scope="module")
def notebook(shop_folder, tmp_path_factory):
    """The notebook after it ran on the tiny shop: only its cell of parameters was changed."""
    scratch = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    [parameters] = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    parameters.source = PARAMETERS
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT / "src"))
        patch.setenv("SHORTLIST_HOME", str(scratch / "home"))
        patch.delenv("SHORTLIST_STORE", raising=False)
        patch.setenv("JUPYTER_RUNTIME_DIR", str(scratch / "runtime"))
        patch.setenv("JUPYTER_CONFIG_DIR", str(scratch / "config"))
        patch.setenv("IPYTHONDIR", str(scratch / "ipython"))
        displayed.clear()
        Recorder(notebook, timeout=300, resources={"metadata": {"path": str(shop_folder)}}).execute()
    return notebook


def outputs(notebook, source: str):
    """What the cell with ``source`` put out, as HTML."""
    [cell] = [cell for cell in notebook.cells if cell.cell_type == "code" and source in cell.source]
    return [output.data.get("text/html", "") for output in cell.outputs if "data" in output]


def test_it_is_committed_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_no_cell_complains(notebook):
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            assert output.output_type in {"display_data", "execute_result"}, (cell.source, output)


@pytest.mark.parametrize(
    "source",
    [
        "films.ingest()",
        "films.releases()",
        "films.history(",
        "slate = films.recommend(",
        "films.similar(",
        "films.explain(",
        "films.add_event(",
        "films.predict(",
    ],
)
def test_answers_are_tables(notebook, source):
    html = outputs(notebook, source)[-1]
    assert "<table>" in html
    assert html.count("<tr>") > 1


def test_the_report_is_inline(notebook):
    html = outputs(notebook, "training = films.train()")[-1]
    assert "srcdoc=" in html
    assert "shop: evaluation" in html


def test_a_slate_after_an_event_is_another(notebook):
    first = outputs(notebook, "slate = films.recommend(")[-1].partition("<tbody>")[2]
    then = outputs(notebook, "films.add_event(")[-1].partition("<tbody>")[2]
    best = first.partition("<td style='text-align:left'>")[2].partition("</td>")[0]
    assert best.startswith("i")
    assert f">{best}<" in first
    assert f">{best}<" not in then, "it was viewed"


def test_long_work_shows_bars(notebook):
    for step in ("reading catalogue", "replaying all models"):
        assert any("<progress" in html and step in html for html in displayed), step
    done, _ = outputs(notebook, "training = films.train()")
    assert "✓ reading the log" in done
    assert "✓ replaying all models" in done
    assert "<progress" not in done, "bars go when the work is done"
