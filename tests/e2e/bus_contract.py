# Holds the object on the bus against its description, with an independent implementation of D-Bus.
# Usage: bus_contract.py FILE, with the bus in DBUS_SYSTEM_BUS_ADDRESS. Says "as described", or what is not.
import re
import sys

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

NAME, PATH = "org.cryptoorchestrator.Entitled1", "/org/cryptoorchestrator/Entitled1"
bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)


def call(interface, method, arguments, answer=None):
    return bus.call_sync(NAME, PATH, interface, method, arguments, answer and GLib.VariantType(answer),
                         Gio.DBusCallFlags.NONE, 20000, None)


def error_of(interface, method, arguments):
    try:
        call(interface, method, arguments)
    except GLib.Error as error:
        return Gio.DBusError.get_remote_error(error)
    return "none"


faults = []
file = open(sys.argv[1], encoding="utf-8").read()
served = call("org.freedesktop.DBus.Introspectable", "Introspect", None, "(s)").unpack()[0]
ours = re.sub(r'  <interface name="org\.freedesktop\..*?</interface>\n', "", served, flags=re.S)
if ours != file:
    faults.append("what is served is not the file")

described = Gio.DBusNodeInfo.new_for_xml(served).lookup_interface(NAME)
has = call("org.freedesktop.DBus.Properties", "GetAll", GLib.Variant("(s)", (NAME,)), "(a{sv})").get_child_value(0)
types = {}
for index in range(has.n_children()):
    entry = has.get_child_value(index)
    types[entry.get_child_value(0).get_string()] = entry.get_child_value(1).get_variant().get_type_string()
wanted = {each.name: each.signature for each in described.properties}
if types != wanted:
    faults.append(f"properties: {sorted(set(types.items()) ^ set(wanted.items()))}")
for name, signature in wanted.items():
    got = call("org.freedesktop.DBus.Properties", "Get", GLib.Variant("(ss)", (NAME, name)), "(v)")
    if got.get_child_value(0).get_variant().get_type_string() != signature:
        faults.append(f"Get {name}")

for method in described.methods:
    takes = "".join(each.signature for each in method.in_args)
    for wrong in ("(d)", "(ssv)", "(aas)"):
        if wrong == f"({takes})":
            continue
        value = {"(d)": (1.5,), "(ssv)": ("", "", GLib.Variant("s", "")), "(aas)": ([["a"]],)}[wrong]
        error = error_of(NAME, method.name, GLib.Variant(wrong, value))
        if error != "org.freedesktop.DBus.Error.InvalidArgs":
            faults.append(f"{method.name}{wrong}: {error}")
for question, answer in (("CheckFeature", GLib.Variant("(s)", ("live_trading",))), ("ListSlots", None)):
    out = "".join(each.signature for each in described.lookup_method(question).out_args)
    call(NAME, question, answer, f"({out})")

for interface, method, arguments, wanted_error in (
        (NAME, "NoSuchMethod", None, "org.freedesktop.DBus.Error.UnknownMethod"),
        ("org.example.Other", "Activate", None, "org.freedesktop.DBus.Error.UnknownMethod"),
        ("org.freedesktop.DBus.Properties", "Get", GLib.Variant("(ss)", (NAME, "NoSuch")),
         "org.freedesktop.DBus.Error.UnknownProperty"),
        ("org.freedesktop.DBus.Properties", "Get", GLib.Variant("(ss)", ("org.example.Other", "Plan")),
         "org.freedesktop.DBus.Error.UnknownInterface"),
        ("org.freedesktop.DBus.Properties", "Set", GLib.Variant("(ssv)", (NAME, "MaxBots", GLib.Variant("x", 9))),
         "org.freedesktop.DBus.Error.PropertyReadOnly")):
    error = error_of(interface, method, arguments)
    if error != wanted_error:
        faults.append(f"{interface}.{method}: {error}")

print("; ".join(faults) if faults else "as described")
