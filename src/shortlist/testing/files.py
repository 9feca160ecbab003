"""What the files of a saved component may be."""

from pathlib import Path

PICKLES = {".pkl", ".pickle", ".joblib", ".pt", ".pth"}


def assert_no_pickle(folder: Path) -> None:
    """No file in ``folder`` is a pickle, by its name or by how it begins."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                begins = opened.read(2)
            pickled = begins[:1] == b"\x80" and begins[1:] in {b"\x02", b"\x03", b"\x04", b"\x05"}
            assert file.suffix not in PICKLES, f"{file.name} is a pickle"
            assert not pickled, f"{file.name} begins as a pickle does"
