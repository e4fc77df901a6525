"""What is known of code that is not in the program: what it does with the procedures it is given.

Without it every call of ``len`` or ``os.path.join`` might call back anything. What is not named here may.
"""

from __future__ import annotations

import builtins


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BUILTINS = frozenset(dir(builtins))

# Their functions call nothing of the program but what is passed to them (and its special methods).
QUIET = _words(
    "abc argparse array ast base64 binascii bisect builtins bz2 calendar cmath codecs collections colorsys "
    "configparser contextlib contextvars copy csv ctypes dataclasses datetime decimal difflib dis email enum errno "
    "faulthandler fcntl fnmatch fractions functools gc getopt getpass gettext glob gzip hashlib heapq hmac html "
    "inspect io ipaddress itertools json keyword linecache locale logging lzma marshal math mimetypes mmap numbers "
    "operator os pathlib pickle platform posixpath pprint pwd queue random re reprlib resource secrets select "
    "selectors shlex shutil signal socket sqlite3 ssl stat statistics string struct subprocess sys sysconfig tarfile "
    "tempfile termios textwrap threading time timeit token tokenize tomllib traceback tty types typing unicodedata "
    "urllib uuid warnings weakref xml zipfile zlib zoneinfo _thread asyncio atexit multiprocessing concurrent "
    "__future__ typing_extensions"
)
# … except these, which run for as long as the program does and call whatever was registered.
LOUD = frozenset(
    {
        "asyncio.run",
        "asyncio.Runner",
        "contextvars.copy_context",
        "builtins.exec",
        "builtins.eval",
        "builtins.__import__",
        "multiprocessing.Pool",
    }
)

# Functions that call an argument of theirs there and then, or make something that will.
HIGHER = _words(
    "builtins.map builtins.filter builtins.iter builtins.next functools.reduce functools.partial "
    "functools.partialmethod functools.cmp_to_key functools.singledispatch itertools.takewhile itertools.dropwhile "
    "itertools.filterfalse itertools.accumulate itertools.starmap itertools.groupby re.sub re.subn "
    "contextlib.closing builtins.type types.new_class types.MethodType builtins.super"
)
# Keywords under which any function may be given a procedure.
HIGHER_KEYWORDS = frozenset(
    {
        "key",
        "default",
        "object_hook",
        "object_pairs_hook",
        "cls",
        "func",
        "function",
        "callback",
        "target",
        "type",
    }
)

# Decorators whose result is the procedure itself under its name: nobody else comes to hold it.
PLAIN_DECORATORS = _words(
    "builtins.staticmethod builtins.classmethod builtins.property functools.lru_cache functools.cache functools.wraps "
    "functools.cached_property functools.total_ordering contextlib.contextmanager contextlib.asynccontextmanager "
    "abc.abstractmethod typing.final typing.overload typing.override typing.no_type_check typing.runtime_checkable "
    "dataclasses.dataclass enum.unique enum.verify functools.update_wrapper typing.dataclass_transform "
    "typing_extensions.override typing_extensions.final"
)
PROPERTIES = frozenset(
    {"builtins.property", "functools.cached_property", "enum.property", "types.DynamicClassAttribute"}
)
PROPERTY_PARTS = frozenset({"setter", "getter", "deleter"})

# Functions that look at an argument but neither keep nor call it.
LOOKS = _words("isinstance issubclass id type hash hasattr callable repr str len print super bool dir vars")

# What starts a procedure at the bottom of a stack of its own: the argument's position and keyword.
OWN_STACK: dict[str, tuple[int, str]] = {
    "threading.Thread": (1, "target"),
    "threading.Timer": (1, "function"),
    "multiprocessing.Process": (1, "target"),
    "multiprocessing.context.Process": (1, "target"),
    "_thread.start_new_thread": (0, "function"),
    "atexit.register": (0, "func"),
    "signal.signal": (1, "handler"),
    "asyncio.create_task": (0, "coro"),
    "asyncio.ensure_future": (0, "coro_or_future"),
    "asyncio.run_coroutine_threadsafe": (0, "coro"),
    "asyncio.to_thread": (0, "func"),
}
# The same by the name of a method, where the program has none of that name.
OWN_STACK_METHODS: dict[str, tuple[int, str]] = {
    "submit": (0, "fn"),
    "run_in_executor": (1, "func"),
    "create_task": (0, "coro"),
    "start_soon": (0, "async_fn"),
    "start_new_thread": (0, "function"),
    "call_soon_threadsafe": (0, "callback"),
    "add_signal_handler": (1, "callback"),
    "apply_async": (0, "func"),
}

