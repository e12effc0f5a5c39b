# SPDX-License-Identifier: Apache-2.0
"""Stands before tests/pki/cmp-ca.c, knows all of its secrets, and gets one field of one of its answers wrong: what it makes of an answer is protected as a CA would have
protected it, so that it is that field which has to be noticed.

    cmp_hostile.py FOLDER

has the CA's secret, certificate and key in FOLDER, prints its port, and finds the CA's in FOLDER/port. FOLDER/wrong has "BODY FIELD" (see FIELDS and PROTECTION; BODY is
the number of the answer that it is done to, RFC 4210 section 5.1.2: 1 ip, 3 cp, 8 kup, 19 pkiconf, 23 error, 26 pollRep), or nothing. FOLDER/done is there when it was done.
"""

import datetime
import hashlib
import hmac

from cmp_front import Front, serve
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

PVNO, SENDER, RECIPIENT = range(3)
TIME, ALGORITHM, SENDER_KID, RECIP_KID, TRANSACTION, SENDER_NONCE, RECIP_NONCE, FREE_TEXT, GENERAL_INFO = range(0xa0, 0xa9)
INTEGER, OCTETS, OID, UTF8, PRINTABLE, TIME_TEXT, SEQUENCE = 2, 4, 6, 12, 19, 24, 0x30
PBM, PBMAC1, SHA256_RSA, SHA1_RSA = (bytes.fromhex(h) for h in ("2a864886f67d07420d", "2a864886f70d01050e", "2a864886f70d01010b", "2a864886f70d010105"))
SHA256, SHA1, MD5 = bytes.fromhex("608648016503040201"), bytes.fromhex("2b0e03021a"), bytes.fromhex("2a864886f70d0205")
HMAC_SHA256, HMAC_SHA1, HMAC_MD5 = (bytes.fromhex(h) for h in ("2a864886f70d0209", "2b06010505080102", "2b06010505080101"))
DIGESTS = {SHA256: "sha256", SHA1: "sha1", MD5: "md5", HMAC_SHA256: "sha256", HMAC_SHA1: "sha1", HMAC_MD5: "md5"}


# --- DER ----------------------------------------------------------------------------------------------------------------------------------------------------

