"""Count the work of a call, which does not depend on the speed of the machine."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


def count_steps(call: Callable[[], object]) -> int:
    """Return how many lines and calls Python runs within `call`, in all code that it reaches.

    A call of a C function is one step, whatever it does: bound what is handed to it.
    """
    steps = 0

    def trace(_frame: FrameType, _event: str, _argument: Any) -> Any:
        nonlocal steps
        steps += 1
        return trace

    def profile(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal steps
        steps += event == "c_call"

    previous_trace, previous_profile = sys.gettrace(), sys.getprofile()
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.settrace(previous_trace)
        sys.setprofile(previous_profile)
    return steps


@contextmanager
def cpu_limit(seconds: float = 20) -> Iterator[None]:
    """Fail once this process has used so many seconds of its processor: far more than linear work needs.

    For the work of C functions, such as regular expressions, whose steps are not counted.
    """

    def fail(_signal: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"took more than {seconds} seconds of the processor")

    previous = signal.signal(signal.SIGVTALRM, fail)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)
