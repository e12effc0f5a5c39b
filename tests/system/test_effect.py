# SPDX-License-Identifier: Apache-2.0
"""What the configuration says about other services of the system holds there: asked of the services themselves."""

import contextlib
import json
import os
import signal
import subprocess
import time

import pytest

from machine import MachineError, wait_for
from terminal import PATIENCE, rendered

FOLDER = "/var/lib/chancery-host"
OWN = "/etc/ssh/sshd_config.d/99-own.conf"  # the last word on MaxStartups
# How many of four connections get sshd's greeting, when none of them logs in.
GREETED = """
import socket, sys
connections = [socket.create_connection(("127.0.0.1", 22), 10) for _ in range(4)]
print(sum(c.recv(4) == b"SSH-" for c in connections))
"""
GREETING = """
import socket, sys
print(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10).recv(4).decode())
"""


@pytest.fixture(scope="module")
def host(routers):
    one = routers("effect")
    one.wait_daemons()
    yield one
    one.stop()


def commit(machine, *lines):
    """Returns what was said: "" when all went well."""
    done = machine.run(["chancery"], "admin", stdin="".join(f"{line}\n" for line in ("configure", *lines, "commit", "end")), check=False)
    return rendered(done.stdout + done.stderr) if done.returncode else ""


def rollback(machine):
    machine.chancery("rollback configuration last 1")


def last_commit(machine):
    return rendered(machine.chancery("show configuration commit list 1").stdout).splitlines()[-1]


def sshd_says(machine, key):
    return [line.split(" ", 1)[1] for line in machine.output(["sshd", "-T"]).splitlines() if line.startswith(f"{key} ")]


def greeted(machine):
    return machine.run(["/usr/bin/python3", "-c", GREETED], check=False).stdout.strip()


def greeting(machine, port):
    return machine.run(["/usr/bin/python3", "-c", GREETING, str(port)], check=False).stdout.strip()


def unread(machine):
    said = machine.output(["busctl", "--json=short", "get-property", "org.chancery.Host1", "/org/chancery/Host1", "org.chancery.Host1", "Unread"])
    return json.loads(said)["data"]


@contextlib.contextmanager
def own_file(machine, text):
    machine.write(OWN, text)
    try:
        yield
    finally:
        machine.run(["rm", OWN])


def test_rate_limit_that_another_file_overrides(host):
    before = last_commit(host)
    with own_file(host, "MaxStartups 7\n"):
        said = commit(host, "ssh server rate-limit 600")
    assert "ssh server rate-limit 600: It would have no effect: sshd's own configuration says MaxStartups 7:" in said
    assert last_commit(host) == before


def test_file_of_sshd_that_is_broken(host):
    with own_file(host, "Nonsense yes\n"):
        said = commit(host, "ssh server v2", "ssh server rate-limit 9")
    for line in ("ssh server v2", "ssh server rate-limit 9"):
        assert f"{line}: sshd does not accept it: " in said and OWN in said, said


def test_rate_limit(host):
    assert commit(host, "ssh server v2", "ssh server rate-limit 2") == ""
    assert sshd_says(host, "maxstartups") == ["2:100:2"]
    wait_for(lambda: greeted(host) == "2", "sshd to have read its configuration")
    rollback(host)
    assert sshd_says(host, "maxstartups") == ["10:30:100"]
    wait_for(lambda: greeted(host) == "4", "sshd to have read its configuration")


def test_sshd_that_does_not_run(host):
    reason = "It would have no effect: ssh.service is not running on this system (inactive)"
    host.run(["systemctl", "stop", "ssh.service"])
    try:
        assert f"ssh server v2: {reason}" in commit(host, "ssh server v2")
        host.run(["systemctl", "start", "ssh.service"])
        assert commit(host, "ssh server v2", "ssh server vrf default") == ""
        # What was accepted before does not keep the rest from being committed; what is new is asked for.
        host.run(["systemctl", "stop", "ssh.service"])
        assert f"ssh server rate-limit 9: {reason}" in commit(host, "ssh server rate-limit 9")
        said = commit(host, "snmp-server traps pki")
        assert "snmp-server traps pki: " in said and "ssh server v2" not in said
        assert commit(host, "no ssh server v2", "no ssh server vrf default") == ""
    finally:
        host.run(["systemctl", "start", "ssh.service"])


