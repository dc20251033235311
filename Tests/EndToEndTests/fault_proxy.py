"""A link on loopback that can be cut, fall silent or become slow: fault_proxy.py LISTEN_PORT TARGET_PORT MODE_FILE

MODE_FILE holds one word, read twenty times a second: pass, cut (connections end at once), silent (nothing goes through), slow (about 40 kB/s).
Prints "ready", and "mode WORD" when a mode is in force.
"""
import socket
import sys
import threading
import time

listen_port, target_port, mode_path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
mode = "pass"


def watch():
    global mode
    while True:
        try:
            # Empty: it is just being written.
            word = open(mode_path).read().strip() or mode
        except OSError:
            word = mode
        if word != mode:
            mode = word
            print("mode", mode, flush=True)
        time.sleep(0.05)


def pump(source, target):
    try:
        while True:
            data = source.recv(4096)
            if not data:
                break
            while mode == "silent":
                time.sleep(0.02)
            if mode == "cut":
                break
            if mode == "slow":
                time.sleep(0.1)
            target.sendall(data)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def cut(ends):
    """Ends the connection when the link is cut while nothing moves."""
    while ends[0].fileno() >= 0:
        if mode == "cut":
            for end in ends:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
            return
        time.sleep(0.05)


def serve(client):
    if mode == "cut":
        client.close()
        return
    try:
        target = socket.create_connection(("127.0.0.1", target_port), timeout=5)
        target.settimeout(None)
    except OSError:
        client.close()
        return
    pumps = [threading.Thread(target=pump, args=pair, daemon=True) for pair in ((client, target), (target, client))]
    threading.Thread(target=cut, args=((client, target),), daemon=True).start()
    for thread in pumps:
        thread.start()
    for thread in pumps:
        thread.join()
    client.close()
    target.close()


threading.Thread(target=watch, daemon=True).start()
server = socket.create_server(("127.0.0.1", listen_port), backlog=64)
print("ready", flush=True)
while True:
    connection, _ = server.accept()
    threading.Thread(target=serve, args=(connection,), daemon=True).start()
