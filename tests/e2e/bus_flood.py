# Calls the daemon over and over without reading an answer, with arguments right and wrong. Says "sent", then is killed
# or leaves. Usage: bus_flood.py COUNT
import os
import socket
import struct
import sys

count = int(sys.argv[1])
path = os.environ["DBUS_SYSTEM_BUS_ADDRESS"].split("=", 1)[1]
NAME, PATH = "org.cryptoorchestrator.Entitled1", "/org/cryptoorchestrator/Entitled1"


def text(data, value, sign=False):
    if not sign:
        data += b"\0" * (-len(data) % 4)
        data += struct.pack("<I", len(value)) + value + b"\0"
    else:
        data += bytes([len(value)]) + value + b"\0"
    return data


def message(serial, destination, where, interface, member, signature=b"", body=b""):
    fields = b""
    for code, kind, value in ((1, b"o", where), (2, b"s", interface), (3, b"s", member), (6, b"s", destination),
                              (8, b"g", signature)):
        if not value and code == 8:
            continue
        fields += b"\0" * (-len(fields) % 8) + bytes([code]) + b"\x01" + kind + b"\0"
        fields = text(fields, value, kind == b"g")
    head = b"l\x01\x00\x01" + struct.pack("<III", len(body), serial, len(fields)) + fields
    return head + b"\0" * (-len(head) % 8) + body


bus = socket.socket(socket.AF_UNIX)
bus.connect(path)
bus.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
assert bus.recv(1000).startswith(b"OK")
bus.sendall(b"BEGIN\r\n")
bus.sendall(message(1, b"org.freedesktop.DBus", b"/org/freedesktop/DBus", b"org.freedesktop.DBus", b"Hello"))
calls = [(b"org.freedesktop.DBus.Properties", b"GetAll", b"s", text(b"", NAME.encode())),
         (NAME.encode(), b"CheckFeature", b"s", text(b"", b"x" * 4000)),
         (NAME.encode(), b"Activate", b"s", text(b"", b"CO-nonsense")),
         (NAME.encode(), b"Import", b"u", struct.pack("<I", 7)),
         (b"org.freedesktop.DBus.Introspectable", b"Introspect", b"", b""),
         (NAME.encode(), b"ReleaseSlot", b"t", struct.pack("<Q", 2**64 - 1))]
try:
    for serial in range(2, count + 2):
        bus.sendall(message(serial, NAME.encode(), PATH.encode(), *calls[serial % len(calls)]))
except (BrokenPipeError, ConnectionResetError):
    pass  # the bus hangs up on who does not read
print("sent", flush=True)
