"""usage: send_syslog.py udp|tcp|unix TARGET FIRST COUNT: sends numbered RFC 5424 messages, ends when all are handed over."""
import socket
import sys

kind, target, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
messages = [f"<14>1 2026-10-09T07:00:00.{n % 1000000:06}Z web-1 app 42 - - line {n} by {kind}".encode() for n in range(first, first + count)]
if kind == "tcp":
    with socket.create_connection(("127.0.0.1", int(target))) as stream:
        # Both framings of RFC 6587.
        stream.sendall(b"".join(m + b"\n" if n % 2 else b"%d %s" % (len(m), m) for n, m in enumerate(messages)))
elif kind == "udp":
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        for message in messages:
            datagrams.sendto(message, ("127.0.0.1", int(target)))
else:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        for message in messages:
            datagrams.sendto(message, target)
