# SPDX-License-Identifier: Apache-2.0
"""The trustpool on a booted router: bundles from servers inside it, imports that fail, kill -9, corrupt state, the exported file."""

import contextlib
import hashlib
import json
import random
import re
import signal
import subprocess
import time

import pytest

import pool_bundles
import workflow
from bundles import FOLDER, served
from clock import Clock
from machine import ADMIN, MachineError, wait_for
from terminal import rendered

BUS = ("org.chancery.TrustPool1", "/org/chancery/TrustPool1", "org.chancery.TrustPool1")
EXPORT = "/run/chancery-trust/ca-bundle.pem"
STATE = "/var/lib/chancery/poold/downloaded.json"
UPDATE = "/var/lib/chancery/poold/update.json"
P11_LIST = ["trust", "list", "--filter=ca-anchors"]


@pytest.fixture(scope="module")
def machine(routers):
    """A booted router only: these tests write into folders and files that elsewhere would be the host's."""
    one = routers("trustpool")
    one.wait_daemons()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return pool_bundles.certificates(tmp_path_factory.mktemp("trustpool"))


@pytest.fixture(scope="module")
def pool(machine, certificates):
    """The machine with bundles in FOLDER and a server for them."""
    for name, content in pool_bundles.bundles(certificates).items():
        machine.write(f"{FOLDER}/{name}", content)
    machine.run(["truncate", "-s", "50M", f"{FOLDER}/large"])
    with served(machine) as port:
        machine.pool_url = f"http://127.0.0.1:{port}"
        yield machine
    machine.chancery("crypto ca trustpool import url clean")


def number(machine, name):
    text = machine.output(["busctl", "--json=short", "get-property", *BUS, name])
    return json.loads(text)["data"]


def import_bundle(machine, url, check=True):
    return rendered(machine.chancery(f"crypto ca trustpool import url {url}", check=check).stdout)


def exported(machine):
    return machine.read(EXPORT).decode()


def state_of(machine):
    return number(machine, "BuiltIn"), number(machine, "Downloaded"), number(machine, "EarliestExpiry"), exported(machine)


def has(machine, certificate):
    return certificate.split("-----")[2].replace("\n", "") in exported(machine).replace("\n", "")


def test_built_in_only_at_first(pool):
    assert number(pool, "BuiltIn") > 100 and number(pool, "Downloaded") == 0
    assert exported(pool).count("-----BEGIN CERTIFICATE-----") == number(pool, "BuiltIn")
    # Everybody may read it, nobody but the daemon write.
    assert pool.run(["test", "-r", EXPORT], user=ADMIN, check=False).returncode == 0
    assert pool.run(["test", "-w", EXPORT], user=ADMIN, check=False).returncode != 0


@pytest.mark.parametrize("url", pool_bundles.REFUSED, ids=lambda url: url.replace("{http}", "").strip("/") or "folder")
def test_refused_bundle_changes_nothing(pool, url):
    """PEERS F30."""
    before = state_of(pool)
    result = pool.chancery(f"crypto ca trustpool import url {url.format(http=pool.pool_url)}", check=False)
    said = rendered(result.stdout + result.stderr)
    assert pool_bundles.REFUSED[url] in said and " imported, " not in said
    assert state_of(pool) == before


def test_server_that_stalls_is_left(pool):
    """Nothing waits for it but who has asked: others import meanwhile, and Ctrl-C ends the download too."""
    before = state_of(pool)
    server = pool.popen(["python3", "-c", pool_bundles.STALLS], stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline())
        with pool.ssh_console(ADMIN) as console:
            console.prompt()
            console.line(f"crypto ca trustpool import url http://127.0.0.1:{port}/")
            assert server.stdout.readline() == "stalls\n"
            assert number(pool, "BuiltIn") == before[0]
            console.send("\x03")
            console.expect("% Operation canceled")
            console.prompt()
        assert server.stdout.readline() == "left\n"
    finally:
        server.kill()
        server.wait()
    assert state_of(pool) == before


@pytest.mark.parametrize("url", ["file:///etc/ssl/certs/ca-certificates.crt", "sftp://127.0.0.1/", "http://someone:secret@127.0.0.1/", "http://"])
def test_refused_url(pool, url):
    before = state_of(pool)
    result = pool.run(["busctl", "call", *BUS, "Import", "sa{sv}", url, "0"], check=False)
    assert result.returncode and "Nothing can be imported" in result.stderr
    assert state_of(pool) == before


def test_import_replaces_the_downloaded_part(pool, certificates):
    assert "1 certificate imported, 0 rejected" in import_bundle(pool, f"{pool.pool_url}/one.pem")
    assert number(pool, "Downloaded") == 1 and has(pool, certificates["one"])
    assert "2 certificates imported, 2 rejected" in import_bundle(pool, f"{pool.pool_url}/mixed.pem")
    assert number(pool, "Downloaded") == 2
    assert not has(pool, certificates["one"]) and has(pool, certificates["two"]) and has(pool, certificates["three"])
    assert "2 certificates imported, 0 rejected" in import_bundle(pool, f"{pool.pool_url}/both.p7b")
    assert has(pool, certificates["one"]) and has(pool, certificates["two"]) and not has(pool, certificates["three"])
    shown = rendered(pool.chancery("show crypto ca trustpool").stdout)
    assert shown.count("Trustpool: Downloaded") == 2
    assert time.time() < number(pool, "EarliestExpiry") <= time.time() + 31 * 86400


def configured(machine, *lines):
    with machine.console(ADMIN) as console:
        console.prompt()
        assert "Failed" not in workflow.commit(console, lines)


def test_nested_containers_give_the_inner_roots(pool, certificates):
    """PEERS 0.3: never the signers, although the one of these is a CA."""
    assert "2 certificates imported, 0 rejected" in import_bundle(pool, f"{pool.pool_url}/nested.p7b")
    assert has(pool, certificates["one"]) and has(pool, certificates["two"]) and not has(pool, certificates["three"])
    assert "2 certificates imported, 0 rejected" in import_bundle(pool, f"{pool.pool_url}/signed.p7b")


