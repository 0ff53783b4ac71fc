"""What a command that cannot go on prints, and its exit code."""

from __future__ import annotations

import re
import sys
import traceback
from typing import Any

import typer


def failed(error: Exception) -> int:
    """Say what went wrong, and return the exit code: 2 for what a person can mend, 1 for a mistake in recortex."""
    from recortex.errors import RecortexError, in_one_line

    if isinstance(error, typer.Exit):
        return error.exit_code
    if isinstance(error, typer.Abort):
        print("stopped", file=sys.stderr)
        return 130
    if hasattr(error, "show") and hasattr(error, "exit_code"):  # typer's own complaints about the command line
        if said := _too_many(error):
            print(said, file=sys.stderr)
        else:
            error.show()
        return error.exit_code
    ours = isinstance(error, RecortexError)
    if "--debug" in sys.argv:
        traceback.print_exception(error)
    else:
        print(f"{type(error).__name__}: {in_one_line(error)}" if ours else in_one_line(error), file=sys.stderr)
    return 2 if ours or isinstance(error, MemoryError) else 1


def _too_many(error: Any) -> str:
    """What to do where a command was given more names than it takes; empty where something else is wrong."""
    context = getattr(error, "ctx", None)
    found = re.search(r"unexpected extra arguments?(?:\(s\))? \((.*)\)", error.format_message())
    if found is None or context is None:
        return ""
    extra = found[1]
    if all(parameter.param_type_name != "argument" for parameter in context.command.params):
        return f"{context.command_path} takes no name; leave out {extra}"
    return (
        f"{context.command_path} takes one name, and not {extra} too; run it once for each, and put a name with blanks into quotation "
        "marks"
    )
