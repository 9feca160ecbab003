"""The package of another author, on the path as if it were installed."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "shortlist-extras" / "src"))
