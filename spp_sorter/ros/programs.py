"""What the programs of plain nodes have in common: start, spin, end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node


def run_node(
    name: str, make_node: Callable[[], Node], user_errors: tuple[type[Exception], ...], args: list[str] | None
) -> int:
    """Run a node until SIGINT, once: `ros2 launch` passes on the Ctrl-C that the node had from the terminal already.

    Args:
        name: of the program, for what it says when it cannot start.
        make_node: called once rclpy is up.
        user_errors: exceptions that say what is wrong with the user's parameters or files, told in one line.
        args: for ``rclpy.init``; None for the process's own, which then ends with the node.

    Returns:
        The exit code: 0, or 1 after one of ``user_errors``.
    """
    rclpy.init(args=args)
    node = None
    try:
        node = make_node()
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except user_errors as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except RuntimeError:
        if rclpy.ok():
            raise
        # rclpy's own error: the signal ended the context between two looks at it.
    finally:
        if args is None:  # closing takes a moment, and the process ends after it
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()
    return 0
