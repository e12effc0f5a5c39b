# SPDX-License-Identifier: Apache-2.0
"""An EST server (RFC 7030, as RFC 8951 reads it) for tests, strict where it behaves, and wrong in one chosen thing where it doesn't.

    est_server.py FOLDER

keeps its certificates in FOLDER, writes root.pem there, prints its port, and does at each request what FOLDER/mode says: "grant", "old" (grant what began long ago),
"pending", "pending WHEN" (what Retry-After says), "refuse", "basic" and "digest" (HTTP authentication as USER, and then what follows them: "basic pending"), "attributes" (with wishes), "client" (wants a certificate), or the name of something to get wrong (see
Handler). FOLDER/log has what it was asked. With FOLDER/bare its
address is its common name, and in no alternative name. While there is a FOLDER/demand, it talks to nobody without a certificate.
"""

import base64
import datetime
import hashlib
import http.server
import ipaddress
import pathlib
import re
import socket
import ssl
import sys

from asn1crypto import core
from cryptography import x509 as cx509
from cryptography.hazmat.primitives import serialization

import scep_ca

USER, PASSWORD = "router", "canary-3c8e"
CERTIFICATES = "application/pkcs7-mime; smime-type=certs-only"
CURVES = {"p256": "1.2.840.10045.3.1.7", "p384": "1.3.132.0.34"}


class Attribute(core.Sequence):
    _fields = [("type", core.ObjectIdentifier), ("values", core.SetOf, {"spec": core.Any})]


def attribute(oid, *values):
    return Attribute({"type": oid, "values": [core.Any.load(v.dump()) for v in values]}).dump()


def attributes(*elements):
    content = b"".join(e if isinstance(e, bytes) else core.ObjectIdentifier(e).dump() for e in elements)
    return core.Sequence(contents=content).dump()


RSA, EC_KEY, EXTENSIONS = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1", "1.2.840.113549.1.9.14"
EXTENDED = core.Sequence(contents=core.ObjectIdentifier("2.5.29.37").dump() + core.OctetString(
    core.Sequence(contents=core.ObjectIdentifier("1.3.6.1.5.5.7.3.2").dump()).dump()).dump())
WISHES = {
    "attributes": attributes(attribute("1.2.840.10045.2.1", core.ObjectIdentifier(CURVES["p256"])), "1.2.840.10045.4.3.3",
                             attribute("1.2.840.113549.1.9.14", core.Sequence(contents=EXTENDED.dump())), "1.3.6.1.1.1.1.22"),
    "other-curve": attributes(attribute("1.2.840.10045.2.1", core.ObjectIdentifier(CURVES["p384"]))),
    "rsa-only": attributes(attribute("1.2.840.113549.1.1.1", core.Integer(4096))),
    "binding": attributes("1.2.840.113549.1.9.7"), "binding-with-value": attributes(attribute("1.2.840.113549.1.9.7", core.PrintableString("hello"))),
    "bad-attributes": b"hello",
    # What can be done: nothing wanted, names only, what nobody knows, several kinds of keys, a digest that is none of ours beside one.
    "no-wishes": attributes(), "names-only": attributes(EXTENSIONS, "2.5.29.17", "1.2.3.4"), "unknown": attributes("1.3.6.1.1.1.1.22", attribute("1.3.6.1.4.1.9.9", core.UTF8String("x" * 3000))),
    "either-key": attributes(attribute(RSA, core.Integer(2048)), attribute(EC_KEY, core.ObjectIdentifier(CURVES["p256"]))), "any-ec": attributes(attribute(EC_KEY)),
    "sha512": attributes("1.2.840.10045.4.3.4"), "sha1-only": attributes("1.2.840.10045.4.1"), "sha1-or-384": attributes("1.3.14.3.2.26", "2.16.840.1.101.3.4.2.2"),
    "makes-a-ca-wish": attributes(attribute(EXTENSIONS, core.Sequence(contents=core.Sequence(
        contents=core.ObjectIdentifier("2.5.29.19").dump() + core.OctetString(bytes.fromhex("30030101ff")).dump()).dump()))),
    # What can't: other keys, and what is no list of attributes.
    "ed25519-only": attributes("1.3.101.112"), "unknown-curve": attributes(attribute(EC_KEY, core.ObjectIdentifier("1.3.132.0.10"))),
    "too-many": attributes(*["1.2.3.4"] * 65), "attributes-cut-off": attributes(EC_KEY)[:-1], "negative-size": attributes(attribute(RSA, core.Integer(-4096))),
    "attributes-oversized": attributes(attribute("1.3.6.1.4.1.9.9", core.OctetString(b"x" * 60000))),
}


def der(tag, *parts):
    content = b"".join(parts)
    return bytes([tag]) + (bytes([len(content)]) if len(content) < 128 else b"\x82" + len(content).to_bytes(2, "big")) + content