def make(tag, *parts):
    content = b"".join(parts)
    size = len(content)
    length = bytes([size]) if size < 0x80 else bytes([0x80 | (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + length + content


def split(data):
    """The elements that are in there, one after the other: tag and content."""
    found = []
    while data:
        head, size = 2, data[1]
        if size & 0x80:
            head, size = 2 + (size & 0x7f), int.from_bytes(data[2:2 + (size & 0x7f)], "big")
        found.append((data[0], data[head:head + size]))
        data = data[head + size:]
    return found


def join(elements):
    return b"".join(make(tag, content) for tag, content in elements)


def number(n):
    return make(INTEGER, n.to_bytes(n.bit_length() // 8 + 1, "big", signed=True))


def name(text):
    return make(SEQUENCE, make(0x31, make(SEQUENCE, make(OID, b"\x55\x04\x03"), make(UTF8, text.encode()))) if text else b"")


def instant(days):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y%m%d%H%M%SZ").encode()


# --- Messages -----------------------------------------------------------------------------------------------------------------------------------------------

class Message:
    def __init__(self, der):
        parts = split(split(der)[0][1])
        header = split(parts[0][1])
        self.fixed, self.optional = [make(*e) for e in header[:3]], dict(header[3:])
        self.tag, self.body = parts[1]
        self.protection = self.extra = None
        for tag, content in parts[2:]:
            if tag == 0xa0:
                self.protection = content
            else:
                self.extra = content

    def protected(self):
        header = b"".join(self.fixed) + join(sorted(self.optional.items()))
        return make(SEQUENCE, header) + make(self.tag, self.body)

    def der(self):
        return make(SEQUENCE, self.protected(), make(0xa0, self.protection) if self.protection is not None else b"",
                    make(0xa1, self.extra) if self.extra is not None else b"")

    def protect(self, secret, key):
        """As its header says."""
        data = make(SEQUENCE, self.protected())
        algorithm = split(split(self.optional[ALGORITHM])[0][1])
        if algorithm[0][1] != PBM:
            digest = hashes.SHA1() if algorithm[0][1] == SHA1_RSA else hashes.SHA256()
            value = key.sign(data, padding.PKCS1v15(), digest)
        else:
            salt, one_way, count, mac = split(algorithm[1][1])
            base = secret + salt[1]
            for _ in range(min(int.from_bytes(count[1], "big"), 200000)):
                base = hashlib.new(DIGESTS[split(one_way[1])[0][1]], base).digest()
            value = hmac.new(base, data, DIGESTS[split(mac[1])[0][1]]).digest()
        self.protection = make(3, b"\0" + value)

    # The content of ip, cp, kup: caPubs, and the answers about certificates, of which there is one.
    def responses(self):
        parts = split(split(self.body)[0][1])
        return [split(content) for _, content in split(parts[-1][1])]

    def respond(self, *responses, certificates=None):
        inside = make(SEQUENCE, *(make(SEQUENCE, join(r)) for r in responses))
        self.body = make(SEQUENCE, make(0xa1, make(SEQUENCE, *certificates)) if certificates else b"", inside)


def first(change):
    """Of what is changed in the answer about the certificate."""
    def do(m, c):
        response = m.responses()[0]
        change(response, c)
        m.respond(response)
    return do


def replace(field, tag, content):
    def do(response, c):
        response[field] = (tag, content)
    return first(do)


def certificate_as(der):
    def do(response, c):
        response[2] = (SEQUENCE, make(0xa0, der(c)))
    return first(do)


def status(value, *more):
    return replace(1, SEQUENCE, number(value) + b"".join(more))


def text(*lines):
    return make(SEQUENCE, *(make(UTF8, line.encode()) for line in lines))


def header(field, content):
    def do(m, c):
        if content is None:
            m.optional.pop(field, None)
        elif field in (PVNO, SENDER, RECIPIENT):
            m.fixed[field] = content
        else:
            m.optional[field] = content
    return do


def flipped(field):
    def do(m, c):
        tag, content = split(m.optional[field])[0]
        m.optional[field] = make(tag, content[:-1] + bytes([content[-1] ^ 1]))
    return do


def info(*oids):
    return make(SEQUENCE, *(make(SEQUENCE, make(OID, bytes.fromhex(oid)), value) for oid, value in oids))


def poll_report(identifier, after):
    def do(m, c):
        m.body = make(SEQUENCE, make(SEQUENCE, number(identifier), number(after)))
    return do


def as_body(tag, body):
    def do(m, c):
        m.tag, m.body = tag, body
    return do


def count(*wanted):
    """How many answers there are about certificates: of which numbers."""
    def do(m, c):
        response = m.responses()[0]
        m.respond(*([(INTEGER, split(number(n))[0][1]), *response[1:]] for n in wanted))
    return do


def with_authorities(m, c):
    m.respond(*m.responses(), certificates=[c.file("stranger.der")])


def with_extra(m, c):
    m.extra = make(SEQUENCE, c.file("stranger.der"), *([m.extra and split(m.extra)[0][1]] if m.extra else []))


FIELDS = {
    "pvno-1": header(PVNO, number(1)), "pvno-9": header(PVNO, number(9)), "pvno-negative": header(PVNO, number(-2)),
    "sender-kind": header(SENDER, make(0x82, b"ca.example")), "recipient-other": header(RECIPIENT, make(0xa4, name("somebody"))),
    "recipient-kind": header(RECIPIENT, make(0x82, b"core.example")), "sender-other": header(SENDER, make(0xa4, name("somebody"))),
    "time-past": header(TIME, make(TIME_TEXT, instant(-30))), "time-future": header(TIME, make(TIME_TEXT, instant(30))),
    "time-malformed": header(TIME, make(TIME_TEXT, b"yesterday")), "sender-kid": header(SENDER_KID, make(OCTETS, b"9999")),
    "recip-kid": header(RECIP_KID, make(OCTETS, b"9999")), "transaction": flipped(TRANSACTION), "no-transaction": header(TRANSACTION, None),
    "no-sender-nonce": header(SENDER_NONCE, None), "empty-sender-nonce": header(SENDER_NONCE, make(OCTETS)), "short-sender-nonce": header(SENDER_NONCE, make(OCTETS, b"12345678")),
    "recip-nonce": flipped(RECIP_NONCE), "no-recip-nonce": header(RECIP_NONCE, None), "free-text-kind": header(FREE_TEXT, make(SEQUENCE, number(1))),
    "info-malformed": header(GENERAL_INFO, make(SEQUENCE, make(SEQUENCE, number(1)))), "header-trailing": lambda m, c: m.optional.update({0xaa: b"\5\0"}),
    # the body
    "request-id": count(5), "no-response": count(), "two-responses": count(0, 1), "twice": count(0, 0), "status-9": status(9), "status-negative": status(-1),
    "waiting-with-certificate": status(3), "revocation-warning": status(4), "revoked-notice": status(5), "key-update-warning": status(6),
    "rejected-with-certificate": status(2, text("no\x1b[31m", "thanks")), "accepted-with-failure": status(0, make(3, b"\x05\x20")),
    "failure-malformed": status(2, text("no"), make(3, b"\x09")),
    "no-certificate": first(lambda r, c: r.pop()), "no-certificate-inside": replace(2, SEQUENCE, b""), "no-der": replace(2, SEQUENCE, make(0xa0, make(SEQUENCE, b"\5\0"))),
    "encrypted": replace(2, SEQUENCE, make(0xa1, make(SEQUENCE, make(3, b"\0abc")))), "private-key": first(lambda r, c: r.__setitem__(2, (SEQUENCE, r[2][1] + make(0xa0, make(SEQUENCE, make(3, b"\0abc")))))),
    "other-subject": certificate_as(lambda c: c.file("other-subject.der")), "other-issuer": certificate_as(lambda c: c.file("other-issuer.der")),
    "expired": certificate_as(lambda c: c.file("expired.der")), "not-yet": certificate_as(lambda c: c.file("not-yet.der")),
    "makes-a-ca": certificate_as(lambda c: c.file("makes-a-ca.der")), "other-key": certificate_as(lambda c: c.file("other-key.der")),
    "sha1-certificate": certificate_as(lambda c: c.file("sha1.der")), "root-itself": certificate_as(lambda c: c.file("root.der")), "extra-name": certificate_as(lambda c: c.file("extra-name.der")),
    "body-ip": lambda m, c: setattr(m, "tag", 0xa1), "body-kup": lambda m, c: setattr(m, "tag", 0xa8), "body-request": lambda m, c: setattr(m, "tag", 0xa0),
    "body-empty": as_body(0xa1, make(SEQUENCE)), "body-rp": as_body(0xac, make(SEQUENCE, make(SEQUENCE, make(SEQUENCE, number(0))))),
    "body-nested": lambda m, c: (setattr(m, "body", make(SEQUENCE, m.der())), setattr(m, "tag", 0xb4)),
    "confirmed-early": as_body(0xb3, b"\5\0"), "poll-other-id": poll_report(7, 60), "poll-negative": poll_report(0, -60), "poll-endless": poll_report(0, 1 << 62),
    "poll-early": as_body(0xba, make(SEQUENCE, make(SEQUENCE, number(0), number(60)))), "poll-none": as_body(0xba, make(SEQUENCE)), "error": as_body(0xb7, make(SEQUENCE, make(SEQUENCE, number(2), text("closed\x07 today")))),
    "error-accepted": as_body(0xb7, make(SEQUENCE, make(SEQUENCE, number(0)))), "error-code": as_body(0xb7, make(SEQUENCE, make(SEQUENCE, number(2)), number(4711))),
    # what is allowed, and changes nothing
    "implicit": header(GENERAL_INFO, info(("2b0601050507040d", b"\5\0"))), "confirm-by": header(GENERAL_INFO, info(("2b0601050507040e", make(TIME_TEXT, instant(-1))))),
    "unknown-info": header(GENERAL_INFO, info(("2a0304", make(UTF8, b"x" * 5000)))), "free-text": header(FREE_TEXT, text("\x1b]0;hello\x07" * 50)),
    "authorities": with_authorities, "extra-certificates": with_extra, "no-time": header(TIME, None), "recipient-none": header(RECIPIENT, make(0xa4, name(""))),
}


# --- Protection ---------------------------------------------------------------------------------------------------------------------------------------------

def parameters(m, one_way=SHA256, times=500, mac=HMAC_SHA256, salt=b"0123456789abcdef"):
    m.optional[ALGORITHM] = make(SEQUENCE, make(OID, PBM), make(SEQUENCE, make(OCTETS, salt), make(SEQUENCE, make(OID, one_way), b"\5\0"), number(times), make(SEQUENCE, make(OID, mac), b"\5\0")))


def algorithm(oid, more=b""):
    return lambda m, c: m.optional.update({ALGORITHM: make(SEQUENCE, make(OID, oid), more)})


def signed_by(party, names=True):
    """By a key that is not the CA's, with its certificate."""
    def do(m, c):
        m.optional[ALGORITHM] = make(SEQUENCE, make(OID, SHA256_RSA), b"\5\0")
        m.optional.pop(SENDER_KID, None)
        certificate = c.file(f"{party}.der")
        if names:
            m.fixed[SENDER] = make(0xa4, c.subject(certificate))
        m.extra = make(SEQUENCE, certificate)
        m.protect(c.secret, c.key(party))
    return do


def protected_with(secret):
    return lambda m, c: m.protect(secret, c.key("root"))


bare_error = as_body(0xb7, make(SEQUENCE, make(SEQUENCE, number(2), text("closed\x07 today"), make(3, b"\x05\x20"))))


def flip_protection(m, c):
    m.protection = m.protection[:-1] + bytes([m.protection[-1] ^ 1])


PROTECTION = {
    "mac": flip_protection, "no-protection": lambda m, c: setattr(m, "protection", None), "empty-protection": lambda m, c: setattr(m, "protection", make(3, b"\0")),
    "other-secret": protected_with(b"not this one"), "no-algorithm": lambda m, c: (m.optional.pop(ALGORITHM), setattr(m, "protection", None)),
    "bare-error": lambda m, c: (bare_error(m, c), m.optional.pop(ALGORITHM), setattr(m, "protection", None)),
    "unknown-algorithm": algorithm(b"\x2a\x03\x04"), "signed-by-stranger": signed_by("stranger"), "signed-by-router": signed_by("router"),
    "signed-by-agent": signed_by("agent"), "signed-as-the-ca": signed_by("router", names=False), "signed-by-expired": signed_by("agent-expired"),
}
# Before it is protected as its header says.
ALGORITHMS = {
    "pbm-md5": lambda m, c: parameters(m, one_way=MD5), "pbm-mac-md5": lambda m, c: parameters(m, mac=HMAC_MD5), "pbm-once": lambda m, c: parameters(m, times=1),
    "pbm-many": lambda m, c: parameters(m, times=100001), "pbm-absurd": lambda m, c: parameters(m, times=1 << 40), "pbm-negative": lambda m, c: parameters(m, times=-500),
    "pbm-none": algorithm(PBM, b"\5\0"), "pbm-sha1": lambda m, c: parameters(m, one_way=SHA1, mac=HMAC_SHA1), "sha1-signature": algorithm(SHA1_RSA, b"\5\0"),
}


class Chest:
    """What the CA knows, and what somebody else is known by."""

    def __init__(self, folder):
        self.folder = folder
        self.secret = (folder / "secret").read_bytes()

    def file(self, name):
        return (self.folder / name).read_bytes()

    def key(self, name):
        return serialization.load_pem_private_key(self.file(f"{name}.key"), None)

    def subject(self, certificate):
        fields = split(split(split(certificate)[0][1])[0][1])
        return make(*fields[5])


def spoil(answer, folder):
    """One field wrong, if it is the answer that it is for."""
    body, _, what = (folder / "wrong").read_text().partition(" ")
    m, chest = Message(answer), Chest(folder)
    if not what or m.tag != 0xa0 + int(body):
        return answer
    (folder / "done").write_text(what)
    if what in PROTECTION:
        PROTECTION[what](m, chest)
        return m.der()
    if what == "pbmac1":
        algorithm(PBMAC1, make(SEQUENCE))(m, chest)
        return m.der()
    (ALGORITHMS.get(what) or FIELDS[what])(m, chest)
    if what == "pbm-none":
        return m.der()
    m.protect(chest.secret, chest.key("root"))
    return m.der()


class Handler(Front):
    def do_POST(self):
        answer = self.pass_on("/")[1]
        self.reply(spoil(answer, self.server.folder) if answer else b"")


if __name__ == "__main__":
    serve(Handler)
