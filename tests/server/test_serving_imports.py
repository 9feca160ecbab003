import subprocess
import sys


def test_serving_stays_small():
    """Importing the server loads no training library."""
    code = "import shortlist.server.server, sys; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    loaded = {name.partition(".")[0] for name in modules.split()}
    assert "litestar" in loaded
    assert not loaded & {"torch", "ray", "catboost", "implicit", "sklearn", "sqlalchemy"}