def test_signer(pool, certificates):
    """With a signer configured, what is not signed under its certificate is not taken."""
    import_bundle(pool, f"{pool.pool_url}/both.p7b")
    der = subprocess.run(["openssl", "x509", "-outform", "DER"], input=certificates["three"].encode(), stdout=subprocess.PIPE, check=True).stdout
    configured(pool, "crypto ca trustpool policy", f"cabundle signer {hashlib.sha256(der).hexdigest()}", "exit")
    before = state_of(pool)
    for name, words in (("one.pem", "not one signed PKCS#7"), ("both.p7b", "it is not signed"), ("signed.p7b", "not signed by the configured signer")):
        result = pool.chancery(f"crypto ca trustpool import url {pool.pool_url}/{name} force", check=False)
        assert words in rendered(result.stdout + result.stderr) and state_of(pool) == before, name
    assert "2 certificates imported" in import_bundle(pool, f"{pool.pool_url}/nested.p7b")
    configured(pool, "no crypto ca trustpool policy")


def test_shrink_limit(pool):
    """PEERS F30."""
    import_bundle(pool, f"{pool.pool_url}/both.p7b")
    configured(pool, "crypto ca trustpool policy", "cabundle shrink-limit 49", "exit")
    before = state_of(pool)
    result = pool.chancery(f"crypto ca trustpool import url {pool.pool_url}/one.pem", check=False)
    assert "would replace 2 CA certificates by 1, a loss of more than 49%" in rendered(result.stdout + result.stderr)
    assert state_of(pool) == before
    assert "1 certificate imported" in import_bundle(pool, f"{pool.pool_url}/one.pem force")
    configured(pool, "no crypto ca trustpool policy")


def test_weak_keys(pool, certificates):
    pool.write(f"{FOLDER}/weak.pem", certificates["weak"] + certificates["one"])
    configured(pool, "crypto ca rsa 1024 disable")
    said = import_bundle(pool, f"{pool.pool_url}/weak.pem")
    assert "Certificate 1 rejected, it has an RSA key of 1024 bits or less: CN=weak,O=Trustpool Test" in said
    assert number(pool, "Downloaded") == 1 and not has(pool, certificates["weak"])
    configured(pool, "no crypto ca rsa 1024 disable")
    assert "2 certificates imported" in import_bundle(pool, f"{pool.pool_url}/weak.pem")
    # What is there already becomes inactive with the line, and active again without it.
    assert has(pool, certificates["weak"])
    configured(pool, "crypto ca rsa 1024 disable")
    assert not has(pool, certificates["weak"]) and number(pool, "Downloaded") == 2
    shown = rendered(pool.chancery("show crypto ca trustpool subject CN=weak").stdout)
    assert shown.count("CA certificate") == 1 and "Inactive, its RSA key has 1024 bits or less" in shown
    configured(pool, "no crypto ca rsa 1024 disable")
    assert has(pool, certificates["weak"])


def test_import_from_a_file_and_from_the_terminal(pool, certificates):
    """The file is opened as the user: what that user cannot read is not read."""
    pool.write("/root/trustpool-one.pem", certificates["one"])
    before = state_of(pool)
    result = pool.chancery("crypto ca trustpool import url file:///root/trustpool-one.pem", check=False)
    assert "cannot be opened" in result.stdout + result.stderr and state_of(pool) == before
    pool.write("/srv/trustpool-one.pem", certificates["one"])
    pool.run(["chmod", "644", "/srv/trustpool-one.pem"])
    assert "1 certificate imported" in import_bundle(pool, "file:///srv/trustpool-one.pem force")
    with pool.console(ADMIN) as console:
        console.prompt()
        console.line("crypto ca trustpool import terminal")
        console.expect("quit")
        for line in (certificates["two"] + certificates["three"]).splitlines():
            console.line(line)
        console.line("quit")
        console.prompt()
        assert "2 certificates imported" in rendered(console.before)
    policy = json.loads(pool.chancery("show crypto ca trustpool policy | json").stdout)
    assert policy["source"] == "terminal" and policy["downloaded"] == 2 and policy["cabundle-shrink-limit"] == 50


def test_same_subject_is_inactive_until_clean(pool):
    """The system's own list as a bundle: every one of them takes the place of its built-in twin."""
    before = number(pool, "BuiltIn")
    pool.run(["cp", "/etc/ssl/certs/ca-certificates.crt", f"{FOLDER}/system.pem"])
    import_bundle(pool, f"{pool.pool_url}/system.pem")
    downloaded = number(pool, "Downloaded")
    assert number(pool, "BuiltIn") == before and before - 10 < downloaded <= before
    # Expired built-in ones have no twin, for an import does not take those.
    assert exported(pool).count("-----BEGIN CERTIFICATE-----") == before
    assert f"{downloaded} downloaded certificates removed" in rendered(pool.chancery("crypto ca trustpool import url clean").stdout)
    assert number(pool, "Downloaded") == 0 and exported(pool).count("-----BEGIN CERTIFICATE-----") == before
    assert pool.run(["test", "-e", STATE], check=False).returncode