def extension(oid, value=None, critical=False):
    """Without a value: to be filled in."""
    return der(0x30, core.ObjectIdentifier(oid).dump(), b"\x01\x01\xff" if critical else b"", b"" if value is None else der(0x04, value))


def template(subject=(), key=b"", extensions=(), others=()):
    """RFC 9908: subject has types with texts, or None where they are to be filled in."""
    rdns = [der(0x31, der(0x30, core.ObjectIdentifier(oid).dump(), b"" if text is None else core.PrintableString(text).dump())) for oid, text in subject]
    wishes = [attribute("1.2.840.113549.1.9.16.2.62", core.Sequence(contents=b"".join(extensions)))] if extensions else []
    content = core.Integer(0).dump() + (der(0x30, *rdns) if rdns else b"") + (der(0xa0, key) if key else b"") + der(0xa1, *wishes, *others)
    return attribute("1.2.840.113549.1.9.16.2.61", core.Sequence(contents=content))


CN, ORGANIZATION, UNIT = "2.5.4.3", "2.5.4.10", "2.5.4.11"
EC_P256 = der(0x30, core.ObjectIdentifier(EC_KEY).dump(), core.ObjectIdentifier(CURVES["p256"]).dump())
USAGE, ALTERNATIVE = "2.5.29.15", "2.5.29.17"
WISHES |= {
    # What there is besides is for those who do not know templates, and would be refused.
    "template": attributes(attribute(RSA, core.Integer(4096)), template(
        [(CN, None), (UNIT, "lab")], EC_P256, [extension(ALTERNATIVE, der(0x30, b"\x82\x0ccore.example")), extension(USAGE, bytes.fromhex("03020780"), True),
                                               extension("2.5.29.37", der(0x30, core.ObjectIdentifier("1.3.6.1.5.5.7.3.2").dump()))])),
    "template-open": attributes(template(extensions=[extension(ALTERNATIVE), extension(USAGE)])),
    "template-empty": attributes(template()),
    "template-subject": attributes(template([(ORGANIZATION, "Other")])), "template-missing": attributes(template([(UNIT, None)])),
    "template-rsa": attributes(template(key=der(0x30, core.ObjectIdentifier(RSA).dump(), b"\x05\x00"))),
    "template-names": attributes(template(extensions=[extension(ALTERNATIVE, der(0x30, b"\x82\x01x"))])),
    "template-address": attributes(template(extensions=[extension(ALTERNATIVE, der(0x30, b"\x82\x0ccore.example", b"\x87\x00"))])),
    "template-purposes": attributes(template(extensions=[extension("2.5.29.37")])),
    "template-ca": attributes(template(extensions=[extension("2.5.29.19", bytes.fromhex("30030101ff"))])),
    "template-binding": attributes(template(others=[attribute("1.2.840.113549.1.9.7", core.PrintableString("x"))])),
    "template-twice": attributes(template(), template()), "template-version": attributes(attribute("1.2.840.113549.1.9.16.2.61", core.Sequence(
        contents=core.Integer(1).dump() + der(0xa1)))),
}
# Instead of them; 404, like 204, says that there are none.
REFUSALS = {"attributes-404": 404, "attributes-302": 302, "attributes-503": 503}


