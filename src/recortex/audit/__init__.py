"""Looks at trials, folds and stimuli for the known ways in which a score flatters, and says what it found."""

from recortex.audit.base import Case, Finding, Verdict, worst
from recortex.audit.examination import examine

__all__ = ["Case", "Finding", "Verdict", "examine", "worst"]