def test_vrf_that_is_not_there(host):
    # A device of that name is no VRF.
    for name in ("lo", "mgmt"):
        assert f"ssh server vrf {name}: There is no VRF '{name}' on this system" in commit(host, f"ssh server vrf {name}")
    assert commit(host, "ssh server vrf default") == ""
    rollback(host)


def test_netconf(host):
    lines = ("ssh server netconf vrf default", "netconf-yang agent", "ssh")
    said = commit(host, *lines)
    for line in ("ssh server netconf vrf default", "netconf-yang agent ssh"):
        assert f"{line}: There is no NETCONF server on this system" in said
    assert greeting(host, 830) == ""
    with own_file(host, "Subsystem netconf /bin/cat\nListenAddress 127.0.0.1\n"):
        said = commit(host, *lines)
        assert "ssh server netconf vrf default: sshd's own configuration says where it listens: ListenAddress 127.0.0.1:22" in said
    with own_file(host, "Subsystem netconf /bin/cat\n"):
        assert commit(host, *lines) == ""
        wait_for(lambda: greeting(host, 830) == greeting(host, 22) == "SSH-", "sshd to listen at both ports")
        rollback(host)
    wait_for(lambda: greeting(host, 830) == "" and greeting(host, 22) == "SSH-", "sshd to listen at one port")


def test_systemd_does_nothing_else_for_hostd(host):
    for words in (["restart", "ssh.service"], ["start", "snmpd.service"], ["stop", "chancery-policyd.service"], ["daemon-reload"]):
        refused = host.run(["systemctl", "--no-ask-password", *words], "chancery-hostd", check=False)
        assert refused.returncode != 0 and ("Access denied" in refused.stderr or "uthentication" in refused.stderr), words
    host.run(["systemctl", "--no-ask-password", "start", "chancery-check-sshd.service"], "chancery-hostd")
    with pytest.raises(MachineError):
        host.run(["systemctl", "--no-ask-password", "start", "chancery-check-sshd.service"], "chancery-policyd")


def test_killed_at_any_moment(host):
    """Checking, writing, telling sshd: whenever hostd dies, sshd has in the end what is committed."""
    for limit, pause in ((100, 0), (101, 0.03), (102, 0.08), (103, 0.15)):
        with host.console("admin") as console:
            console.prompt()
            console.command("configure")
            console.command(f"ssh server rate-limit {limit}")
            pid = host.daemon_pid("hostd")
            console.line("commit")
            time.sleep(pause)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            console.prompt(90)
        wait_for(lambda p=pid: host.daemon_pid("hostd") not in (0, p) and host.bus_owner("hostd"), "hostd to be back")
        wanted = f"ssh server rate-limit {limit}" in rendered(host.chancery("show running-config").stdout)
        wait_for(lambda w=wanted, n=limit: (sshd_says(host, "maxstartups") == [f"{n}:100:{n}"]) == w, "the last commit to be in effect")
        wait_for(lambda: unread(host) == [], "sshd to have been told")


def test_service_that_was_not_told(host):
    """Killed between writing the file and having it read: the note makes up for it."""
    reloads = "journalctl -b -u ssh.service -o cat | grep -c '^Reloaded'"
    before = int(host.output(reloads))
    host.run(["systemctl", "stop", "chancery-hostd.service"])
    host.run(["touch", f"{FOLDER}/sshd.unread"], "chancery-hostd")
    host.run(["systemctl", "start", "chancery-hostd.service"])
    wait_for(lambda: int(host.output(reloads)) > before, "sshd to be told")
    wait_for(lambda: unread(host) == [], "the note to go")


