# SPDX-License-Identifier: Apache-2.0
"""Clocks of single daemons that go ahead. A container has its machine's clock, and to set that is no test's business; so the daemon under test
is started with a library that adds to what the kernel says. See clock-shift.c."""

import struct

LIBRARY = "/usr/local/lib/clock-shift.so"
DROP_IN = "/run/systemd/system/chancery-{}.service.d/clock.conf"


class Clock:
    """with Clock(machine, build, ["keyd", "dossierd"]) as clock: clock.ahead("keyd", 86400)"""

    def __init__(self, machine, build, daemons):
        self.machine = machine
        self.daemons = daemons
        self.library = (build / "tests/clock-shift.so").read_bytes()

    def ahead(self, daemon, seconds):
        with self.machine.path(f"/run/clock-{daemon}").open("r+b") as file:
            file.write(struct.pack("=q", seconds))

    def restart(self):
        self.machine.run(["systemctl", "daemon-reload"])
        self.machine.run(["systemctl", "restart", *(f"chancery-{daemon}.service" for daemon in self.daemons)])
        self.machine.wait_daemons(self.daemons)

    def __enter__(self):
        self.machine.write(LIBRARY, self.library, 0o755)
        for daemon in self.daemons:
            path = f"/run/clock-{daemon}"
            self.machine.write(path, bytes(8))
            self.machine.write(DROP_IN.format(daemon), f"[Service]\nEnvironment=LD_PRELOAD={LIBRARY} CLOCK_SHIFT={path}\n")
        self.restart()
        return self

    def __exit__(self, *_):
        for daemon in self.daemons:
            self.machine.path(DROP_IN.format(daemon)).unlink()
        self.restart()
        for path in (LIBRARY, *(f"/run/clock-{daemon}" for daemon in self.daemons)):
            self.machine.path(path).unlink()
