"""An evaluation for people: one self-contained HTML page, and a table in the terminal."""

from shortlist.evaluation.report.gallery import Person, Shown
from shortlist.evaluation.report.page import write_html
from shortlist.evaluation.report.terminal import show

__all__ = ["Person", "Shown", "show", "write_html"]