def test_mozilla_bundle_in_every_form(pool, certificates):
    """The certificates of Debian's ca-certificates: as they are, as PKCS#7, and as vendors publish theirs, signed around another PKCS#7."""
    pool.write(f"{FOLDER}.tls/three.pem", certificates["three"])
    pool.write(f"{FOLDER}.tls/three.key", certificates["three.key"])
    pool.run(f"""cd {FOLDER} && cp /etc/ssl/certs/ca-certificates.crt mozilla.pem &&
        openssl crl2pkcs7 -nocrl -certfile mozilla.pem -outform DER -out mozilla.der.p7b && openssl crl2pkcs7 -nocrl -certfile mozilla.pem -out mozilla.pem.p7b &&
        openssl cms -sign -binary -nodetach -in mozilla.der.p7b -signer ../trustpool-test.tls/three.pem -inkey ../trustpool-test.tls/three.key -outform DER \
            -out mozilla.nested.p7b""")
    results = {}
    for form in ("pem", "der.p7b", "pem.p7b", "nested.p7b"):
        import_bundle(pool, f"{pool.pool_url}/one.pem force")
        said = import_bundle(pool, f"{pool.pool_url}/mozilla.{form}").splitlines()[-1]
        blocks = re.findall("-----BEGIN.*?-----END", exported(pool), re.S)
        results[form] = (said, number(pool, "Downloaded"), sorted(blocks))
        assert number(pool, "Downloaded") > 100 and not has(pool, certificates["three"])
    assert all(result == results["pem"] for result in results.values())
    pool.chancery("crypto ca trustpool import url clean")


def test_https_needs_a_ca_of_the_pool(pool, certificates):
    pool.write(f"{FOLDER}.tls/server.pem", certificates["server"])
    pool.write(f"{FOLDER}.tls/server.key", certificates["server.key"])
    pool.chancery("crypto ca trustpool import url clean")
    with served(pool, f"{FOLDER}.tls/server.pem", f"{FOLDER}.tls/server.key") as port:
        result = pool.chancery(f"crypto ca trustpool import url https://127.0.0.1:{port}/both.p7b", check=False)
        assert "certificate" in result.stdout + result.stderr and number(pool, "Downloaded") == 0
        import_bundle(pool, f"{pool.pool_url}/one.pem")
        result = pool.chancery(f"crypto ca trustpool import url https://127.0.0.1:{port}/both.p7b", check=False)
        assert "is not accepted: unable to get certificate CRL" in rendered(result.stdout + result.stderr) and number(pool, "Downloaded") == 1
        configured(pool, "crypto ca trustpool policy", "crl optional", "exit")
        assert "2 certificates imported" in import_bundle(pool, f"https://127.0.0.1:{port}/both.p7b")
        configured(pool, "no crypto ca trustpool policy")


VSFTPD = "listen=YES\nanonymous_enable=YES\nanon_root=%s\nseccomp_sandbox=NO\nrun_as_launching_user=NO\nbackground=NO\n"


def test_ftp_and_tftp(pool, certificates):
    """By the servers that Debian has."""
    pool.run(["chmod", "755", FOLDER])
    for scheme, words in {"tftp": ["in.tftpd", "--foreground", "--ipv4", "--user", "tftp", "--secure", "--address", ":69", FOLDER],
                          "ftp": ["vsftpd", "/root/vsftpd.conf"]}.items():
        pool.write("/root/vsftpd.conf", VSFTPD % FOLDER)
        import_bundle(pool, f"{pool.pool_url}/one.pem force")
        pool.run(["systemd-run", "--quiet", f"--unit=test-{scheme}", *words])
        url = f"{scheme}://127.0.0.1"
        wait_for(lambda url=url: "2 certificates imported" in import_bundle(pool, f"{url}/both.p7b", check=False), f"{scheme} to serve")
        assert has(pool, certificates["two"])
        before = state_of(pool)
        for name, words in {"missing": "cannot be downloaded", "large": "larger than 48 MiB", "page.html": "neither PEM nor PKCS#7"}.items():
            if (scheme, name) != ("tftp", "large"):  # 100,000 round trips
                result = pool.chancery(f"crypto ca trustpool import url {url}/{name}", check=False)
                assert words in rendered(result.stdout + result.stderr) and state_of(pool) == before
        pool.run(["systemctl", "stop", f"test-{scheme}"])


SSHD = ["/usr/sbin/sshd", "-D", "-f", "/dev/null", "-h", "/root/host_key", "-p", "2222", "-o", "ListenAddress=127.0.0.1", "-o", "UsePAM=no", "-o", "PidFile=none",
        "-o", "Subsystem=sftp internal-sftp"]
PASSWORD = "a secret%1"


def test_sftp_and_scp(pool, certificates):
    """By OpenSSH: a host key that is not the one that was named gets no password, and a wrong password no bundle."""
    pool.run(["useradd", "--create-home", "--shell", "/bin/sh", "bundles"])
    pool.run(["chpasswd"], stdin=f"bundles:{PASSWORD}\n")
    pool.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/host_key"])
    right = pool.output(["ssh-keygen", "-l", "-f", "/root/host_key.pub"]).split()[1]
    wrong = "SHA256:" + "A" * 43
    pool.run(["chmod", "-R", "a+rX", FOLDER])
    pool.run(["systemd-run", "--quiet", "--unit=test-sshd", *SSHD])
    import_bundle(pool, f"{pool.pool_url}/one.pem force")
    before = state_of(pool)

    def command(words, password=PASSWORD):
        result = pool.chancery(f"crypto ca trustpool {words}", check=False, stdin=password + "\n")
        assert PASSWORD not in result.stdout + result.stderr
        return rendered(result.stdout + result.stderr)

    url = f"sftp://bundles@127.0.0.1:2222{FOLDER}/both.p7b"
    wait_for(lambda: f"host key is {right}, which is not the one that is known: refused" in command(f"import url {url} host-key {wrong}"), "sshd")
    assert "host key is not known" in command(f"import url {url}")
    assert "as ssh-keygen -l shows it" in command(f"import url {url} host-key {right[:-1]}")
    assert "lets nobody in with this user and password" in command(f"import url {url} host-key {right}", "wrong")
    assert "No such file" in command(f"import url {url}x host-key {right}")
    assert "no user before the host" in command(f"import url {url.replace('bundles@', '')} host-key {right}")
    assert "holds a password" in command(f"import url {url.replace('bundles', 'bundles:x')} host-key {right}")
    assert "larger than 48 MiB" in command(f"import url sftp://bundles@127.0.0.1:2222{FOLDER}/large host-key {right}")
    assert "only sftp and scp" in command(f"import url {pool.pool_url}/one.pem host-key {right}")
    assert state_of(pool) == before
    assert "2 certificates in the bundle" in command(f"diff url {url} host-key {right}")
    assert "2 certificates imported" in command(f"import url {url} host-key {right}")
    assert has(pool, certificates["two"])
    # The configured one counts where none is named. Nobody could enter a password when the pool renews itself.
    configured(pool, "crypto ca trustpool policy", f"cabundle host-key {right}", "exit")
    assert "1 certificate imported" in command(f"import url scp://bundles@127.0.0.1:2222{FOLDER}/one.pem force")
    assert f"CA Bundle Host Key: {right}" in rendered(pool.chancery("show crypto ca trustpool policy").stdout)
    with pool.console(ADMIN) as console:
        console.prompt()
        for line in ("configure", "crypto ca trustpool policy", f"cabundle url {url}", "exit"):
            console.command(line)
        assert "Failed to commit" in console.command("commit")
        assert "somebody has to be there to enter the password" in rendered(console.command("show configuration failed"))
        console.command("end", [(r"\[cancel\]: ?", "no")])
    configured(pool, "no crypto ca trustpool policy")
    assert PASSWORD not in pool.output(["journalctl", "--boot", "--no-pager", "--output=verbose"])
    pool.run(["systemctl", "stop", "test-sshd"])


