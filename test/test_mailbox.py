"""The one-slot mailbox and its worker."""

from __future__ import annotations

import threading

from spp_sorter.ros.mailbox import Mailbox, Worker

LONG_S = 10.0


def ignore(_: Exception) -> None:
    """Nothing fails here."""


def test_newest_wins_and_the_replaced_one_is_told() -> None:
    mailbox: Mailbox[int] = Mailbox()
    assert [mailbox.put(1), mailbox.put(2), mailbox.put(3)] == [False, True, True]
    assert mailbox.take(0) == 3
    assert mailbox.take(0) is None
    assert mailbox.put(4) is False


def test_take_wakes_for_an_item() -> None:
    mailbox: Mailbox[int] = Mailbox()
    taken: list[int | None] = []
    thread = threading.Thread(target=lambda: taken.append(mailbox.take(LONG_S)))
    thread.start()
    mailbox.put(5)
    thread.join(LONG_S)
    assert taken == [5]


def test_close_wakes_refuses_and_hands_back() -> None:
    mailbox: Mailbox[int] = Mailbox()
    taken: list[int | None] = []
    thread = threading.Thread(target=lambda: taken.append(mailbox.take()))
    thread.start()
    assert mailbox.close() is None
    thread.join(LONG_S)
    assert taken == [None]
    assert mailbox.put(6) is True
    assert mailbox.take() is None
    full: Mailbox[int] = Mailbox()
    full.put(7)
    assert full.close() == 7


def test_worker_takes_the_newest_and_never_blocks_the_giver() -> None:
    entered, leave, done = threading.Event(), threading.Event(), threading.Event()
    seen: list[int] = []

    def work(item: int) -> None:
        seen.append(item)
        entered.set()
        assert leave.wait(LONG_S)
        if item == 9:
            done.set()

    worker = Worker(work, ignore)
    worker.mailbox.put(0)
    assert entered.wait(LONG_S)
    dropped = sum(worker.mailbox.put(item) for item in range(1, 10))
    leave.set()
    assert done.wait(LONG_S)
    assert (seen, dropped) == ([0, 9], 8)
    assert worker.stop(LONG_S) == (None, True)


def test_worker_survives_what_work_raises() -> None:
    errors: list[Exception] = []
    told, done = threading.Event(), threading.Event()

    def work(item: int) -> None:
        if item == 1:
            raise RuntimeError("broken item")
        done.set()

    def failed(error: Exception) -> None:
        errors.append(error)
        told.set()

    worker = Worker(work, failed)
    worker.mailbox.put(1)
    assert told.wait(LONG_S)
    worker.mailbox.put(2)
    assert done.wait(LONG_S)
    assert [str(error) for error in errors] == ["broken item"]
    assert worker.stop(LONG_S)[1]


def test_stop_says_what_was_left_and_whether_work_hangs() -> None:
    entered, leave = threading.Event(), threading.Event()

    def work(_: int) -> None:
        entered.set()
        leave.wait(LONG_S)

    worker = Worker(work, ignore)
    worker.mailbox.put(1)
    assert entered.wait(LONG_S)
    worker.mailbox.put(2)
    assert worker.stop(0.01) == (2, False)
    leave.set()
    assert worker.stop(LONG_S) == (None, True)
