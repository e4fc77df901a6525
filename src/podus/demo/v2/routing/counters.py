"""What went through: packets and bytes a route, and what was dropped and why."""

import threading

lock = threading.Lock()
counters: dict[str, dict[str, int]] = {}
drops: dict[str, int] = {}


def count(prefix: str, size: int) -> None:
    """Count one packet of ``size`` bytes that went to ``prefix``."""
    with lock:
        counter = counters.get(prefix)
        if counter is None:
            counter = counters[prefix] = {"packets": 0, "bytes": 0}
        counter["packets"] += 1
        counter["bytes"] += size


def count_drop(why: str) -> None:
    """Count one packet that was not forwarded."""
    with lock:
        drops[why] = drops.get(why, 0) + 1


def totals() -> dict[str, int]:
    """The sums over all routes."""
    with lock:
        return {
            "packets": sum(counter["packets"] for counter in counters.values()),
            "bytes": sum(counter["bytes"] for counter in counters.values()),
            "routes": len(counters),
        }


def busiest(n: int) -> dict[str, dict[str, int]]:
    """The ``n`` routes with the most packets."""
    with lock:
        order = sorted(counters.items(), key=lambda item: -item[1]["packets"])
        return {prefix: dict(counter) for prefix, counter in order[:n]}