NGINX = """pid /run/test-nginx.pid; daemon off; error_log stderr;
events {{}} http {{ access_log /srv/nginx.log; server {{ listen 127.0.0.1:8081; listen 127.0.0.1:8443 ssl; root {folder};
ssl_certificate {folder}.tls/server.pem; ssl_certificate_key {folder}.tls/server.key; }} }}"""


HTTPS = "https://127.0.0.1:8443/current.p7b"


def renewals(machine):
    """What the daemon has said about renewals."""
    return machine.output(["journalctl", "--boot", "--output=cat", "--unit=chancery-poold"])


def replacements(machine):
    """How often the pool was replaced. Told when an import has ended: the exported file is written before, when another one is still refused."""
    return renewals(machine).count("Trustpool replaced by ")


def make_due(machine, what="attempt"):
    """As if the last one had been long ago; the next one happens when the daemon has started and has its configuration."""
    state = json.loads(machine.read(UPDATE))
    machine.run(["systemctl", "stop", "chancery-poold"])
    machine.write(UPDATE, json.dumps({**state, what: 0}))
    machine.run(["systemctl", "start", "chancery-poold"])


def test_renewal(pool, certificates):
    """PEERS F25: a CA that is about to expire has the bundle fetched again; by nginx, whose ETag says when there is nothing new."""
    pool.write("/root/nginx.conf", NGINX.format(folder=FOLDER))
    pool.run(["cp", f"{FOLDER}/both.p7b", f"{FOLDER}/current.p7b"])
    pool.run(["chmod", "-R", "a+rX", FOLDER])
    pool.write(f"{FOLDER}.tls/server.pem", certificates["server"])
    pool.write(f"{FOLDER}.tls/server.key", certificates["server.key"])
    pool.run(["systemd-run", "--quiet", "--unit=test-nginx", "nginx", "-c", "/root/nginx.conf"])
    configured(pool, "crypto ca trustpool policy", "cabundle url http://127.0.0.1:8081/current.p7b", "crl optional", "exit")
    wait_for(lambda: "2 certificates imported" in import_bundle(pool, "http://127.0.0.1:8081/current.p7b", check=False), "nginx")
    # 30 days to go: nothing is done before the 20th. What had expired before the daemon was first started is nobody's concern.
    expiry = number(pool, "EarliestExpiry")
    policy = json.loads(pool.chancery("show crypto ca trustpool policy | json").stdout)
    assert time.time() < policy["next-update"] <= time.time() + 11 * 86400 and expiry != policy["next-update"]

    # A bundle with a CA that expires tomorrow, which the server has already replaced.
    import_bundle(pool, f"{pool.pool_url}/soon.pem")
    assert number(pool, "Downloaded") == 2 and has(pool, certificates["soon"])
    wait_for(lambda: f"imported from {pool.pool_url}/soon.pem" in renewals(pool), "the journal")
    before = replacements(pool)
    make_due(pool)
    wait_for(lambda: replacements(pool) > before, "the renewal")
    assert has(pool, certificates["two"]) and not has(pool, certificates["soon"])
    assert renewals(pool).rsplit("Trustpool replaced by ", 1)[1].count("imported from http://127.0.0.1:8081/current.p7b") == 1

    # The server's bundle has it too, and is the one that is there: asked for, not sent again.
    pool.write(f"{FOLDER}/current.p7b", certificates["soon"] + certificates["one"])
    pool.run(["chmod", "a+r", f"{FOLDER}/current.p7b"])
    import_bundle(pool, "http://127.0.0.1:8081/current.p7b")
    make_due(pool)
    wait_for(lambda: "is still the one that was imported" in renewals(pool), "an answer that nothing is new")
    assert " 304 " in pool.read("/srv/nginx.log").decode() and has(pool, certificates["soon"])
    # And over https, by a CA of the pool.
    configured(pool, "crypto ca trustpool policy", f"cabundle url {HTTPS}", "exit")
    import_bundle(pool, HTTPS)
    make_due(pool)
    wait_for(lambda: f"{HTTPS} is still the one that was imported" in renewals(pool), "the same over https")
    assert has(pool, certificates["soon"])

    # A server that is gone: said, and tried again in an hour.
    pool.run(["systemctl", "stop", "test-nginx"])
    make_due(pool)
    wait_for(lambda: "TRUSTPOOL_UPDATE_FAILED" in renewals(pool), "a failure")
    assert has(pool, certificates["soon"])
    policy = json.loads(pool.chancery("show crypto ca trustpool policy | json").stdout)
    assert time.time() + 3000 < policy["next-update"] <= time.time() + 3601


