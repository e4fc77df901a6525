"""What one request is, in the servers that podus knows: a call of one of their functions, in a thread that serves many.

Such a thread has no loop of the program's own on its stack. What the server itself does around a request (it waits for the next one on the same
connection, say) belongs to none: a request has begun when it has come to the program.
"""

from __future__ import annotations

import sys
from types import CodeType, FrameType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Module, and the function that is called once for each request or connection.
_SERVERS = (
    ("http.server", "BaseHTTPRequestHandler.handle_one_request"),
    ("wsgiref.handlers", "BaseHandler.run"),
    ("socketserver", "BaseRequestHandler.__init__"),
    ("werkzeug.serving", "WSGIRequestHandler.run_wsgi"),
    ("waitress.task", "Task.service"),
    ("cheroot.server", "HTTPRequest.respond"),
    ("gunicorn.workers.sync", "SyncWorker.handle_request"),
    ("gunicorn.workers.gthread", "ThreadWorker.handle_request"),
)


def entries() -> frozenset[CodeType]:
    """The code of these functions, of those that are loaded."""
    found = set()
    for module, path in _SERVERS:
        thing: object = sys.modules.get(module)
        for name in path.split("."):
            thing = getattr(thing, name, None)
        code = getattr(thing, "__code__", None)
        if isinstance(code, CodeType):
            found.add(code)
    return frozenset(found)


def request(
    stack: tuple[FrameType, ...], known: frozenset[CodeType], of_program: Callable[[FrameType], bool]
) -> FrameType | None:
    """Of a stack, innermost first, the outermost activation of the program in the innermost request; None if there is none."""
    found = None
    for frame in stack:
        if frame.f_code in known:
            return found
        if of_program(frame):
            found = frame
    return None