def test_after_a_reboot(host):
    """The files are there when the services start; nobody has to be told again."""
    assert commit(host, "ssh server rate-limit 2", "domain ipv4 host ca 192.0.2.7") == ""
    host.reboot(hard=True)
    host.wait_daemons()
    wait_for(lambda: greeted(host) == "2", "sshd to go by the file")
    assert addresses(host, "ca") == ["192.0.2.7"]
    assert unread(host) == []
    rollback(host)
    wait_for(lambda: greeted(host) == "4", "sshd to have read its configuration")


# --- Names of hosts -----------------------------------------------------------------------------------------------------


def addresses(machine, name):
    found = machine.run(["getent", "ahosts", name], check=False).stdout.splitlines()
    return list(dict.fromkeys(line.split()[0] for line in found))


def test_host_that_the_system_would_not_know(host):
    switch = host.read("/etc/nsswitch.conf").decode()
    host.write("/etc/nsswitch.conf", switch.replace(" chancery ", " "))
    try:
        said = commit(host, "domain ipv4 host ca 192.0.2.7")
    finally:
        host.write("/etc/nsswitch.conf", switch)
    assert "domain ipv4 host ca: The system would not know the name: 'hosts' in /etc/nsswitch.conf does not name the source 'chancery'" in said
    many = " ".join(f"192.0.2.{n}" for n in range(1, 10))
    assert "domain ipv4 host ca: A host can have at most 8 addresses" in commit(host, f"domain ipv4 host ca {many}")
    assert addresses(host, "ca") == []


def test_hosts(host):
    lines = ["domain name lab.example", "domain ipv4 host ca 192.0.2.7 192.0.2.8", "domain ipv4 host ns.lab.example 192.0.2.9",
             "domain ipv6 host ca 2001:db8::7", "hostname r1"]
    assert commit(host, *lines) == ""
    for name in ("ca", "ca.lab.example", "CA"):
        assert sorted(addresses(host, name)) == ["192.0.2.7", "192.0.2.8", "2001:db8::7"], name
    assert addresses(host, "ns") == addresses(host, "ns.lab.example") == ["192.0.2.9"]
    assert host.output(["getent", "hosts", "192.0.2.9"]).split() == ["192.0.2.9", "ns.lab.example"]
    assert host.output(["hostname", "--fqdn"]).strip() == "r1.lab.example"
    shown = rendered(host.chancery("show running-config domain").stdout)
    assert all(line in shown for line in lines[:4]), shown
    assert commit(host, "no domain ipv4 host ca") == ""
    assert addresses(host, "ca") == ["2001:db8::7"]
    rollback(host)
    assert sorted(addresses(host, "ca")) == ["192.0.2.7", "192.0.2.8", "2001:db8::7"]
    host.chancery("rollback configuration last 3")
    assert addresses(host, "ca") == addresses(host, "ns") == []


SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open("/run/test-host", "w") as seen:
            seen.write(self.headers["Host"])
        self.send_error(404)
    def log_message(self, *words):
        pass