def test_warning_without_url(pool, certificates):
    configured(pool, "no crypto ca trustpool policy")
    import_bundle(pool, f"{pool.pool_url}/soon.pem force")
    make_due(pool, "warning")
    wait_for(lambda: json.loads(pool.read(UPDATE))["warning"] > 0, "the warning")
    wait_for(lambda: "TRUSTPOOL_NO_URL" in renewals(pool), "its message")
    assert number(pool, "NextUpdate") == 0
    # Not again before tomorrow, whatever happens.
    before = json.loads(pool.read(UPDATE))["warning"]
    kill_poold(pool)
    import_bundle(pool, f"{pool.pool_url}/soon.pem force")
    configured(pool, "crypto ca rsa 1024 disable")
    configured(pool, "no crypto ca rsa 1024 disable")
    assert json.loads(pool.read(UPDATE))["warning"] == before


def alerts(machine, name):
    """What was said of the expiry of a CA."""
    return re.findall(rf"TRUSTPOOL_(EXPIR\w+) : CA certificate .* Subject name= CN={name},.*Time Left= (\d+) days", renewals(machine))


def test_expiry_alerts(pool, build):
    """The pool's own: each once, over restarts, kills and a clock that jumps ahead and back; and none of what a renewal replaces in time."""
    day = 86400
    import_bundle(pool, f"{pool.pool_url}/one.pem force")
    assert not alerts(pool, "one")
    with Clock(pool, build, ["poold"]) as clock:
        def jump(days, *said):
            """By a restart, or while it runs; a call wakes it up, as the clock itself would."""
            clock.ahead("poold", int(days * day))
            wait_for(lambda: number(pool, "Active") and alerts(pool, "one") == [*before, *said], f"the alerts {said}")
            before.extend(said)

        before = []
        clock.ahead("poold", 12 * day)
        pool.restart("poold")
        jump(12, ("EXPIRING", "17"))
        kill_poold(pool)
        # Four of the moments have passed, and are told once.
        jump(26.5, ("EXPIRING", "3"))
        pool.restart("poold")
        jump(40, ("EXPIRED", "0"))
        # Set back, it is told again, in its time.
        clock.ahead("poold", int(26.5 * day))
        pool.restart("poold")
        wait_for(lambda: number(pool, "Active") and json.loads(pool.read(UPDATE))["alert"] < time.time() + 30 * day, "the clock to be noticed")
        jump(27.5, ("EXPIRING", "2"))
        clock.ahead("poold", 0)
        pool.restart("poold")
        wait_for(lambda: number(pool, "Active") and json.loads(pool.read(UPDATE))["alert"] < time.time() + day, "the clock to be right again")
        # A CA that is new to the pool is told at once when its days are numbered, and not for a second time when it is renewed in vain.
        import_bundle(pool, f"{pool.pool_url}/soon.pem force")
        assert alerts(pool, "soon")[-1][0] == "EXPIRING" and alerts(pool, "one") == before
        # The renewal at the moment of an alert comes first: what it replaces is not told.
        import_bundle(pool, f"{pool.pool_url}/one.pem force")
        configured(pool, "crypto ca trustpool policy", f"cabundle url {pool.pool_url}/later.pem", "exit")
        replaced = replacements(pool)
        clock.ahead("poold", 12 * day)
        pool.restart("poold")
        wait_for(lambda: replacements(pool) > replaced, "the renewal")
        assert number(pool, "Downloaded") == 1 and alerts(pool, "one") == before
    configured(pool, "no crypto ca trustpool policy")
    import_bundle(pool, f"{pool.pool_url}/one.pem force")


def test_diff_changes_nothing(pool, certificates):
    pool.write(f"{FOLDER}/next.pem", certificates["one"] + certificates["renewed"] + certificates["three"])
    pool.write(f"{FOLDER}/weakened.pem", certificates["one"] + certificates["two, weaker"] + certificates["weak"])
    pool.write(f"{FOLDER}/three-and-two.pem", certificates["two"] + certificates["weak"] + certificates["one"])
    import_bundle(pool, f"{pool.pool_url}/three-and-two.pem force")
    before = state_of(pool)
    result = pool.chancery(f"crypto ca trustpool diff url {pool.pool_url}/page.html", check=False)
    assert "neither PEM nor PKCS#7" in result.stdout + result.stderr
    said = rendered(pool.chancery(f"crypto ca trustpool diff url {pool.pool_url}/next.pem").stdout).splitlines()
    assert [line[:2] for line in said[:3]] == ["~ ", "+ ", "- "]
    assert "CN=two" in said[0] and ", another key" in said[0] and "CN=three" in said[1] and "CN=weak" in said[2]
    assert said[3] == "3 certificates in the bundle, 0 rejected, 3 changes"
    said = rendered(pool.chancery(f"crypto ca trustpool diff url {pool.pool_url}/weakened.pem").stdout).splitlines()
    assert said[0].startswith("~ CN=two") and said[0].endswith(", another key, weaker: 80 bits instead of 128") and "1 change" in said[1], said
    changes = json.loads(pool.chancery(f"crypto ca trustpool diff url {pool.pool_url}/weakened.pem | json").stdout)
    assert [entry["change"] for entry in changes] == ["weakened"]
    assert state_of(pool) == before


