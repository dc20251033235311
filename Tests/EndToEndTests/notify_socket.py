#!/usr/bin/env python3
"""Stands where systemd stands: listens on a notify socket (sd_notify(3)) and writes each message as a line. usage: notify_socket.py SOCKET FILE"""
import socket
import sys

listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind(sys.argv[1])
print("ready", flush=True)
while True:
    message = listener.recv(4096).decode()
    with open(sys.argv[2], "a", encoding="utf-8") as file:
        file.write(message.replace("\n", " ") + "\n")
