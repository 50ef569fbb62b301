"""Methods x sets x noise -> rows -> tables and plots beside the published figures.

Needs the extra `bench`.

>>> from vdn.evaluation import Method, find_suite
>>> find_suite("awgn").protocol
'awgn/1'
"""

from vdn.evaluation.methods import Method, parse_method
from vdn.evaluation.outputs import Results, conclude, write_json, write_results
from vdn.evaluation.published import published
from vdn.evaluation.rows import RowStore
from vdn.evaluation.runner import Failure, choose_sets, plan, run
from vdn.evaluation.sets import SetFolders
from vdn.evaluation.suites import SUITES, Suite, find_suite

__all__ = [
    "SUITES",
    "Failure",
    "Method",
    "Results",
    "RowStore",
    "SetFolders",
    "Suite",
    "choose_sets",
    "conclude",
    "find_suite",
    "parse_method",
    "plan",
    "published",
    "run",
    "write_json",
    "write_results",
]