def test_diff_tells_who_would_be_lost(pool, certificates):
    """A trustpoint whose CA leads to the pool, and the https server that updates come from."""
    pool.write(f"{FOLDER}/one-and-two.pem", certificates["one"] + certificates["two"])
    pool.write(f"{FOLDER}/all.pem", certificates["one"] + certificates["two"] + certificates["three"] + certificates["soon"])
    der = subprocess.run(["openssl", "x509", "-outform", "DER"], input=certificates["one"].encode(), stdout=subprocess.PIPE, check=True).stdout
    configured(pool, "crypto ca trustpoint lost", "enrollment terminal", "crl optional", "exit")
    pool.chancery(f"crypto ca authenticate lost fingerprint {hashlib.sha256(der).hexdigest()}", stdin=certificates["one"] + "quit\n")
    import_bundle(pool, f"{pool.pool_url}/all.pem force")
    before = state_of(pool)
    pool.write(f"{FOLDER}.tls/server.pem", certificates["server"])
    pool.write(f"{FOLDER}.tls/server.key", certificates["server.key"])

    def diff(name):
        return rendered(pool.chancery(f"crypto ca trustpool diff url {pool.pool_url}/{name}").stdout)

    with served(pool, f"{FOLDER}.tls/server.pem", f"{FOLDER}.tls/server.key") as port:
        configured(pool, "crypto ca trustpool policy", f"cabundle url https://127.0.0.1:{port}/both.p7b", "exit")
        said = diff("one-and-two.pem")
        assert "would stop validating" not in said and "needs force" not in said and "2 changes" in said
        said = diff("three.pem")
        assert "! Trustpoint lost would stop validating wherever the pool alone is trusted: " in said
        assert f"! https://127.0.0.1:{port}/both.p7b would stop validating: " in said
        assert "2 of the trustpoints and peers would stop validating" in said and "the import needs force" in said
        report = json.loads(pool.chancery(f"crypto ca trustpool diff url {pool.pool_url}/three.pem | json").stdout)
        assert [entry["change"] for entry in report] == ["removed"] * 3 + ["trustpoint-lost", "peer-lost"]
    # A server that is not to be reached anyway is not lost by an import.
    configured(pool, "crypto ca trustpool policy", "cabundle url https://127.0.0.1:1/both.p7b", "exit")
    assert "1 of the trustpoints and peers" in diff("three.pem")
    assert state_of(pool) == before
    pool.run(["chancery"], ADMIN, stdin="configure\nno crypto ca trustpool policy\nno crypto ca trustpoint lost\ncommit force\nend\n")


def test_verify(pool, certificates):
    """The verdicts themselves are in tests/pki; here: who asks, with what, and what the policy has to do with it."""
    pool.write("/srv/chain.pem", certificates["server"])
    pool.run(["chmod", "a+r", "/srv/chain.pem"])

    def verify(words):
        result = pool.chancery(f"crypto ca trustpool verify url file:///srv/chain.pem {words}", check=False)
        return result.returncode, rendered(result.stdout + result.stderr)

    import_bundle(pool, f"{pool.pool_url}/three.pem force")
    status, said = verify("revocation none")
    assert status and "not valid: unable to get local issuer certificate" in said
    import_bundle(pool, f"{pool.pool_url}/one.pem force")
    status, said = verify("revocation none name 127.0.0.1")
    assert status == 0 and "The certificate is valid" in said, said
    status, said = verify("revocation none name 127.0.0.2")
    assert status and "IP address mismatch" in said
    # Revocation is enforced unless it is said to be optional.
    status, said = verify("")
    assert status and "unable to get certificate CRL" in said
    configured(pool, "crypto ca trustpool policy", "crl optional", "exit")
    assert verify("")[0] == 0
    status, said = verify("revocation required")
    assert status and "unable to get certificate CRL" in said
    configured(pool, "no crypto ca trustpool policy")


