"""A packet router on loopback: ``router.py --routes FILE --hops PORT,PORT,… [--workers N]``.

Each worker thread owns one UDP socket. When all are up, one line of JSON on standard output says where they listen.
"""

import argparse
import json
import signal
import socket
import threading

from routing import audit, config, control, table, worker


def main() -> None:
    parser = argparse.ArgumentParser(description="Route packets between UDP ports of this machine.")
    parser.add_argument("--routes", dest="file", required=True, help="file of lines `PREFIX PORT-NUMBER`")
    parser.add_argument(
        "--hops", required=True, help="the UDP port behind each port number, separated by commas"
    )
    parser.add_argument("--workers", type=int, default=4, help="worker threads, one UDP socket each")
    options = parser.parse_args()

    config.set_hops(options.hops)
    table.load(options.file)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())

    listeners = [config.udp_socket() for _ in range(options.workers)]
    questions = config.udp_socket()
    threads = [
        threading.Thread(target=worker.forward_forever, args=(sock,), name=f"worker-{n}")
        for n, sock in enumerate(listeners)
    ]
    threads.append(threading.Thread(target=control.answer_forever, args=(questions,), name="control"))
    threads.append(threading.Thread(target=audit.audit_forever, args=(stop,), name="audit"))
    for thread in threads:
        thread.start()

    ports = [sock.getsockname()[1] for sock in listeners]
    print(json.dumps({"listen": ports, "control": questions.getsockname()[1]}), flush=True)
    stop.wait()

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bell:
        for sock in [*listeners, questions]:
            bell.sendto(b"", sock.getsockname())  # an empty packet ends the thread that reads it
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
