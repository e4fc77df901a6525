"""The router answers questions: any packet to its control port is answered with a report, as JSON."""

import json
import socket
from typing import Any

from routing import audit, config, counters


def report() -> dict[str, Any]:
    """The state of the router."""
    return {
        "release": config.RELEASE,
        "table": "list",
        **counters.totals(),
        "busiest": counters.busiest(5),
        "drops": dict(counters.drops),
        "audits": audit.results["audits"],
        "mistakes": audit.results["mistakes"],
    }


def answer_forever(sock: socket.socket) -> None:
    """Answer what arrives on ``sock``, until an empty packet comes."""
    while True:
        question, asker = sock.recvfrom(2048)
        if not question:
            return
        sock.sendto(json.dumps(report()).encode(), asker)