def test_exports(pool, certificates):
    """What other programs make of the exported pool, before and after it has the CA that they need."""
    pool.write(f"{FOLDER}.tls/server.pem", certificates["server"])
    pool.write(f"{FOLDER}.tls/server.key", certificates["server.key"])
    pool.write("/srv/trustpool-server.pem", certificates["server"])
    pool.run(["chmod", "a+r", "/srv/trustpool-server.pem"])
    with served(pool, f"{FOLDER}.tls/server.pem", f"{FOLDER}.tls/server.key") as port:
        programs = {
            "curl": ["curl", "--silent", "--show-error", "--cacert", EXPORT, "--capath", "/nonexistent", f"https://127.0.0.1:{port}/one.pem"],
            "openssl": ["openssl", "verify", "-no-CAfile", "-no-CAstore", "-CApath", "/run/chancery-trust/certs", "/srv/trustpool-server.pem"],
            "gnutls": ["gnutls-cli", f"--x509cafile={EXPORT}", "--port", str(port), "127.0.0.1"],
        }
        pool.run(["mkdir", "-p", "/etc/pkcs11/modules"])
        pool.run(["ln", "-s", "/usr/share/chancery/chancery-trust.module", "/etc/pkcs11/modules/"])
        import_bundle(pool, f"{pool.pool_url}/three.pem force")
        for name, words in programs.items():
            assert pool.run(words, user=ADMIN, check=False).returncode, name
        listed = pool.output(P11_LIST, user=ADMIN)
        assert "label: three" in listed and "label: one" not in listed
        signals = pool.popen(["busctl", "monitor", "--match=type='signal',member='Changed',interface='org.chancery.TrustPool1'"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert "Monitoring" in signals.stdout.readline()
        import_bundle(pool, f"{pool.pool_url}/one.pem force")
        while "Member=Changed" not in signals.stdout.readline():
            assert signals.poll() is None
        signals.kill()
        signals.wait()
        for name, words in programs.items():
            result = pool.run(words, user=ADMIN, check=False)
            assert result.returncode == 0, (name, result.stdout, result.stderr)
        listed = pool.output(P11_LIST, user=ADMIN)
        assert "label: one" in listed and "label: three" not in listed
        # The date from which on a CA is distrusted gets through to p11-kit.
        date = "nss-server-distrust-after: \"%32%33%31%31%31%34%32%32%31%33%32%30%5a\"\n"
        assert "nss-server-distrust-after: \"%32" not in pool.output(["trust", "dump"], user=ADMIN).lower()
        pool.write("/usr/share/chancery/trustpool/dated.p11-kit", f"[p11-kit-object-v1]\ntrusted: true\n{date}{certificates['two']}")
        pool.restart("poold")
        pool.wait_daemons()
        dumped = pool.output(["trust", "dump"], user=ADMIN)
        assert "nss-server-distrust-after: \"231114221320Z\"" in dumped or date.lower() in dumped.lower(), dumped[-3000:]
        pool.run(["rm", "/usr/share/chancery/trustpool/dated.p11-kit"])
        pool.restart("poold")
        pool.wait_daemons()


SYSTEM = "/etc/ssl/certs/ca-certificates.crt"
OWN_FOLDER = "/usr/local/share/ca-certificates/chancery"


def system_has(machine, certificate):
    return certificate.split("-----")[2].replace("\n", "") in machine.read(SYSTEM).decode().replace("\n", "")


def is_idle(machine):
    return machine.output(["systemctl", "show", "--property=ActiveState", "--value", "chancery-system-trust"]).strip() in ("inactive", "failed")


def test_system_trust(pool, certificates):
    """With a line in the configuration, the downloaded certificates are in the system's own list, and go with the line."""
    pool.write("/srv/trustpool-server.pem", certificates["server"])
    pool.run(["chmod", "a+r", "/srv/trustpool-server.pem"])
    verify = ["openssl", "verify", "-CApath", "/etc/ssl/certs", "/srv/trustpool-server.pem"]
    import_bundle(pool, f"{pool.pool_url}/one.pem force")
    built_in = number(pool, "BuiltIn")
    assert pool.run(verify, check=False).returncode and not system_has(pool, certificates["one"])
    # Nobody but the daemon has that unit started, and the daemon no other one.
    assert pool.run(["systemctl", "restart", "chancery-system-trust"], user=ADMIN, check=False).returncode
    for verb, unit in (("restart", "ssh.service"), ("stop", "chancery-system-trust.service")):
        assert pool.run(["systemctl", "--no-ask-password", verb, unit], user="chancery-poold", check=False).returncode, (verb, unit)

    configured(pool, "crypto ca trustpool policy", "export system", "exit")
    wait_for(lambda: system_has(pool, certificates["one"]) and is_idle(pool), "the system's list to have the CA", 180)
    assert pool.run(verify, user=ADMIN, check=False).returncode == 0
    assert "Exported to the System: yes" in rendered(pool.chancery("show crypto ca trustpool policy").stdout)
    # It follows the pool, and what is there for the pool's sake is not taken for built in.
    import_bundle(pool, f"{pool.pool_url}/three.pem force")
    wait_for(lambda: system_has(pool, certificates["three"]) and is_idle(pool), "the system's list to follow", 180)
    assert not system_has(pool, certificates["one"]) and pool.run(verify, check=False).returncode
    kill_poold(pool)
    wait_for(lambda: number(pool, "SystemExport"), "the daemon to have its configuration")
    assert number(pool, "BuiltIn") == built_in and number(pool, "Downloaded") == 1
    wait_for(lambda: is_idle(pool), "the unit to end", 180)
    assert system_has(pool, certificates["three"])

    configured(pool, "no crypto ca trustpool policy")
    wait_for(lambda: not system_has(pool, certificates["three"]) and is_idle(pool), "the system's list to be as it was", 180)
    assert pool.run(["test", "-e", OWN_FOLDER], check=False).returncode
    assert not pool.output("find /etc/ssl/certs -lname '*/ca-certificates/chancery/*'") and number(pool, "BuiltIn") == built_in


RESOLVER = """
import socket, struct
answers = {b"good": "127.0.0.1", b"evil": "169.254.169.254"}
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    query, client = server.recvfrom(512)
    address = answers.get(query[13:13 + query[12]]) if query[-4:-2] == b"\\0\\1" else None
    head = query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1 if address else 0, 0, 0) + query[12:]
    tail = b"\\xc0\\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(address) if address else b""
    server.sendto(head + tail, client)
"""


def test_names_are_looked_up_and_addresses_checked(pool):
    """PEERS F23: a DNS reply does not lead to where the URL itself may not lead either."""
    pool.run(["sh", "-c", "echo nameserver 127.0.0.1 >/etc/resolv.conf"])
    resolver = pool.popen(["/usr/bin/python3", "-c", RESOLVER], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        assert resolver.stdout.readline() == "ready\n"
        port = pool.pool_url.rsplit(":", 1)[1]
        result = pool.chancery(f"crypto ca trustpool import url http://evil.test:{port}/one.pem", check=False)
        assert "refused" in result.stdout + result.stderr
        assert "1 certificate imported" in import_bundle(pool, f"http://good.test:{port}/one.pem")
    finally:
        resolver.kill()
        resolver.wait()


def kill_poold(machine):
    pid = machine.kill("poold", signal.SIGKILL)
    wait_for(lambda: machine.daemon_pid("poold") != pid, "chancery-poold to be gone")


def test_kill_loses_nothing(pool):
    import_bundle(pool, f"{pool.pool_url}/both.p7b")
    before = state_of(pool)
    kill_poold(pool)
    # The exported file is there all the time.
    assert exported(pool) == before[3]
    assert state_of(pool) == before


def cleaned(pool):
    """The call of a client may have come when the daemon was there again, so that its import is running still."""
    wait_for(lambda: pool.chancery("crypto ca trustpool import url clean", check=False).returncode == 0, "the last import to end")


def test_kill_during_import_is_all_or_nothing(pool, certificates):
    """Wherever the daemon is in an import, the pool is the old or the new one afterwards, and no half of a file stays."""
    chance = random.Random(1)
    for round_ in range(4):
        old, new = (2, 1) if round_ % 2 == 0 else (1, 2)
        bundles = {1: "one.pem", 2: "both.p7b"}
        cleaned(pool)
        import_bundle(pool, f"{pool.pool_url}/{bundles[old]}")
        assert number(pool, "Downloaded") == old
        running = pool.popen(["busctl", "call", *BUS, "Import", "sa{sv}", f"{pool.pool_url}/{bundles[new]}", "0"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, 0.2))
        kill_poold(pool)
        running.wait(180)
        # The daemon that was started meanwhile may have taken the call, and be about it.
        assert number(pool, "Downloaded") in (old, new)
        wait_for(lambda: has(pool, certificates["two"]) == (number(pool, "Downloaded") == 2), "one of the two pools")
    wait_for(lambda: pool.output(["ls", "-A", STATE.rsplit("/", 1)[0]]).split() == ["downloaded.json", "update.json"], "the folder to have nothing else")
    cleaned(pool)


@contextlib.contextmanager
def small_disk(machine, folder, size):
    """The folder of the daemon, on a file system of its own that has no room for more."""
    machine.run(["systemctl", "stop", "chancery-poold"])
    machine.run(f"mkdir -p /srv/kept && cp -a {folder}/. /srv/kept/ && mount -t tmpfs -o size={size},mode=0700 tmpfs {folder} && "
                f"cp -a /srv/kept/. {folder}/ && chown chancery-poold: {folder} && rm -r /srv/kept")
    machine.run(["systemctl", "start", "chancery-poold"])
    try:
        yield
    finally:
        machine.run(["systemctl", "stop", "chancery-poold"])
        machine.run(["umount", folder])
        machine.run(["systemctl", "start", "chancery-poold"])


def test_disk_full(pool):
    """What cannot be stored is not imported: the old pool stays, also after a restart."""
    import_bundle(pool, f"{pool.pool_url}/one.pem force")
    pool.run(["cp", "/etc/ssl/certs/ca-certificates.crt", f"{FOLDER}/system.pem"])
    folder = STATE.rsplit("/", 1)[0]
    with small_disk(pool, folder, "64k"):
        before = state_of(pool)
        assert before[1] == 1
        result = pool.chancery(f"crypto ca trustpool import url {pool.pool_url}/system.pem", check=False)
        assert "cannot be stored, the trustpool stays as it is: No space left on device" in rendered(result.stdout + result.stderr)
        assert state_of(pool) == before
        assert pool.output(["ls", "-A", folder]).split() == ["downloaded.json", "update.json"]
        kill_poold(pool)
        assert state_of(pool) == before


def test_corrupt_state_is_moved_aside(pool):
    cleaned(pool)
    import_bundle(pool, f"{pool.pool_url}/both.p7b")
    content = pool.read(STATE)
    at = content.index(b'"certificates":["') + 400
    pool.run(["sh", "-c", f"printf X | dd of={STATE} bs=1 seek={at} conv=notrunc status=none"])
    assert pool.read(STATE) != content or content[at:at + 1] == b"X"
    kill_poold(pool)
    assert number(pool, "Downloaded") == 0 and number(pool, "BuiltIn") > 100
    assert pool.run(["test", "-s", STATE + ".corrupt"], check=False).returncode == 0
    assert "2 certificates imported" in import_bundle(pool, f"{pool.pool_url}/both.p7b")
    pool.run(["rm", STATE + ".corrupt"])


def test_policy_is_checked_at_commit(pool):
    """The daemon's own check, whatever the command line's grammar lets pass."""
    with pool.console(ADMIN) as console:
        console.prompt()
        for line in ("configure", "crypto ca trustpool policy", "cabundle url gopher://host.example/bundle.p7b", "exit"):
            console.command(line)
        assert "Failed to commit" in console.command("commit")
        assert "does not begin with http://" in rendered(console.command("show configuration failed"))
        console.command("end", [(r"\[cancel\]: ?", "no")])
    with pool.console(ADMIN) as console:
        console.prompt()
        workflow.commit(console, ("crypto ca trustpool policy", "cabundle url http://host.example/bundle.p7b", "description The pool", "exit"))
    running = rendered(pool.chancery("show running-config").stdout)
    assert re.search(r"^crypto ca trustpool policy\n cabundle url http://host\.example/bundle\.p7b\n description The pool$", running, re.M)


def test_vrf(pool):
    """Bundles and CRLs come by the interface of the VRF, of which this kernel has none: any interface does, and one that is not there leads nowhere."""
    with pool.console(ADMIN) as console:
        console.prompt()
        for line in ("configure", "crypto ca trustpool policy", "vrf a/b", "exit"):
            console.command(line)
        assert "Failed to commit" in console.command("commit")
        assert "the name of a VRF's interface" in rendered(console.command("show configuration failed"))
        console.command("end", [(r"\[cancel\]: ?", "no")])
    configured(pool, "crypto ca trustpool policy", "vrf none", "exit")
    before = state_of(pool)
    for command in ("crypto ca trustpool import url", "crypto ca trustpool diff url", "crypto ca crl request"):
        result = pool.chancery(f"{command} {pool.pool_url}/one.pem", check=False)
        assert "The interface none cannot be used: No such device" in rendered(result.stdout + result.stderr) and state_of(pool) == before, command
    assert "VRF: none\n" in rendered(pool.chancery("show crypto ca trustpool policy").stdout)
    configured(pool, "crypto ca trustpool policy", "vrf lo", "exit")
    assert "1 certificate imported" in import_bundle(pool, f"{pool.pool_url}/one.pem force")
    assert json.loads(pool.chancery("show crypto ca trustpool policy | json").stdout)["vrf"] == "lo"
    configured(pool, "no crypto ca trustpool policy")


def test_only_the_daemons_may_fetch(pool):
    """The socket is closed to people; poold reaches it through its group."""
    program = "import socket; socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).connect('/run/chancery/fetch')"
    with pytest.raises(MachineError, match="PermissionError"):
        pool.run(["/usr/bin/python3", "-c", program], user=ADMIN)
