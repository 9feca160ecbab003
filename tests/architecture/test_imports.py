"""What `import shortlist` and a System file load, and that every public name is there."""

import subprocess
import sys
import textwrap

import pytest

import shortlist
from shortlist.system.entity import Attribute
from shortlist.system.features import Definition

HEAVY = (
    "torch",
    "ray",
    "litestar",
    "uvicorn",
    "starlette",
    "catboost",
    "lightgbm",
    "sklearn",
    "onnxruntime",
    "pandas",
)


def loaded_after(code: str) -> list[str]:
    """Which heavy packages a fresh interpreter has loaded after ``code``."""
    script = textwrap.dedent(code) + f"\nimport sys\nprint([p for p in {HEAVY!r} if p in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return eval(done.stdout)


def test_import_is_light():
    assert loaded_after("import shortlist") == []


def test_what_component_authors_import_is_light():
    assert loaded_after("import shortlist.components") == []


def test_contract_suites_need_no_pytest():
    assert loaded_after("import sys; sys.modules['pytest'] = None; import shortlist.testing") == []


def test_the_python_interface_loads_no_model_library():
    assert loaded_after("import shortlist; shortlist.open") == []


def test_a_system_file_loads_no_model_library():
    assert loaded_after("import runpy; runpy.run_path('examples/movies.py')") == []


def test_serving_loads_no_training_library():
    assert set(loaded_after("import shortlist.server.server")) <= {"litestar", "uvicorn"}


@pytest.mark.parametrize("name", shortlist.__all__)
def test_every_public_name_is_there(name):
    assert getattr(shortlist, name).__doc__


def test_the_public_modules_name_every_contract():
    from shortlist import components
    from shortlist.system import contracts

    assert set(contracts.__all__) <= set(vars(components))


def test_an_unknown_name_says_what_was_meant():
    with pytest.raises(AttributeError, match="did you mean 'EASE'"):
        shortlist.Ease  # noqa: B018


def test_public_names_are_few():
    """Kinds of features and of attributes are two lists of words by themselves; all else is what one learns first."""
    words = [name for name in shortlist.__all__ if not _is_a_kind(getattr(shortlist, name))]
    assert len(words) <= 40
    assert len(shortlist.__all__) <= 65


def _is_a_kind(named: object) -> bool:
    return isinstance(named, type) and issubclass(named, Definition | Attribute)
