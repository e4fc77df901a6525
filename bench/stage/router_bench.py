"""The demo's router (version 1) in one thread: packets go in and come out through real UDP sockets, 40 a batch.

A worker of the router ends at an empty packet; here each batch ends with one, so that no handing over between threads
is measured.
"""

import os
import socket

import packets
import pyperf
from routing import config, table, worker

BATCH = 40

routes = packets.make_routes(200, 1)
listing = os.path.join(os.path.dirname(os.path.abspath(__file__)), "routes.txt")
packets.write_routes(listing, routes)
sink = config.udp_socket()
config.set_hops(str(sink.getsockname()[1]))
table.load(listing)
door = config.udp_socket()

source = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
batch = [bytes(packet) for packet in packets.templates(packets.destinations(routes, BATCH))]
address = door.getsockname()


def route():
    for packet in batch:
        source.sendto(packet, address)
    source.sendto(b"", address)
    worker.forward_forever(door)
    for _ in batch:
        sink.recv(2048)


pyperf.Runner().bench_func("router", route)
