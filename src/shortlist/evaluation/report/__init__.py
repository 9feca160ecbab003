"""The report of an evaluation: one self-contained HTML page, and a table in the terminal."""

from shortlist.evaluation.report.page import write_html
from shortlist.evaluation.report.sample_users import SampleItem, SampleUser
from shortlist.evaluation.report.terminal import show

__all__ = ["SampleItem", "SampleUser", "show", "write_html"]
