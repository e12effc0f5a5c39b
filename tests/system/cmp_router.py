# SPDX-License-Identifier: Apache-2.0
"""What the tests of CMP have in common: the router, the CA, and who stands before it."""

import pathlib
import subprocess
import sys

from machine import ADMIN

PKI = pathlib.Path(__file__).resolve().parent.parent / "pki"
sys.path.insert(0, str(PKI))
import scep_ca  # noqa: E402

LINES = ("subject-name CN=core.example,O=Example", "keypair ecdsanistp256 cmp-key", "serial-number none", "ip-address none")
PEM = scep_ca.serialization.Encoding.PEM


def booted(routers, name, folder):
    """A router with the key, and with the folder."""
    one = routers(name)
    one.wait_daemons()
    one.run(["chancery", "-c", "crypto key generate ecdsa nistp256 cmp-key"], ADMIN)
    one.run(["mkdir", "-p", folder])
    yield one
    one.stop()


def root_party():
    return scep_ca.Party("root", ca=True, usage=("key_cert_sign", "crl_sign", "digital_signature"))


def front(machine, program, folder):
    """One that prints its port, started in the router."""
    for name in ("cmp_front.py", program):
        machine.write(f"/tmp/{name}", (PKI / name).read_text())
    return machine.popen(["/usr/bin/python3", f"/tmp/{program}", folder], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
