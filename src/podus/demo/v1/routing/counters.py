"""What went through: packets a route, and what was dropped and why."""

import threading

lock = threading.Lock()
counters: dict[str, int] = {}
drops: dict[str, int] = {}


def count(prefix: str) -> None:
    """Count one packet that went to ``prefix``."""
    with lock:
        counters[prefix] = counters.get(prefix, 0) + 1


def count_drop(why: str) -> None:
    """Count one packet that was not forwarded."""
    with lock:
        drops[why] = drops.get(why, 0) + 1


def totals() -> dict[str, int]:
    """The sum over all routes."""
    with lock:
        return {"packets": sum(counters.values()), "routes": len(counters)}


def busiest(n: int) -> dict[str, int]:
    """The ``n`` routes with the most packets."""
    with lock:
        return dict(sorted(counters.items(), key=lambda item: -item[1])[:n])
