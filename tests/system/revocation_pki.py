# SPDX-License-Identifier: Apache-2.0
"""Certificates, CRLs and the servers that have them, for the tests of revocation."""

import contextlib
import datetime
import socket
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
LOG = "/srv/revocation.log"
FOLDER = "/srv/revocation"

# Files, and what servers do that are no good: /stall never ends, /large is without end, /error has none. Whoever asks is written down.
SERVER = """
import functools, http.server, sys, time
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        with open(sys.argv[2], "a") as log:
            log.write(self.path + "\\n")
        if self.path == "/stall":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"0")
            time.sleep(3600)
        elif self.path == "/large":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(bytes(65536))
        elif self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/sub.crl")
            self.end_headers()
        else:
            super().do_GET()
    def log_message(self, *words):
        pass
handler = functools.partial(Handler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
"""

SLAPD = """
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_ldif
pidfile /srv/slapd/pid
database ldif
suffix "o=Directory"
rootdn "cn=admin,o=Directory"
directory /srv/slapd/data
"""


@contextlib.contextmanager
def served(machine):
    """A web server inside the machine; gives its port."""
    machine.run(["mkdir", "-p", FOLDER])
    machine.write(LOG, "")
    server = machine.popen(["/usr/bin/python3", "-c", SERVER, FOLDER, LOG], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                           text=True)
    try:
        yield int(server.stdout.readline())
    finally:
        server.kill()
        server.wait()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def directory(machine, ldif, wait_for):
    """slapd inside the machine, with these entries; gives its port."""
    machine.run(["mkdir", "-p", "/srv/slapd/data"])
    machine.write("/srv/slapd/conf", SLAPD)
    machine.write("/srv/slapd/ldif", ldif)
    machine.run(["slapadd", "-f", "/srv/slapd/conf", "-l", "/srv/slapd/ldif"])
    port = free_port()
    server = machine.popen(["slapd", "-f", "/srv/slapd/conf", "-h", f"ldap://127.0.0.1:{port}", "-d", "0"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: machine.run(["ldapsearch", "-x", "-H", f"ldap://127.0.0.1:{port}", "-b", "", "-s", "base"], check=False).returncode == 0,
                 "slapd to answer")
        yield port
    finally:
        machine.run(["sh", "-c", "kill $(cat /srv/slapd/pid)"])
        server.wait()


@contextlib.contextmanager
def responder(machine, port, signer, issuer, revoked, wait_for):
    """openssl's OCSP responder inside the machine: what of the issuer is in revoked is revoked, what is not is good. signer: certificate and key."""
    lines = [f"{'R' if bad else 'V'}\t491231235959Z\t{'250101000000Z' if bad else ''}\t{format(certificate.serial_number, 'X').zfill(4)}\tunknown\t/CN=leaf\n"
             for certificate, bad in revoked.items()]
    key = signer[1].private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    machine.run(["mkdir", "-p", "/srv/ocsp"])
    for name, content in (("index", "".join(lines)), ("log", ""), ("signer.pem", pem(signer[0])), ("signer.key", key), ("ca.pem", pem(issuer))):
        machine.write(f"/srv/ocsp/{name}", content)
    words = f"openssl ocsp -index index -port {port} -rsigner signer.pem -rkey signer.key -CA ca.pem -ndays 5"
    server = machine.popen(["sh", "-c", f"cd /srv/ocsp && echo $$ > pid && exec {words} > log 2>&1"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
    try:
        # A connection that asks nothing is more than it can stand.
        wait_for(lambda: machine.run(["grep", "--quiet", "waiting for OCSP client", "/srv/ocsp/log"], check=False).returncode == 0, "the responder to listen")
        yield
    finally:
        machine.run(["sh", "-c", "kill $(cat /srv/ocsp/pid)"])
        server.wait()


NGINX = """pid /srv/nginx/pid; daemon off; error_log stderr; user root;
events {{}} http {{ access_log off; server {{ listen 127.0.0.1:{port} ssl; root {folder}; ssl_protocols {protocol};
ssl_certificate /srv/nginx/chain.pem; ssl_certificate_key /srv/nginx/key.pem; {staple} }} }}"""
SECURE_PORT = 8443


@contextlib.contextmanager
def secure(machine, chain, party, wait_for, staple=None, protocol="TLSv1.3"):
    """nginx inside the machine with the folder of the other server, over https; gives its URL."""
    key = party.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    for name, content in (("chain.pem", pem(*chain)), ("key.pem", key), ("staple", staple or b""), ("conf", NGINX.format(
            port=SECURE_PORT, folder=FOLDER, protocol=protocol, staple="ssl_stapling on; ssl_stapling_file /srv/nginx/staple;" if staple else ""))):
        machine.write(f"/srv/nginx/{name}", content)
    machine.run(["systemd-run", "--quiet", "--unit=test-secure", "nginx", "-c", "/srv/nginx/conf"])
    try:
        url = f"https://127.0.0.1:{SECURE_PORT}"
        wait_for(lambda: machine.run(["curl", "--silent", "--insecure", "--output", "/dev/null", url], check=False).returncode == 0, "nginx to answer")
        yield url
    finally:
        machine.run(["systemctl", "stop", "test-secure"])


def staple(certificate, issuer_certificate, signer, bad=False, begin=-DAY, end=5 * DAY):
    """What a responder says about the certificate, in DER. signer: certificate and party."""
    status = ocsp.OCSPCertStatus.REVOKED if bad else ocsp.OCSPCertStatus.GOOD
    builder = ocsp.OCSPResponseBuilder().add_response(certificate, issuer_certificate, hashes.SHA1(), status, now() + begin, now() + end,
                                                      now() - DAY if bad else None, None)
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer[0])
    return builder.sign(signer[1].key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def responder_at(port):
    where = x509.UniformResourceIdentifier(f"http://127.0.0.1:{port}")
    return x509.AuthorityInformationAccess([x509.AccessDescription(x509.oid.AuthorityInformationAccessOID.OCSP, where)])


def point(*urls, **more):
    names = [x509.UniformResourceIdentifier(url) for url in urls]
    return x509.DistributionPoint(names, None, more.get("reasons"), more.get("issuer"))


def now():
    return datetime.datetime.utcnow().replace(microsecond=0)


class Party:
    """A name and a key."""

    serial = 5000

    def __init__(self, *names):
        organisation = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Directory")] if len(names) > 1 else []
        self.name = x509.Name(organisation + [x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        self.key = ec.generate_private_key(ec.SECP256R1())

    def certify(self, subject, *extensions, ca=True, serial=None, ends=100 * DAY, begins=-10 * DAY):
        Party.serial += 1
        usage = {"digital_signature": not ca, "key_cert_sign": ca, "crl_sign": ca}
        names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
                 "encipher_only", "decipher_only")
        builder = x509.CertificateBuilder().subject_name(subject.name).issuer_name(self.name).public_key(subject.key.public_key())
        builder = builder.serial_number(serial or Party.serial).not_valid_before(now() + begins).not_valid_after(now() + ends)
        builder = builder.add_extension(x509.BasicConstraints(ca, None), True)
        builder = builder.add_extension(x509.KeyUsage(**{name: usage.get(name, False) for name in names}), True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(subject.key.public_key()), False)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
        for extension in extensions:
            builder = builder.add_extension(extension, False)
        return builder.sign(self.key, hashes.SHA256())

    def revoke(self, *certificates, number=1, begin=-DAY, end=10 * DAY, by=None, extensions=()):
        """A CRL in DER."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name).last_update(now() + begin).next_update(now() + end)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key((by or self).key.public_key()), False)
        builder = builder.add_extension(x509.CRLNumber(number), False)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        for certificate in certificates:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(now() - DAY).build())
        return builder.sign((by or self).key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


class Requested:
    """Who a certificate is asked for."""

    def __init__(self, text):
        self.key = x509.load_pem_x509_csr(text.encode())
        self.name = self.key.subject


def pem(*certificates):
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates).decode()
