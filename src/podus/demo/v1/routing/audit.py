"""The router audits itself: again and again it looks up the head of every so many prefixes, at leisure.

One audit takes long, and it calls ``lookup`` all the while.
"""

import threading

from routing import table

STEPS = 40
PAUSE = 0.01  # seconds between two steps
REST = 0.4  # seconds between two audits

results = {"audits": 0, "mistakes": 0}


def samples() -> list[tuple[int, int, str]]:
    """Addresses with the length and text of a prefix that covers them."""
    found = [(network, mask.bit_count(), prefix) for network, mask, prefix, _port in table.current()]
    return found[:: max(1, len(found) // STEPS)]


def audit(stop: threading.Event) -> int:
    """Look up the samples one by one; how many found less than the prefix they were taken from."""
    routes = table.current()
    mistakes = 0
    for address, length, _text in samples():
        if stop.wait(PAUSE):
            break
        prefix, _port = table.lookup(routes, address)
        if int(prefix.partition("/")[2]) < length:
            mistakes += 1
    return mistakes


def audit_forever(stop: threading.Event) -> None:
    """Audit until ``stop``."""
    while not stop.wait(REST):
        results["mistakes"] += audit(stop)
        results["audits"] += 1
