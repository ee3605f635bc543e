"""polkit for a test, by python-dbusmock: allows what it was told to, may keep callers waiting, and writes down each call."""
import dbus
from dbusmock import MOCK_IFACE

BUS_NAME = "org.freedesktop.PolicyKit1"
MAIN_OBJ = "/org/freedesktop/PolicyKit1/Authority"
MAIN_IFACE = "org.freedesktop.PolicyKit1.Authority"
SYSTEM_BUS = True


def load(mock, _parameters):
    mock.allowed = []
    mock.challenged = []
    mock.hang = False
    mock.hanging = []


def answer(mock, action):
    return (action in mock.allowed, action in mock.challenged, dbus.Dictionary({}, signature="ss"))


@dbus.service.method(MAIN_IFACE, in_signature="(sa{sv})sa{ss}us", out_signature="(bba{ss})",
                     async_callbacks=("ok", "_failed"))
def CheckAuthorization(self, subject, action, _details, flags, cancellation, ok, _failed):
    self.log(f"CheckAuthorization {subject[0]} {action} flags={flags} {cancellation}")
    if self.hang:
        self.hanging.append((ok, action))
    else:
        ok(answer(self, action))


@dbus.service.method(MAIN_IFACE, in_signature="s", out_signature="")
def CancelCheckAuthorization(self, cancellation):
    self.log(f"CancelCheckAuthorization {cancellation}")


@dbus.service.method(MOCK_IFACE, in_signature="as", out_signature="")
def SetAllowed(self, actions):
    self.allowed = actions


@dbus.service.method(MOCK_IFACE, in_signature="as", out_signature="")
def SetChallenged(self, actions):
    self.challenged = actions


@dbus.service.method(MOCK_IFACE, in_signature="b", out_signature="")
def SetHang(self, hang):
    self.hang = hang


@dbus.service.method(MOCK_IFACE, in_signature="", out_signature="b")
def IsHanging(self):
    return bool(self.hanging)


@dbus.service.method(MOCK_IFACE, in_signature="", out_signature="")
def Release(self):
    for ok, action in self.hanging:
        ok(answer(self, action))
    self.hanging = []
