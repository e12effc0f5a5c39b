# SPDX-License-Identifier: Apache-2.0
"""A dossier with other nodes in it: two routers with a wire between them, ssh with a key that stays in keyd; nodes that are down, refuse, are somebody else, say nothing,
rubbish or too much; and a container."""

import json
import subprocess

import pytest
from jwcrypto import jwk, jws

import workflow
from collector import Collector, root_certificate
from dossiers import read
from envelope import Envelope
from machine import wait_for
from test_inventory import blocks
from workflow import TASKGROUP, USERGROUP, USERNAME

HERE, THERE = "192.0.2.1", "192.0.2.2"
SHOW = "show platform security integrity dossier"
NODE = "0/RP1/CPU0"


def configure(machine, *lines):
    text = "".join(f"{line}\n" for line in ("configure", *lines, "commit", "end"))
    result = machine.run(["chancery"], "admin", stdin=text, check=False)
    return result.stdout + result.stderr


def wire(one, other):
    """A wire between the routers' networks."""
    def ip(machine, *words):
        subprocess.run(["nsenter", "-t", str(machine.leader), "-n", "ip", *words], check=True, capture_output=True)
    ip(one, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", str(other.leader))
    for machine, address in ((one, HERE), (other, THERE)):
        ip(machine, "addr", "add", f"{address}/24", "dev", "wire")
        ip(machine, "link", "set", "wire", "up")


def host_key(machine):
    return " ".join(machine.read("/etc/ssh/ssh_host_ed25519_key.pub").decode().split()[:2])


def node(name=NODE, host=THERE, key=None, **more):
    lines = {"host": host, "user": "dossier-user", "host-key": key, **more}
    return [f"dossier node {name}", *(f"{word.replace('_', '-')} {value}" for word, value in lines.items() if value is not None), "root"]


@pytest.fixture(scope="module")
def pair(routers):
    one, other = routers("node-one"), routers("node-two")
    for machine in (one, other):
        machine.wait_daemons()
        assert "Failed" not in configure(machine, *TASKGROUP, "root", *USERGROUP, "root", *USERNAME)
    wire(one, other)
    one.chancery("crypto key generate ed25519 nodes")
    assert "Failed" not in configure(one, "crypto key grant nodes", "keypair ed25519 nodes", "purpose ssh", "user chancery-node", "root",
                                     *node(key=host_key(other)))
    yield one, other
    one.stop()
    other.stop()


@pytest.fixture(scope="module")
def let_in(pair):
    """After the twin that is refused."""
    one, other = pair
    lines = one.run("chancery-ssh-agent ssh-add -L", "chancery-node").stdout
    assert lines.startswith("ssh-ed25519 ") and lines.count("\n") == 1
    other.run("mkdir -p /etc/ssh/authorized_keys.d")
    with other.path("/etc/ssh/authorized_keys.d/dossier-user").open("a") as file:
        file.write(lines)
    return pair


def collect(machine, rest, user="admin"):
    return read(machine.chancery(f"{SHOW} {rest}", user).stdout)


def entry(machine, rest):
    nodes = collect(machine, rest)["nodes"]
    assert len(nodes) == 1
    return nodes[0]


def in_time(collected):
    """Asked again while the node says that it had no time to answer, which a busy machine may make it say."""
    def answer():
        result = collected()
        codes = [there["result-code"] for there in result.get("nodes", [result])]
        return None if "Timeout" in codes else result
    return wait_for(answer, "a node that has time to answer")


@pytest.mark.parametrize("lines, why", [
    (node("0/bad", key="ssh-ed25519 AAAA"), "host-key: it is no public key"), (node("0/bad", key=None), "host-key: it is missing"),
    (node("0/bad", key="ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIBERERERERERERERERERERERERERERERERERERERERER"), "host-key: it is no public key"),
    (node("0/bad", host="-oProxyCommand=x"), "host: it is no name or address"), (node("0/bad", host=None, key=None), "host: it is missing"), (node("all"), "a node's name has"),
    (node("0/RP0/CPU0"), "this is the name of this node"), (node("0/bad", container="box"), "a container is not reached over ssh"), (node("../etc"), "a node's name has")])
def test_checked_at_commit(pair, lines, why):
    refused = configure(pair[0], *lines)
    assert "Failed" in refused and why in refused, refused


def test_refused_by_the_other(pair):
    """Its ssh server does not know the key yet: it says so, and this node's own part is whole."""
    dossier = collect(pair[0], "include packages location all nonce 7")
    assert dossier["packages"]["result-code"] == "Success"
    assert dossier["nodes"][0]["result-code"] == "Failed" and "Permission denied" in dossier["nodes"][0]["reason"] and "dossier" not in dossier["nodes"][0]


def test_whole(let_in):
    one, other = let_in
    selectors = "packages reboot-history rollback-history system-integrity-snapshot system-inventory"
    both = in_time(lambda: collect(one, f"include {selectors} location all nonce 0xC0FFEE"))
    assert both["packages"]["result-code"] == "Success" and both["nonce"] == "0xC0FFEE"
    there = both["nodes"][0]
    assert there["node-location"] == NODE and there["result-code"] == "Success", there.get("reason")
    assert there["dossier"]["nonce"] == "0xC0FFEE"
    assert there["dossier"]["packages"]["packages"] == both["packages"]["packages"]
    assert len(there["dossier"]["rollback-history"]["rollback-history"]["commits"]) < len(both["rollback-history"]["rollback-history"]["commits"])
    assert set(there["dossier"]) > set(selectors.split())
    # The wire's driver has been asked, which nobody but chancery-probe-interfaces may; it has no place for a transceiver.
    wires = [i for d in (both, there["dossier"]) for i in d["system-inventory"]["system-inventory"]["interfaces"] if i["name"] == "wire"]
    assert len(wires) == 2 and all(i["driver-version"] and "transceiver" not in [u["id"] for u in i.get("unavailable", [])] for i in wires), wires
    only = collect(one, f"location {NODE}")
    assert set(selectors.split()).isdisjoint(only) and set(only["nodes"][0]["dossier"]) > set(selectors.split())
    assert "nodes" not in collect(one, "include packages location 0/RP0/CPU0") and "nodes" not in collect(one, "include packages")


def test_tasks_are_those_of_the_user_there(let_in):
    """Who may not here is not asked for; who may here, but not as the user there, is told."""
    one = let_in[0]
    refused = one.chancery(f"{SHOW} include filesystem-inventory location {NODE}", "dossier-user", check=False)
    assert refused.returncode == 1 and "dossier (READ)" in refused.stderr and not refused.stdout.strip().startswith("{")
    there = entry(one, f"include filesystem-inventory location {NODE}")
    assert there["result-code"] == "Not available" and "The node says: " in there["reason"] and "dossier" in there["reason"]
    there = in_time(lambda: entry(one, f"include packages location {NODE}"))
    assert there["result-code"] == "Success", there.get("reason")


def test_inventory_of_both(let_in):
    """As the router's command has it: a member for each node, with its first block and their number."""
    one, other = let_in
    assert "Failed" not in configure(other, "taskgroup alltasks-dossier", "task read dossier")
    for machine in let_in:
        assert "Failed" not in configure(machine, "filesystem-inventory", "digest none", 'skip-list "/usr /var /root /home /opt"')
    for machine in let_in:
        wait_for(lambda machine=machine: blocks(machine), "the first snapshot")
    options = json.dumps({"0/RP0/CPU0": {"block_start": 0, "count": 1}, NODE: {"block_start": 0, "count": 1}})
    dossier = collect(one, f"include packages filesystem-inventory filesystem-inventory-options '{options}'")
    assert [n["node-location"] for n in dossier["filesystem-inventory"]["filesystem-inventory"]["nodes"]] == ["0/RP0/CPU0"]
    there = dossier["nodes"][0]["dossier"]
    assert "packages" in dossier and "packages" not in there
    assert len(there["filesystem-inventory"]["filesystem-inventory"]["nodes"][0]["snapshots"]) == 1
    options = json.dumps({NODE: {}})
    dossier = collect(one, f"include packages filesystem-inventory filesystem-inventory-options '{options}'")
    assert "filesystem-inventory" not in dossier and "filesystem-inventory" in dossier["nodes"][0]["dossier"]
    for wrong, where in (({"0/RP9/CPU0": {}}, '$["0/RP9/CPU0"]'), ({NODE: {"count": 0}}, f'$["{NODE}"].count'), ({NODE: {"blocks": 1}}, f'$["{NODE}"].blocks')):
        refused = one.chancery(f"{SHOW} include filesystem-inventory filesystem-inventory-options '{json.dumps(wrong)}'", check=False)
        assert refused.returncode == 1 and where in refused.stderr, refused.stderr
    refused = one.chancery(f"{SHOW} location 0/RP9/CPU0", check=False)
    assert refused.returncode == 1 and 'no node "0/RP9/CPU0"' in refused.stderr


SPEAKERS = {
    "silent": "sleep infinity",
    "rubbish": "head --bytes 100000 /dev/urandom | tr '\\n' x; sleep infinity",
    "not-a-bus": "printf 'Hello\\r\\n%.0s' $(seq 1000)",
    "endless-line": "tr '\\0' 'A' </dev/zero",
}


def test_nodes_that_do_not_behave(let_in):
    """Down, another host key, and whoever logs in there gets no bus but what its login shell likes to say. Each is told, and none is in the way of the good one."""
    one, other = let_in
    other.write("/usr/local/bin/speaker", ("#!/bin/sh\ncase $USER in\n" + "".join(f"{user}) {what} ;;\n" for user, what in SPEAKERS.items()) + "esac\n").encode(), 0o755)
    key = one.run("chancery-ssh-agent ssh-add -L", "chancery-node").stdout.encode()
    lines = []
    for name in SPEAKERS:
        other.run(["useradd", "--shell", "/usr/local/bin/speaker", "--create-home", name])
        other.run(["usermod", "--password", "*", name])
        other.write(f"/etc/ssh/authorized_keys.d/{name}", key)
        lines += node(f"0/{name}", key=host_key(other), user=name, timeout=None if name == "not-a-bus" else 2)
    lines += node("0/down", host="192.0.2.77", key=host_key(other), timeout=2)
    lines += node("0/closed", key=host_key(other), port=9)
    lines += node("0/other", key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBERERERERERERERERERERERERERERERERERERERERER")
    assert "Failed" not in configure(one, *lines)
    dossier = collect(one, "include packages location all")
    assert dossier["packages"]["result-code"] == "Success"
    nodes = {n["node-location"]: n for n in dossier["nodes"]}
    assert nodes[NODE]["result-code"] == "Success" and "dossier" in nodes.pop(NODE)
    assert all("dossier" not in n for n in nodes.values())
    codes = {name.removeprefix("0/"): n["result-code"] for name, n in nodes.items()}
    assert codes["silent"] == "Timeout" and codes["closed"] == codes["other"] == codes["not-a-bus"] == "Failed", nodes
    assert {codes["down"], codes["rubbish"], codes["endless-line"]} <= {"Timeout", "Failed"}
    assert "Connection refused" in nodes["0/closed"]["reason"] and "Host key verification failed" in nodes["0/other"]["reason"]
    assert "Failed" not in configure(one, *(f"no dossier node {name}" for name in nodes))


def test_afterwards(let_in):
    """With a dossierd there that has just been started; and how the table is shown."""
    one, other = let_in
    other.restart("dossierd")
    there = in_time(lambda: entry(one, f"include packages location {NODE}"))
    assert there["result-code"] == "Success", there.get("reason")
    shown = one.chancery("show running-config dossier").stdout
    assert f"dossier node {NODE}\n host {THERE}\n user dossier-user\n host-key ssh-ed25519 " in shown


def test_container(let_in):
    """What machined would say of a container: here processes with folders and numbers of their own, that see the router's bus."""
    one = let_in[0]
    assert "Failed" not in configure(one, "dossier node 0/box", "container box")
    there = entry(one, "include packages location 0/box")
    assert there["result-code"] == "Failed" and "cannot be reached" in there["reason"]
    inside = one.popen(["unshare", "--mount", "--pid", "--fork", "sh", "-c", "echo ready; read never"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert inside.stdout.readline() == "ready\n"
        leader = one.output(["pgrep", "-x", "-f", "sh -c echo ready; read never"]).split()[-1]
        one.write("/run/systemd/machines/box", f"NAME=box\nCLASS=container\nLEADER={leader}\n")
        there = in_time(lambda: entry(one, "include packages location 0/box nonce 9"))
        assert there["result-code"] == "Success" and there["dossier"]["nonce"] == "9", there.get("reason")
    finally:
        one.path("/run/systemd/machines/box").unlink(missing_ok=True)
        inside.stdin.close()
        inside.wait(60)


ED25519 = {"keypair rsa system-enroll-key": "keypair ed25519 system-enroll-key", "ca-keypair rsa system-root-key": "ca-keypair ed25519 system-root-key"}


def judge_by_reference(collector, dossier):
    """The other node is as the list of this one's packages says, or as little; and which node it is that says nothing is told."""
    listed = [{key: package[key] for key in ("name", "version", "architecture")} for package in dossier["packages"]["packages"]["dpkg"]["packages"]
              if package["status"].endswith(" installed")]

    def found(packages, *more):
        (collector.folder / "reference.json").write_text(json.dumps({"packages": {"dpkg": packages}}))
        result = collector.run(["chancery-verify", "--root", "root.pem", "--json", "--reference", "reference.json", *more, "dossier.json"])
        told = json.loads(result.stdout)
        assert (result.returncode, told["verdict"]) == (14, "not-as-reference"), told
        return told
    box = {"node": "0/box", "kind": "node", "name": "0/box", "problem": "not-collected", "expected": "Success", "found": "Failed"}
    one = listed[0]
    few = {"kind": "package", "name": f"{one['name']}:{one['architecture']}", "problem": "unexpected", "found": one["version"]}
    assert found(listed[1:])["deviations"] == [few, dict(few, node=NODE), box]
    told = found(listed, "--previous", "dossier.json")
    assert told["deviations"] == [box] and [(one["node"], one["change"]) for one in told["differences"]] == [("0/box", "not-compared")]


def test_signed_and_judged(let_in, build, tmp_path):
    """By a key of Ed25519, which refuses before it has a certificate. What the other node says stands under this one's signature, and is judged by itself: the
    one that answered, and the container, which is gone."""
    one = let_in[0]
    command = f"{SHOW} include packages location all nonce 0x1580 | utility sign nonce 0x1580 include-certificate"
    with one.console("admin") as console:
        console.prompt()
        for lines in (workflow.NAMES, [ED25519.get(line, line) for line in workflow.TRUSTPOINT]):
            workflow.commit(console, lines)
        for label in ("system-root-key", "system-enroll-key"):
            console.command(f"crypto key generate ed25519 {label}")
        workflow.authenticate(console)
        refused = one.chancery(command, check=False)
        assert refused.returncode != 0 and "payload" not in refused.stdout and "certificate" in refused.stdout + refused.stderr
        workflow.enroll(console)
    collector = Collector(tmp_path, root_certificate(one), build / "cli/verify")

    def judged():
        (collector.folder / "dossier.json").write_bytes(workflow.collect(one, command))
        result = collector.run(["chancery-verify", "--root", "root.pem", "--nonce", "0x1580", "--json", "dossier.json"])
        told = json.loads(result.stdout)
        assert (result.returncode, told["algorithm"]) == (0, "EdDSA"), told
        return told["nodes"]
    nodes = wait_for(lambda: [n for n in [judged()] if "Timeout" not in [one["result-code"] for one in n]], "a node that has time to answer")[0]
    assert [(n["node-location"], n["verdict"], n["result-code"], n.get("nonce")) for n in nodes] == [
        (NODE, "good", "Success", "0x1580"), ("0/box", "incomplete", "Failed", None)]
    assert nodes[0]["bytes"] > 1000 and "cannot be reached" in nodes[1]["reason"]
    envelope = Envelope((collector.folder / "dossier.json").read_bytes())
    collector.take_apart(envelope)
    judge_by_reference(collector, json.loads(envelope.payload))
    collector.openssl("verify", "-x509_strict", "-CAfile", "root.pem", "leaf.pem")
    collector.openssl("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "leaf.pub", "-sigfile", "signature.bin", "-in", "signed.txt")
    token = jws.JWS()
    token.deserialize((collector.folder / "dossier.json").read_text())
    token.verify(jwk.JWK.from_pem((collector.folder / "leaf.pub").read_bytes()), "EdDSA")
    assert json.loads(token.payload)["nodes"][0]["dossier"]["nonce"] == "0x1580"
