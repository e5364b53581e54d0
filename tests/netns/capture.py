# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures several interfaces of a namespace at once, as frames in memory and as one pcapng file.

`tcpdump -i any` would do for the eye, but it loses the Ethernet headers that DR is all about, and
which interface a frame belongs to; so the sockets are opened here, one per interface.
"""
import select
import socket
import struct
import threading
from collections import namedtuple

Frame = namedtuple("Frame", "time device outgoing data")  # time in ns since the epoch

ETH_P_ALL = 3
SO_TIMESTAMPNS = 35
SOL_PACKET, PACKET_AUXDATA = 263, 8
OUTGOING = 4


class Capture:
    """Starts with the object, ends with stop() or the `with` block. Frames come in order of time."""

    def __init__(self, lab, space, devices, snap_length=65535):
        self.devices = list(devices)
        self.frames = []
        self._stop = threading.Event()
        self._sockets = {}
        for device in self.devices:
            with lab.inside(space):
                sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
                sniffer.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                sniffer.setsockopt(socket.SOL_SOCKET, 33, 32 << 20)  # SO_RCVBUFFORCE
                sniffer.bind((device, ETH_P_ALL))
            sniffer.setblocking(False)
            self._sockets[sniffer] = device
        self._snap_length = snap_length
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _loop(self):
        while not self._stop.is_set():
            for sniffer in select.select(list(self._sockets), [], [], 0.05)[0]:
                self._drain(sniffer)

    def _drain(self, sniffer):
        while True:
            try:
                data, ancillary, _, address = sniffer.recvmsg(self._snap_length, 128)
            except BlockingIOError:
                return
            when = 0
            for level, kind, value in ancillary:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("@ll", value[:16])
                    when = seconds * 10**9 + nanoseconds
            self.frames.append(Frame(when, self._sockets[sniffer], address[2] == OUTGOING, data))

    def stop(self):
        """What was on the wire before this call is in `frames` afterwards."""
        if not self._stop.is_set():
            self._stop.set()
            self._thread.join()
            for sniffer in self._sockets:
                self._drain(sniffer)
                sniffer.close()
            self.frames.sort(key=lambda frame: frame.time)
        return self.frames

    def write(self, path, keep=lambda frame: True):
        """One pcapng file with an interface block each, nanosecond times and packet directions."""
        with open(path, "wb") as out:
            out.write(_block(0x0A0D0D0A, struct.pack("=IHHq", 0x1A2B3C4D, 1, 0, -1)))
            for device in self.devices:
                options = _option(2, device.encode()) + _option(9, b"\x09") + _option(0, b"")
                out.write(_block(1, struct.pack("=HHI", 1, 0, self._snap_length) + options))
            for frame in filter(keep, self.stop()):
                out.write(_block(6, struct.pack(
                    "=IIIII", self.devices.index(frame.device), frame.time >> 32,
                    frame.time & 0xFFFFFFFF, len(frame.data), len(frame.data)) +
                    _padded(frame.data) +
                    _option(2, struct.pack("=I", 2 if frame.outgoing else 1)) + _option(0, b"")))


def _padded(data):
    return data + b"\0" * (-len(data) % 4)


def _option(code, value):
    return struct.pack("=HH", code, len(value)) + _padded(value)


def _block(kind, body):
    length = len(body) + 12
    return struct.pack("=II", kind, length) + body + struct.pack("=I", length)
