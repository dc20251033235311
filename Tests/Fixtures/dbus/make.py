#!/usr/bin/python3
"""Writes the answers that a fake systemd gives, marshalled by GLib: another hand than ours. Needs python3-gi.

Each answers the call with the serial 0xA1B2C3D4, which the test replaces."""
import os
import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib

HERE = os.path.dirname(os.path.abspath(__file__))
SERIAL = 0xA1B2C3D4
MANAGER = "/org/freedesktop/systemd1"


def write(name, message):
    message.set_byte_order(Gio.DBusMessageByteOrder.LITTLE_ENDIAN)
    message.set_serial(7)
    with open(os.path.join(HERE, name + ".bin"), "wb") as file:
        file.write(bytes(message.to_blob(Gio.DBusCapabilityFlags.NONE)))


def answer(name, signature, value):
    message = Gio.DBusMessage()
    message.set_message_type(Gio.DBusMessageType.METHOD_RETURN)
    message.set_reply_serial(SERIAL)
    message.set_sender(":1.1")
    message.set_destination(":1.42")
    message.set_body(GLib.Variant("(" + signature + ")", (value,)))
    write(name, message)


def unit(name, description, load, active, sub):
    path = MANAGER + "/unit/" + "".join(c if c.isalnum() else "_%02x" % ord(c) for c in name)
    return (name, description, load, active, sub, "", path, 0, "", "/")


answer("hello", "s", ":1.42")
answer("units", "a(ssssssouso)", [
    unit("nginx.service", "A high performance web server", "loaded", "active", "running"),
    unit("backup.service", "Sicherung täglich", "loaded", "failed", "failed"),
    unit("apt-daily.service", "Daily apt download activities", "loaded", "inactive", "dead"),
    unit("gone.service", "gone.service", "not-found", "inactive", "dead"),
    unit("mysql.service", "mysql.service", "not-found", "failed", "failed"),
    unit("getty@tty1.service", "Getty on tty1", "loaded", "activating", "auto-restart"),
    unit("fstrim.timer", "Discard unused blocks", "loaded", "active", "waiting"),
    unit("cups.service", "x" * 300, "loaded", "reloading", "reload"),
])
answer("no-units", "a(ssssssouso)", [])
answer("type-notify", "v", GLib.Variant("s", "notify"))
answer("state-running", "v", GLib.Variant("s", "running"))
answer("state-degraded", "v", GLib.Variant("s", "degraded"))
answer("number", "v", GLib.Variant("u", 5))

error = Gio.DBusMessage()
error.set_message_type(Gio.DBusMessageType.ERROR)
error.set_reply_serial(SERIAL)
error.set_error_name("org.freedesktop.DBus.Error.AccessDenied")
error.set_body(GLib.Variant("(s)", ("not allowed",)))
write("denied", error)

signal = Gio.DBusMessage.new_signal("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameAcquired")
signal.set_body(GLib.Variant("(s)", (":1.42",)))
write("signal", signal)