# Base classes that call none of the methods of their subclasses but special ones (or, of a thread, on its own stack).
QUIET_BASES = _words(
    "builtins.object abc.ABC typing.Generic typing.Protocol typing.NamedTuple typing.TypedDict enum.Enum enum.IntEnum "
    "enum.StrEnum enum.Flag enum.IntFlag threading.Thread threading.local multiprocessing.Process builtins.type "
    "abc.ABCMeta enum.EnumMeta builtins.dict builtins.list builtins.set builtins.tuple builtins.str builtins.int "
    "builtins.float builtins.bytes builtins.frozenset collections.OrderedDict collections.defaultdict "
    "collections.Counter collections.deque collections.UserDict collections.UserList collections.namedtuple "
    "typing_extensions.Protocol typing_extensions.TypedDict typing_extensions.NamedTuple contextlib.ContextDecorator "
    "contextlib.AbstractContextManager contextlib.AbstractAsyncContextManager types.SimpleNamespace"
)

# What makes an object that calls nothing of the program by its methods.
QUIET_OBJECTS = _words(
    "builtins.list builtins.dict builtins.set builtins.tuple builtins.str builtins.int builtins.float builtins.bytes "
    "builtins.bytearray builtins.bool builtins.frozenset builtins.open builtins.len builtins.range builtins.sum "
    "builtins.repr builtins.hash builtins.id builtins.ord builtins.chr builtins.input builtins.format builtins.object "
    "threading.Thread threading.Timer multiprocessing.Process threading.Lock threading.RLock threading.Event threading.Condition threading.Semaphore threading.Barrier "
    "threading.BoundedSemaphore threading.local queue.Queue queue.LifoQueue queue.PriorityQueue queue.SimpleQueue "
    "collections.deque collections.OrderedDict collections.defaultdict collections.Counter socket.socket "
    "socket.create_connection logging.getLogger re.compile re.match re.search re.fullmatch time.time time.monotonic "
    "time.perf_counter random.Random random.random random.randint struct.Struct struct.pack datetime.datetime "
    "datetime.date datetime.timedelta pathlib.Path io.StringIO io.BytesIO hashlib.sha256 hashlib.sha1 hashlib.md5 "
    "asyncio.Queue asyncio.Lock asyncio.Event asyncio.Semaphore decimal.Decimal fractions.Fraction array.array "
    "os.path.join os.getpid json.dumps uuid.uuid4 itertools.count sqlite3.connect subprocess.run "
    "subprocess.Popen argparse.ArgumentParser selectors.DefaultSelector"
)

_TYPES = (str, bytes, bytearray, list, dict, set, frozenset, tuple, int, float, complex, type(iter(())))
# Methods that builtin types and the common objects of the standard library have and that call nothing back.
QUIET_METHODS = frozenset(
    {name for kind in _TYPES for name in dir(kind) if not name.startswith("__")}
    - {"sort", "send", "throw", "close"}
    | _words(
        "acquire release locked wait notify notify_all set is_set put put_nowait get_nowait task_done qsize empty full "
        "appendleft popleft extendleft rotate maxlen write writelines read readline readlines flush seek tell fileno "
        "recv recvfrom recv_into sendto sendall bind listen accept connect settimeout setsockopt getsockname getpeername "
        "shutdown debug info warning error critical exception isEnabledFor match search fullmatch findall group groups "
        "groupdict strftime isoformat timestamp total_seconds date mkdir exists is_file is_dir read_text write_text "
        "read_bytes write_bytes resolve hexdigest digest is_alive ident getvalue setDaemon cancelled done "
        "with_suffix relative_to most_common unpack unpack_from iterdir joinpath"
    )
)


def quiet(dotted: str) -> bool:
    """Whether the outside function of that dotted name calls nothing but its arguments."""
    return dotted not in LOUD and dotted.partition(".")[0] in QUIET