server = http.server.HTTPServer(("127.0.0.9", 8099), Handler)
print("ready", flush=True)
server.handle_request()
"""


def test_download_from_a_host_of_the_configuration(host):
    """Refused twin first: without the line there is no such host."""
    said = host.chancery("crypto ca trustpool import url http://bundles:8099/x.pem", check=False)
    assert said.returncode != 0 and "Could not resolve host: bundles" in said.stdout + said.stderr
    assert commit(host, "domain ipv4 host bundles 127.0.0.9") == ""
    with host.popen(["/usr/bin/python3", "-c", SERVER], stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout.readline() == b"ready\n"
            said = host.chancery("crypto ca trustpool import url http://bundles:8099/x.pem", check=False)
            assert "404" in said.stdout + said.stderr, said
            assert host.read("/run/test-host") == b"bundles:8099"
        finally:
            server.kill()
    rollback(host)


# --- Sessions that nobody sits at ---------------------------------------------------------------------------------------


def wait_end(console, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not console.ended:
        assert time.monotonic() < end, "the session goes on"
        console.read_some(0.2)
    return rendered(console.transcript)


def test_sessions_go_on_without_a_timeout(host):
    assert commit(host, "line default", "exec-timeout 0 0", "session-timeout 0") == ""
    shown = rendered(host.chancery("show running-config line default").stdout)
    assert "line default\n exec-timeout 0 0\n session-timeout 0\n!" in shown
    with host.console("admin") as console:
        console.prompt()
        assert "UTC" in console.command("show clock")
    rollback(host)


def test_exec_timeout(host):
    assert commit(host, "line default exec-timeout 0 1") == ""
    with host.console("admin") as console:
        console.send("configu")  # half a line is no line
        assert "% There was no input for too long (line default exec-timeout): good bye" in wait_end(console)
    # Without a terminal a session takes as long as it takes.
    with host.popen(["chancery"], "admin", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as batch:
        time.sleep(2)
        batch.stdin.write(b"show clock\n")
        batch.stdin.close()
        assert b"UTC" in batch.stdout.read() and batch.wait() == 0
    rollback(host)


def test_what_nobody_answers(host):
    assert commit(host, "line default exec-timeout 0 1") == ""
    with host.console("admin", rows=10) as console:
        console.line("show crypto ca trustpool")
        assert "(line default exec-timeout)" in wait_end(console) and "--More--" in console.transcript
    with host.console("admin") as console:  # nor does a question for a secret wait for ever
        console.line("crypto ca trustpool import url sftp://somebody@127.0.0.1:9/bundle")
        assert "(line default exec-timeout)" in wait_end(console) and "Password:" in console.transcript
    rollback(host)


# --- SNMP ---------------------------------------------------------------------------------------------------------------

SYSTEM_NAME = "1.3.6.1.2.1.1.5.0"
# One notification, to what is configured: snmpd itself tells of its start (coldStart) and of its end.
TRAPS = """
import socket
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 162))
receiver.settimeout(60)
print("ready", flush=True)
while b"alerts" not in receiver.recv(4096):
    pass
print("seen", flush=True)
"""


def snmp_get(machine, community):
    return machine.run(["snmpget", "-v2c", "-c", community, "-t1", "-r1", "-Oqv", "127.0.0.1", SYSTEM_NAME], check=False).stdout.strip().strip('"')


def test_snmp(host):
    lines = ("snmp-server community lab-ro RO", "snmp-server host 127.0.0.1 traps version 2c alerts", "snmp-server traps pki")
    said = commit(host, *lines)
    for line in lines:
        assert f"{line}: It would have no effect: snmpd.service is not running on this system (inactive)" in said, said
    host.run(["systemctl", "start", "snmpd.service"])
    try:
        assert snmp_get(host, "lab-ro") == ""
        with host.popen(["/usr/bin/python3", "-c", TRAPS], stdout=subprocess.PIPE) as receiver:
            try:
                assert receiver.stdout.readline() == b"ready\n"
                assert commit(host, *lines) == ""
                assert receiver.stdout.readline() == b"seen\n"
            finally:
                receiver.kill()
        assert snmp_get(host, "lab-ro") == host.output(["hostname"]).strip()
        assert host.run(["cat", f"{FOLDER}/snmpd.conf"], "admin", check=False).returncode != 0
        shown = rendered(host.chancery("show running-config snmp-server traps").stdout)
        assert "snmp-server traps pki" in shown and "community" not in shown
        rollback(host)
        assert snmp_get(host, "lab-ro") == ""
        for name in ("lab-ro", "public"):
            told = host.run(["chancery"], "admin", stdin=f"configure\nsnmp-server community {name} RO\ncommit\nend\n").stderr
            assert ("% Warning: snmp-server community public RO: Everybody tries this name first" in told) == (name == "public")
        rollback(host)
        rollback(host)
    finally:
        host.run(["systemctl", "stop", "snmpd.service"])
