"""Work beside the executor: a one-slot mailbox where the newest wins, and the thread that empties it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Holds at most one item, so that a backlog never forms. Safe between threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: Item | None = None
        self._closed = False

    def put(self, item: Item) -> bool:
        """Leave ``item``, in place of one that nobody took; never waits.

        Returns:
            Whether an item was replaced, or this one refused because the mailbox is closed: one was dropped.
        """
        with self._changed:
            dropped = self._closed or self._item is not None
            if not self._closed:
                self._item = item
                self._changed.notify()
            return dropped

    def take(self, timeout_s: float | None = None) -> Item | None:
        """The item, waiting for it (up to ``timeout_s`` seconds); None when none came or the mailbox was closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout_s)
            item, self._item = self._item, None
            return item

    def close(self) -> Item | None:
        """Refuse further items and wake whoever waits; returns the item that nobody took."""
        with self._changed:
            self._closed = True
            item, self._item = self._item, None
            self._changed.notify_all()
            return item


class Worker(Generic[Item]):
    """A thread that takes items from a mailbox one after the other.

    Args:
        work: called with each item; when it raises, ``failed`` is called and the thread goes on.
        failed: called with what ``work`` raised.
    """

    def __init__(self, work: Callable[[Item], None], failed: Callable[[Exception], None]) -> None:
        self.mailbox: Mailbox[Item] = Mailbox()
        self._work, self._failed = work, failed
        self._thread = threading.Thread(target=self._run, name="spp_sorter worker", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while (item := self.mailbox.take()) is not None:
            self._do(item)

    def _do(self, item: Item) -> None:
        try:
            self._work(item)
        except Exception as error:
            self._failed(error)

    def stop(self, timeout_s: float) -> tuple[Item | None, bool]:
        """End the thread after the item in work.

        Args:
            timeout_s: seconds to wait for that item.

        Returns:
            The item that nobody took, if any, and whether the thread has ended.
        """
        untaken = self.mailbox.close()
        self._thread.join(timeout_s)
        return untaken, not self._thread.is_alive()
