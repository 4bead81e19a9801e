"""What has been moved goes back whatever went wrong, and the first cause is the one that is told."""

from __future__ import annotations

import contextlib
from typing import Callable, Iterator


class NotBack(Exception):
    """Something failed, and so did going back from it; the message has both, the first cause first."""


class Move:
    """Something that has been moved; ``stays`` once it need not go back any more."""

    def __init__(self) -> None:
        self.stays = False


@contextlib.contextmanager
def unless_it_stays(back: Callable[[], object], what: str) -> Iterator[Move]:
    """Go back at the end of the block unless the move stays, however the block ended.

    :param back: puts back what the block has moved.
    :param what: names that for people, such as ``the traffic``.
    :raises NotBack: going back failed as well; what ends a process is raised as it is.
    """
    move = Move()
    try:
        yield move
    except BaseException as cause:
        if not move.stays:
            _go(back, what, cause)
        raise
    if not move.stays:
        _go(back, what, None)


def _go(back: Callable[[], object], what: str, cause: BaseException | None) -> None:
    try:
        back()
    except Exception as second:
        if cause is not None and not isinstance(cause, Exception):
            return
        first = f"{told(cause)}; besides, " if cause else ""
        raise NotBack(f"{first}{what} could not be put back: {told(second)}") from cause


def told(error: BaseException) -> str:
    """An error as a clause; one without words is told by its kind."""
    return str(error).strip().rstrip(".") or type(error).__name__
