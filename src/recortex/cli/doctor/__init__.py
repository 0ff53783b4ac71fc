"""``recortex doctor``: is this installation, this machine and this cache fit for work, and what to do where they are not.

A function ``look_SUBJECT`` gathers the facts of a subject, and a function beside it judges facts it is given.
"""

from recortex.cli.doctor.examination import examine
from recortex.cli.doctor.printed import as_json, print_findings, waiting

__all__ = ["as_json", "examine", "print_findings", "waiting"]