def names_of(asked):
    """The alternative names of a request or a certificate, as they are encoded (RFC 7030 section 4.2.2)."""
    return [e.value.public_bytes() for e in asked.extensions if isinstance(e.value, cx509.SubjectAlternativeName)]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, body=b"", status=200, kind=CERTIFICATES, **headers):
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def is_known(self, mode):
        given = self.headers.get("Authorization", "")
        if mode == "basic":
            return given == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        fields = dict(re.findall(r'(\w+)="?([^",]*)"?', given))

        def md5(*parts):
            return hashlib.md5(":".join(parts).encode()).hexdigest()
        return given.startswith("Digest ") and fields["response"] == md5(md5(USER, "est", PASSWORD), fields["nonce"], fields["nc"], fields["cnonce"],
                                                                         fields["qop"], md5(self.command, fields["uri"]))

    def do_GET(self):
        ca, mode = self.server.ca, self.server.ca.mode
        operation = self.path.rpartition("/")[2]
        ca.log(f"GET {self.path}")
        ca.hold(operation)
        if operation == "cacerts":
            bag = {"no-ca": b"hello", "ca-empty-bag": scep_ca.bag([]), "ca-two": scep_ca.bag([ca.root.der, ca.stranger.der]), "ca-leaf": scep_ca.bag([ca.agents[0].der]),
                   "ca-signed": scep_ca.sign(b"x", {}, ca.root), "ca-ber": scep_ca.ber(scep_ca.bag(ca.authorities())),
                   "ca-agents": scep_ca.bag([ca.agents[0].der, *ca.authorities(), ca.agents[1].der])}.get(mode, scep_ca.bag(ca.authorities()))
            body = base64.b64encode(bag)
            return self.reply(body, kind="text/html" if mode == "ca-type" else CERTIFICATES)
        if operation != "csrattrs":
            return self.reply(status=404, kind=None)
        if mode in WISHES:
            return self.reply(base64.encodebytes(WISHES[mode]), kind="application/csrattrs")
        if mode == "attributes-type":
            return self.reply(b"MAA=", kind="text/plain")
        if mode in REFUSALS:
            return self.reply(status=REFUSALS[mode], kind=None, Location="https://127.0.0.1:1/")
        return self.reply(status=204, kind=None)

    def do_POST(self):
        ca, mode = self.server.ca, self.server.ca.mode
        peer = self.connection.getpeercert()
        body = self.rfile.read(int(self.headers["Content-Length"]))
        subject = [value for rdn in (peer or {}).get("subject", ()) for key, value in rdn if key == "commonName"]
        ca.log(f"POST {self.path} {self.headers['Content-Type']} client {subject}")
        known, _, rest = mode.partition(" ")
        if known in ("basic", "digest"):
            mode = rest or "grant"
            if self.is_known(known):
                ca.log(f"known by {known}")
        if known in ("basic", "digest") and not self.is_known(known):
            realm = 'Basic realm="est"' if known == "basic" else 'Digest realm="est", qop="auth", nonce="1f2e3d", algorithm=MD5'
            return self.reply(status=401, kind=None, WWW_Authenticate=realm)
        if mode == "client" and not peer:
            return self.reply(b"show a certificate", 403, "text/plain")
        if self.path.endswith("simplereenroll") and not peer:
            return self.reply(b"nobody renews without a certificate", 403, "text/plain")
        request = base64.b64decode(body, validate=True)
        asked = cx509.load_der_x509_csr(request)
        ca.hold("received")
        assert asked.is_signature_valid
        if self.path.endswith("simplereenroll") and names_of(asked) != names_of(cx509.load_der_x509_certificate(self.connection.getpeercert(binary_form=True))):
            return self.reply(b"other names than in the certificate", 403, "text/plain")
        ca.log(f"asked {asked.signature_hash_algorithm and asked.signature_hash_algorithm.name} {sorted(e.oid.dotted_string for e in asked.extensions)}")
        return self.answer(ca, mode, request)

    def answer(self, ca, mode, request):
        if mode.startswith("pending"):
            return self.reply(b"wait", 202, "text/plain", Retry_After=mode[8:] or "7200")
        if mode == "refuse":
            return self.reply(b"not\x07 today\r\nnor tomorrow", 400, "text/plain")
        simple = {"redirect": (b"", 302), "status-500": (b"", 500), "no-content": (b"", 204)}
        if mode in simple:
            return self.reply(*simple[mode], Location="https://127.0.0.1:1/")
        if mode == "cut-off":
            self.send_response(200)
            self.send_header("Content-Type", CERTIFICATES)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.close_connection = True
            return self.connection.shutdown(socket.SHUT_RDWR)
        if mode != "echo":
            ca.issued = ca.issue(request, mode)
        ca.hold("answered")
        text = base64.encodebytes(scep_ca.bag([] if mode == "nothing" else [ca.issued]))
        text = {"not-base64": b"\x30\x80 hello", "truncated": base64.b64encode(base64.b64decode(text)[:-40]), "empty": b"", "oversized": text + b"A" * 500000,
                "bare": base64.b64encode(ca.issued), "signed": base64.b64encode(scep_ca.sign(b"x", {}, ca.root)),
                "trailing": base64.b64encode(base64.b64decode(text) + b"\0"), "ber": base64.b64encode(scep_ca.ber(base64.b64decode(text))),
                "ber-endless": base64.b64encode(scep_ca.ber(base64.b64decode(text))[:-2])}.get(mode, text)
        return self.reply(text, kind={"type": "application/pkix-cert", "smime-type": "application/pkcs7-mime; smime-type=server-generated-key",
                                      "multipart": "multipart/mixed; boundary=x"}.get(mode, CERTIFICATES))

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def get_request(self):
        self.socket.context.verify_mode = ssl.CERT_REQUIRED if (self.ca.folder / "demand").exists() else ssl.CERT_OPTIONAL
        return super().get_request()


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mode").write_text("grant")
    server = Server(("127.0.0.1", 0), Handler)
    server.ca = scep_ca.Server(folder, *(int(days) for days in sys.argv[2:]))
    here = scep_ca.key_new()
    now = datetime.datetime.utcnow()
    bare = (folder / "bare").exists()
    names = None if bare else cx509.SubjectAlternativeName([cx509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    leaf = scep_ca.certify(scep_ca.name_of("127.0.0.1" if bare else "est"), here.public_key(), server.ca.root, None, False, ("digital_signature",),
                           (now - scep_ca.DAY, now + 90 * scep_ca.DAY), names,
                           purposes=[cx509.oid.ExtendedKeyUsageOID.SERVER_AUTH])
    (folder / "server.pem").write_bytes(here.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
                                        + leaf.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    context.load_verify_locations(folder / "root.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
