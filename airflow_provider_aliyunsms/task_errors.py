# SPDX-License-Identifier: Apache-2.0
"""
Show the error that ends a task: what happened and what to do in short lines, then one short traceback.

Airflow logs every error of a task with its traceback, those of its causes below it, and the text of each on one line
that its log page cuts. So the text goes to the log before, and an error of this package leaves the task without its
inner frames and causes: its text names them. They are in the log at the level DEBUG.
"""

from __future__ import annotations

import functools
import logging
import re
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

from airflow_provider_aliyunsms.exceptions import AliyunSmsError, AudienceError, ConfigurationError
from airflow_provider_aliyunsms.log_lines import ERROR_LINE, LINE, say, shortened
from airflow_provider_aliyunsms.private import forget_locals

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

_USUAL: Final = (
    (ConfigurationError, "Correct it, then clear the task."),
    (AudienceError, "Correct the audience, then clear the task."),
    (AliyunSmsError, "Mend the cause, then clear the task: nothing is sent twice by it."),
)
# As long as the shortest phone numbers.
_LONG_DIGITS = re.compile(r"\d{7,}")


def with_short_errors(function: Callable[P, T]) -> Callable[P, T]:
    """
    Make a method of a task whose errors are told by :func:`tell` and have a short traceback without variables.

    Errors of other packages keep their frames and lose the variables of these, see :func:`.forget_locals`.
    """

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except AliyunSmsError as error:
            forget_locals(error)
            ours = error
        except BaseException as error:
            forget_locals(error)
            # This frame still runs, and its arguments may be numbers.
            del args, kwargs
            raise
        del args, kwargs
        tell(ours)
        # Outside of the handler, in which the error would become its own context.
        raise without_causes(ours)

    return guarded


def tell(error: AliyunSmsError, *, level: int = logging.ERROR) -> None:
    """Log what happened, the cause outside of this package, code and request id, and the next step; once an error."""
    if error.is_told:
        return
    error.is_told = True
    # Most errors say it better; none may leave its reader without a next step.
    error.advice = error.advice or next(advice for kind, advice in _USUAL if isinstance(error, kind))
    say(log, level, "%s: %s", type(error).__name__.removeprefix("Final"), error.message)
    cause = _cause(error)
    if cause is not None:
        log.log(level, "%s", shortened(f"Cause: {cause}", LINE))
    facts = [
        f"{name}: {value}"
        for name, value in (("Code", error.code), ("request id", error.request_id))
        if value
    ]
    if facts:
        say(log, level, "%s", ", ".join(facts))
    say(log, level, "Next step: %s", error.advice)
    log.debug("Where this error was raised:", exc_info=error)


def without_causes(error: AliyunSmsError) -> AliyunSmsError:
    """Take the frames and the causes of an error away, and have its text in short lines."""
    error.__cause__ = error.__context__ = None
    error.line_length = ERROR_LINE
    return error.with_traceback(None)


def _cause(error: BaseException) -> str | None:
    """Return type and text of the first cause that is no error of this package; None when there is none."""
    while (cause := error.__cause__) is not None:
        if not isinstance(cause, AliyunSmsError):
            text = " ".join(_LONG_DIGITS.sub("***", str(cause)).split())
            return f"{type(cause).__name__}: {text}" if text else type(cause).__name__
        error = cause
    return None
