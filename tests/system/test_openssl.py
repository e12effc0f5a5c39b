# SPDX-License-Identifier: Apache-2.0
"""The OpenSSL provider: nginx and openssl serve TLS with a key that stays in keyd, as the configuration grants it, and no longer."""

import re
import signal

import pytest

from machine import wait_for
from test_grants import configure, grant

CNF = "/usr/share/chancery/openssl-chancery.cnf"
FOLDER = "/run/chancery-keyd/grants"
KEYS = {"p256": ("ecdsa nistp256", "ecdsanistp256 p256"), "ed": ("ed25519", "ed25519 ed"), "old": ("rsa", "rsa old")}
NGINX = """user www-data;
daemon on;
pid /run/tls-test.pid;
error_log /run/tls-test.log;
worker_processes 2;
events {}
http {
    access_log off;
    server {
        listen 127.0.0.1:8443 ssl;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate /run/tls-test/NAME.crt;
        ssl_certificate_key FOLDER/NAME.pem;
        location / { return 200 "served\\n"; }
    }
}
"""
CONNECT = "openssl s_client -connect 127.0.0.1:8443 -CAfile /run/tls-test/ca.crt -verify_return_error -brief -{} </dev/null 2>&1"


@pytest.fixture(scope="module")
def serving(routers):
    """Keys that are granted to www-data, certificates for them by a CA elsewhere, and what nginx serves them with."""
    machine = routers("openssl")
    machine.wait_daemons()
    for name, (words, _) in KEYS.items():
        machine.run(["chancery"], "admin", stdin=f"crypto key generate {words} {name}\n" + ("2048\n" if words == "rsa" else ""))
        assert "Failed" not in configure(machine, *grant(name, "tls", "user www-data", key=KEYS[name][1]))
    machine.run("mkdir -p /run/tls-test && cd /run/tls-test && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                "-keyout ca.key -subj /CN=test-ca -days 2 -out ca.crt 2>/dev/null")
    for name in KEYS:
        # The public half is in the file that stands for the key, for whoever has the provider.
        machine.run(f"cd /run/tls-test && OPENSSL_CONF={CNF} openssl pkey -in {FOLDER}/{name}.pem -pubout -out {name}.pub && "
                    f"openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=localhost -out x.csr 2>/dev/null && "
                    f"openssl x509 -req -in x.csr -CA ca.crt -CAkey ca.key -force_pubkey {name}.pub -days 2 -out {name}.crt 2>/dev/null")
        machine.write(f"/run/tls-test/{name}.conf", NGINX.replace("NAME", name).replace("FOLDER", FOLDER).encode(), 0o644)
    yield machine
    machine.stop()


def serve(machine, name):
    machine.run(f"OPENSSL_CONF={CNF} nginx -c /run/tls-test/{name}.conf")


def stop(machine):
    machine.run("kill -QUIT $(cat /run/tls-test.pid)", check=False)
    wait_for(lambda: not machine.path("/run/tls-test.pid").exists(), "nginx to end")


def test_without_the_provider_it_is_no_key(serving):
    said = serving.run(f"openssl pkey -in {FOLDER}/p256.pem -noout", check=False)
    assert said.returncode != 0
    said = serving.run(f"OPENSSL_CONF={CNF} openssl pkey -in {FOLDER}/p256.pem", check=False)
    assert said.returncode != 0 and "PRIVATE KEY" not in said.stdout  # there is no private half to print


def test_whom_nothing_is_granted_signs_nothing(serving):
    """Whoever reads the file: the key is used by those only to whom it is granted."""
    words = (f"OPENSSL_CONF={CNF} openssl s_server -accept 127.0.0.1:8444 -cert /run/tls-test/p256.crt -key {FOLDER}/p256.pem -naccept 1 -www "
             "& until ss -ltn | grep -q :8444; do sleep 0.1; done; "
             "openssl s_client -connect 127.0.0.1:8444 -brief </dev/null 2>&1; wait")
    said = serving.run(words, "root", check=False)
    assert "CONNECTION ESTABLISHED" not in said.stdout
    assert "this purpose is not for this caller" in said.stdout + said.stderr


@pytest.mark.parametrize("name", KEYS)
def test_nginx(serving, name):
    serve(serving, name)
    try:
        for version in ("tls1_3", "tls1_2"):
            said = serving.run(CONNECT.format(version), check=False).stdout
            assert "CONNECTION ESTABLISHED" in said and "Verification: OK" in said, said + serving.read("/run/tls-test.log").decode()
            if name == "old" and version == "tls1_3":
                assert re.search("Signature type: (RSA-PSS|rsa_pss_rsae_sha256)$", said, re.M)
        said = serving.run("curl --silent --cacert /run/tls-test/ca.crt --connect-to localhost:443:127.0.0.1:8443 https://localhost/", check=False)
        assert said.stdout == "served\n", said
    finally:
        stop(serving)


def test_keyd_may_be_restarted(serving):
    serve(serving, "p256")
    try:
        assert "CONNECTION ESTABLISHED" in serving.run(CONNECT.format("tls1_3"), check=False).stdout
        serving.kill("keyd", signal.SIGKILL)
        serving.wait_daemons(("keyd",))
        wait_for(lambda: "CONNECTION ESTABLISHED" in serving.run(CONNECT.format("tls1_3"), check=False).stdout, "nginx to serve again")
    finally:
        stop(serving)


def test_over_with_the_grant(serving):
    serve(serving, "ed")
    try:
        assert "CONNECTION ESTABLISHED" in serving.run(CONNECT.format("tls1_3"), check=False).stdout
        assert "Failed" not in configure(serving, "no crypto key grant ed")
        assert "CONNECTION ESTABLISHED" not in serving.run(CONNECT.format("tls1_3"), check=False).stdout
        assert not serving.path(f"{FOLDER}/ed.pem").exists() and serving.path(f"{FOLDER}/old.pem").exists()
    finally:
        stop(serving)


def test_file_follows_the_key(serving):
    before = serving.read(f"{FOLDER}/p256.pem")
    serving.run(["chancery"], "admin", stdin="crypto key generate ecdsa nistp256 p256\nyes\n")
    wait_for(lambda: serving.read(f"{FOLDER}/p256.pem") != before, "the file of the new key")
    serving.run(["chancery"], "admin", stdin="crypto key zeroize ecdsa nistp256 p256\nyes\n")
    wait_for(lambda: not serving.path(f"{FOLDER}/p256.pem").exists(), "the file to be gone with the key")
