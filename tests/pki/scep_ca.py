# SPDX-License-Identifier: Apache-2.0
"""A SCEP server (RFC 8894) for tests, strict and modern where it behaves, and wrong in one chosen thing where it doesn't.

    scep_ca.py FOLDER [lenient | STARTS ENDS [ec | rsa8192.pem]]

keeps its certificates in FOLDER, writes root.pem and next.pem there (the root is valid from STARTS days to ENDS days from now), prints its port, and does at
each request what FOLDER/mode says: "grant", "old" (grant what began long ago), "own-name" (the same, with the common name
as an alternative name when there is none), "pending",
"then-pending" (grants once), "fail N",
"revoked" (grant, and http://127.0.0.1:PORT/ca.crl says that it is worth nothing),
"ra" (with certificates of a registration authority), "no-polls" (nobody asks it what has become of a request), "polls-refused" (what it does not know is badMessageCheck), or the name of something to get wrong (see Server.answer). FOLDER/log has what it was asked. FOLDER/rollover
says what becomes of the CA: "" (nothing), "offer" (its next certificate), "switched" (that one is what it has), or what to get wrong (see Server.next_reply).
lenient: for other clients, in benchmarks: requests in SHA-1 and single DES are read too, the CA may sign other things than certificates, and the
capabilities are named one by one.
"""

import base64
import datetime
import hashlib
import http.server
import os
import pathlib
import subprocess
import sys
import time
import urllib.parse

from asn1crypto import algos, cms, core, crl, csr, parser, x509
from cryptography import x509 as cx509
from cryptography.hazmat.primitives import hashes, keywrap, padding, serialization
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.x509.oid import NameOID

SCEP = "2.16.840.1.113733.1.9."
TEXTS = {"message_type": SCEP + "2", "status": SCEP + "3", "fail_info": SCEP + "4", "transaction": SCEP + "7"}
NONCES = {"sender_nonce": SCEP + "5", "recipient_nonce": SCEP + "6"}
DAY = datetime.timedelta(days=1)


def key_new():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def name_of(common_name):
    return cx509.Name([cx509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"), cx509.NameAttribute(NameOID.COMMON_NAME, common_name)])


class Party:
    """A key and its certificate."""

    def __init__(self, name, issuer=None, ca=False, usage=(), key=None, starts=-1, ends=300):
        self.key = key or key_new()
        now = datetime.datetime.utcnow()
        self.certificate = certify(name_of(name), self.key.public_key(), issuer or self, name_of(name) if not issuer else None, ca, usage,
                                   (now + starts * DAY, now + ends * DAY))
        self.asn1 = x509.Certificate.load(self.der)

    @property
    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)


def certify(subject, public_key, issuer, issuer_name, ca, usage, validity, names=None, digest=None, purposes=None, point=None):
    bits = dict.fromkeys(("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign",
                          "crl_sign", "encipher_only", "decipher_only"), False)
    builder = (cx509.CertificateBuilder().subject_name(subject).issuer_name(issuer_name or issuer.certificate.subject).public_key(public_key)
               .serial_number(cx509.random_serial_number()).not_valid_before(validity[0]).not_valid_after(validity[1])
               .add_extension(cx509.BasicConstraints(ca=ca, path_length=None), critical=True)
               .add_extension(cx509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
               .add_extension(cx509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False))
    if usage:
        builder = builder.add_extension(cx509.KeyUsage(**{**bits, **dict.fromkeys(usage, True)}), critical=True)
    if names:
        builder = builder.add_extension(names, critical=False)
    if point:
        where = cx509.DistributionPoint([cx509.UniformResourceIdentifier(point)], None, None, None)
        builder = builder.add_extension(cx509.CRLDistributionPoints([where]), critical=False)
    if purposes:
        builder = builder.add_extension(cx509.ExtendedKeyUsage(purposes), critical=False)
    certificate = builder.sign(issuer.key, hashes.SHA256())
    return signed_again(certificate, issuer.key, "sha1_rsa", digest) if digest else certificate


def signed_again(certificate, key, algorithm, digest):
    """With a digest that the library makes no certificate with any more."""
    content = x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
    content["tbs_certificate"]["signature"]["algorithm"] = content["signature_algorithm"]["algorithm"] = algorithm
    content["signature_value"] = key.sign(content["tbs_certificate"].dump(force=True), rsa_padding.PKCS1v15(), digest)
    return cx509.load_der_x509_certificate(content.dump(force=True))


def bag(certificates, lists=()):
    """A SignedData without signers."""
    return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData({
        "version": "v1", "digest_algorithms": [], "encap_content_info": {"content_type": "data"},
        "certificates": [cms.CertificateChoices("certificate", x509.Certificate.load(der)) for der in certificates], "crls": [cms.RevocationInfoChoice("crl", crl.CertificateList.load(der)) for der in lists] or None,
        "signer_infos": []})}).dump()


def ber(data):
    """The same in BER: indefinite lengths, and OCTET STRINGs in pieces."""
    out = b""
    while data:
        _, header, size = element(data)
        tag, content, data = data[0], data[header:header + size], data[header + size:]
        if tag & 0x20:
            out += bytes([tag, 0x80]) + ber(content) + b"\0\0"
        elif tag == 0x04 or (tag == 0x80 and size > 64):
            pieces = [content[i:i + 100] for i in range(0, size, 100)]
            out += bytes([0x24 if tag == 0x04 else 0xa0, 0x80]) + b"".join(bytes([0x04, len(piece)]) + piece for piece in pieces) + b"\0\0"
        else:
            out += bytes([tag]) + b"\x83" + size.to_bytes(3, "big") + content
    return out


def element(data):
    """Of a DER element its tag, and how long its head and its content are."""
    if data[1] < 0x80:
        return data[0], 2, data[1]
    return data[0], 2 + (data[1] & 0x7f), int.from_bytes(data[2:2 + (data[1] & 0x7f)], "big")


def retyped(data, old, new):
    """With the first content type of this number (RFC 5652: 1 data, 2 signed-data, 3 enveloped-data, 5 digested-data) as another one."""
    kind = bytes.fromhex("06092a864886f70d0107")
    return data.replace(kind + bytes([old]), kind + bytes([new]), 1)


def tlv(tag, *contents):
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


CURVES = {"secp256r1": ("2a8648ce3d030107", ec.SECP256R1), "secp384r1": ("2b81040022", ec.SECP384R1), "secp521r1": ("2b81040023", ec.SECP521R1)}
SCHEMES = {"sha256": "2b8104010b01", "sha384": "2b8104010b02", "sha1": "2b81051086483f0002", "mqv": "2b8104010f01"}
WRAPS = {"aes": "608648016503040105", "des3": "2a864886f70d0109100306"}


def agree(key, to, public, wrong):
    """KeyAgreeRecipientInfo (RFC 5652 section 6.2.2, RFC 5753): ephemeral-static ECDH, the derivation of X9.63, AES-128 to wrap."""
    other = ec.SECP384R1() if public.curve.name != "secp384r1" else ec.SECP256R1()
    ephemeral = ec.generate_private_key(public.curve)
    shown = ec.generate_private_key(other) if wrong == "point-of-another-curve" else ephemeral
    point = shown.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint if wrong == "compressed"
                                            else serialization.PublicFormat.UncompressedPoint)
    point = {"point-off-curve": point[:-1] + bytes([point[-1] ^ 1]), "point-at-infinity": b"\0"}.get(wrong, point)
    named = tlv(6, bytes.fromhex(CURVES[other.name if wrong == "names-another-curve" else public.curve.name][0]))
    scheme = {"derived-sha1": "sha1", "unknown-agreement": "mqv"}.get(wrong, "sha256")
    hasher = {"derived-sha1": hashes.SHA1(), "derived-otherwise": hashes.SHA384()}.get(wrong, hashes.SHA256())
    wrap = tlv(0x30, tlv(6, bytes.fromhex(WRAPS["des3" if wrong == "unknown-wrap" else "aes"])))
    material = tlv(4, os.urandom(24)) if wrong == "material" else None
    shared = tlv(0x30, wrap, tlv(0xa0, material) if material else b"", tlv(0xa2, tlv(4, (128).to_bytes(4, "big"))))
    wrapped = keywrap.aes_key_wrap(X963KDF(hasher, 16, shared).derive(ephemeral.exchange(ec.ECDH(), public)), key)
    wrapped = {"wrapped-short": wrapped[:-8], "wrapped-wrong": wrapped[:-1] + bytes([wrapped[-1] ^ 1]), "wrapped-nothing": b""}.get(wrong, wrapped)
    rid = tlv(0x30, to.issuer.dump(), core.Integer(to.serial_number).dump())
    if wrong in ("key-id", "other-key-id"):
        rid = tlv(0xa0, tlv(4, to.key_identifier if wrong == "key-id" else b"x" * 20))
    return tlv(0xa1, core.Integer(2 if wrong == "agreement-version" else 3).dump(),
               tlv(0xa0, tlv(0xa1, tlv(0x30, tlv(6, bytes.fromhex("2a8648ce3d0201")), named if "curve" in wrong or wrong == "named" else b""), tlv(3, b"\0", point))),
               tlv(0xa1, material) if material else b"", tlv(0x30, tlv(6, bytes.fromhex(SCHEMES[scheme])), wrap),
               tlv(0x30, tlv(0x30, rid, tlv(4, wrapped)) * (2 if wrong == "two-keys" else 1)))


FUNCTIONS = {"sha256": "2a864886f70d0209", "sha1": "2a864886f70d0207", "md5": "2b06010505080101"}


def under(key, password, wrong):
    """PasswordRecipientInfo (RFC 5652 section 6.2.4): PBKDF2, and the wrapping of RFC 3211 with AES-256."""
    salt, iv, size = os.urandom(4 if wrong == "short-salt" else 16), os.urandom(16), 32
    count = {"many-iterations": 2000001, "few-iterations": 999, "no-iterations": 0, "most-iterations": 2000000}.get(wrong, 10000)
    function = {"derived-sha1": "sha1", "derived-md5": "md5"}.get(wrong, "sha256")
    secret = (password[:-1] if wrong == "wrong-password" else password).encode()
    derived = hashlib.pbkdf2_hmac(function, secret, salt, 1 if wrong in ("many-iterations", "no-iterations") else count, size)
    check = bytes(octet ^ 0xff for octet in key[:3])
    block = bytes([len(key)]) + (b"\0\0\0" if wrong == "check" else check) + key
    block += os.urandom(-len(block) % 16 + (16 if len(block) <= 16 else 0))
    last = iv
    for _ in range(2):
        encryptor = Cipher(algorithms.AES(derived), modes.CBC(last)).encryptor()
        block = encryptor.update(block) + encryptor.finalize()
        last = block[-16:]
    block = {"wrapped-short": block[:16], "wrapped-wrong": block[:-1] + bytes([block[-1] ^ 1])}.get(wrong, block)
    derivation = tlv(0xa0, tlv(6, bytes.fromhex("2b06010401da47040b" if wrong == "unknown-derivation" else "2a864886f70d01050c")),
                     tlv(0x30, tlv(4, salt), core.Integer(count).dump(), core.Integer(16 if wrong == "derived-length" else size).dump(),
                         b"" if wrong == "derived-sha1" else tlv(0x30, tlv(6, bytes.fromhex(FUNCTIONS[function])), b"\5\0")))
    cipher = tlv(0x30, tlv(6, bytes.fromhex("2a864886f70d0307" if wrong == "wrap-des3" else "60864801650304012a")), tlv(4, iv[:8] if wrong == "wrap-des3" else iv))
    wrap = tlv(0x30, tlv(6, bytes.fromhex("2a864886f70d0109100306" if wrong == "unknown-wrap" else "2a864886f70d0109100309")), cipher)
    return tlv(0xa3, core.Integer(1 if wrong == "password-version" else 0).dump(), b"" if wrong == "no-derivation" else derivation, wrap, tlv(4, block))


def encrypt_under_with_openssl(data, password):
    """As the openssl program does it, which derives with SHA-1."""
    return subprocess.run(["openssl", "cms", "-encrypt", "-binary", "-aes-256-cbc", "-outform", "DER", "-pwri_password", password], input=data,
                          stdout=subprocess.PIPE, check=True).stdout


def encrypt_with_openssl(folder, data, to, *options):
    """An EnvelopedData for a certificate as the openssl program makes it."""
    (folder / "to.der").write_bytes(to.dump())
    subprocess.run(["openssl", "x509", "-inform", "DER", "-in", folder / "to.der", "-out", folder / "to.pem"], check=True)
    return subprocess.run(["openssl", "cms", "-encrypt", "-binary", "-aes-256-cbc", "-outform", "DER", "-recip", folder / "to.pem", *options],
                          input=data, stdout=subprocess.PIPE, check=True).stdout


def encrypt(data, recipients, cipher="aes", version=None, of_recipient="v0", wrong=""):
    """An EnvelopedData for certificates, by key transport, or for keys of elliptic curves by key agreement; a text in place of both is a password."""
    size, block, oid = {"aes": (16, 16, "2.16.840.1.101.3.4.1.2"), "des3": (24, 8, "1.2.840.113549.3.7"), "des": (8, 8, "1.3.14.3.2.7")}[cipher]
    key, iv = os.urandom(size), os.urandom(block)
    padder = padding.PKCS7(block * 8).padder()
    algorithm = algorithms.AES(key) if cipher == "aes" else algorithms.TripleDES(key)
    encryptor = Cipher(algorithm, modes.CBC(iv)).encryptor()
    text = encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()
    infos = [cms.RecipientInfo.load(under(key, to, wrong)) if isinstance(to, str) else cms.RecipientInfo.load(agree(key, to, with_key, wrong)) if isinstance(with_key, ec.EllipticCurvePublicKey) else
             cms.RecipientInfo("ktri", cms.KeyTransRecipientInfo({
        "version": of_recipient, "rid": cms.RecipientIdentifier("issuer_and_serial_number", cms.IssuerAndSerialNumber(
            {"issuer": to.issuer, "serial_number": to.serial_number})),
        "key_encryption_algorithm": {"algorithm": "rsaes_pkcs1v15"},
        "encrypted_key": with_key.encrypt(key, rsa_padding.PKCS1v15())})) for to, with_key in recipients]
    return cms.ContentInfo({"content_type": "enveloped_data", "content": cms.EnvelopedData({
        "version": version or {"kari": "v2", "pwri": "v3"}.get(infos[0].name, "v0"), "recipient_infos": infos, "encrypted_content_info": {
            "content_type": "data", "content_encryption_algorithm": {"algorithm": oid, "parameters": core.OctetString(iv)},
            "encrypted_content": text}})}).dump()


def attribute(oid, *values):
    return cms.CMSAttribute({"type": oid, "values": list(values)})


def sign(content, attributes, by, digest="sha256", says=None, twice=None, wrong_digest=False, content_type="data", version="v1", of_signer="v1"):
    """A SignedData. says: who the message claims to be signed by."""
    hasher = {"sha256": hashes.SHA256, "sha1": hashes.SHA1, "md5": hashes.MD5}[digest]()
    md = hashes.Hash(hasher)
    md.update(content or b"")
    signed = [attribute("content_type", content_type), attribute("message_digest", b"\0" * hasher.digest_size if wrong_digest else md.finalize())]
    for key, value in attributes.items():
        if value is not None:
            signed.append(attribute(TEXTS.get(key) or NONCES[key],
                                    core.PrintableString(value) if key in TEXTS else core.OctetString(value)))
    if twice:
        signed.append(attribute(TEXTS[twice], core.PrintableString(attributes[twice])))
    signed = cms.CMSAttributes(signed)
    signer = (says or by).asn1
    elliptic = isinstance(by.key, ec.EllipticCurvePrivateKey)
    info = cms.SignerInfo({
        "version": of_signer, "sid": cms.SignerIdentifier("issuer_and_serial_number", cms.IssuerAndSerialNumber(
            {"issuer": signer.issuer, "serial_number": signer.serial_number})),
        "digest_algorithm": algos.DigestAlgorithm({"algorithm": digest}), "signed_attrs": signed,
        "signature_algorithm": algos.SignedDigestAlgorithm({"algorithm": f"{digest}_ecdsa" if elliptic else "rsassa_pkcs1v15"}),
        "signature": by.key.sign(signed.untag().dump(), *((ec.ECDSA(hasher),) if elliptic else (rsa_padding.PKCS1v15(), hasher)))})
    return cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData({
        "version": version, "digest_algorithms": [algos.DigestAlgorithm({"algorithm": digest})],
        "encap_content_info": {"content_type": "data", "content": content} if content else {"content_type": "data"},
        "certificates": [cms.CertificateChoices("certificate", by.asn1)], "signer_infos": [info]})}).dump()


def encrypted_content(info):
    """Also as one string inside another, which is how Go's library writes it."""
    data = info.contents
    for _ in range(3):
        _, constructed, _, header, content, trailer = parser.parse(data)
        data = data[len(header + content + trailer):]
    return parser.parse(content)[4] if constructed else content


def agreed(server, envelope, recipient, data):
    """By key agreement (RFC 5753), strictly: SHA-256 in the derivation, AES to wrap and to encrypt. openssl does it."""
    algorithm = recipient["key_encryption_algorithm"]
    assert algorithm["algorithm"].dotted == "1.3.132.1.11.1" and envelope["version"].native == "v2", algorithm.native
    assert envelope["encrypted_content_info"]["content_encryption_algorithm"]["algorithm"].native == "aes128_cbc"
    rid = recipient["recipient_encrypted_keys"][0]["rid"].chosen
    party = next(p for p in (server.root, *server.agents) if p.asn1.serial_number == rid["serial_number"].native)
    for name, content in (("recipient.key", party.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())),
                          ("recipient.pem", party.certificate.public_bytes(serialization.Encoding.PEM))):
        (server.folder / name).write_bytes(content)
    return subprocess.run(["openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-inkey", server.folder / "recipient.key", "-recip", server.folder / "recipient.pem"],
                          input=data, stdout=subprocess.PIPE, check=True).stdout


class Request:
    """What the client sent, decrypted."""

    def __init__(self, server, data):
        signed = cms.ContentInfo.load(data)["content"]
        signer = signed["signer_infos"][0]
        found = {str(a["type"].dotted): a["values"][0].native for a in signer["signed_attrs"]}
        self.type, self.transaction, self.nonce = found[SCEP + "2"], found[SCEP + "7"], found[SCEP + "5"]
        self.signer = signed["certificates"][0].chosen
        public = serialization.load_der_public_key(self.signer.public_key.dump())
        hasher = hashes.SHA1() if server.lenient and signer["digest_algorithm"]["algorithm"].native == "sha1" else hashes.SHA256()
        how = {ec.EllipticCurvePublicKey: (ec.ECDSA(hasher),), dsa.DSAPublicKey: (hasher,), ed25519.Ed25519PublicKey: ()}
        public.verify(signer["signature"].native, signer["signed_attrs"].untag().dump(),
                      *next((words for kind, words in how.items() if isinstance(public, kind)), (rsa_padding.PKCS1v15(), hasher)))
        md = hashlib.new(signer["digest_algorithm"]["algorithm"].native, signed["encap_content_info"]["content"].native).digest()
        assert found["1.2.840.113549.1.9.4"] == md, "messageDigest"
        envelope = cms.ContentInfo.load(signed["encap_content_info"]["content"].native)["content"]
        recipient = envelope["recipient_infos"][0].chosen
        self.public_key = public
        if isinstance(recipient, cms.KeyAgreeRecipientInfo):
            self.content = agreed(server, envelope, recipient, signed["encap_content_info"]["content"].native)
            return
        key = server.opens(recipient["rid"].chosen["serial_number"].native).decrypt(recipient["encrypted_key"].native, rsa_padding.PKCS1v15())
        info = envelope["encrypted_content_info"]
        # Three times the same key of 8 octets is single DES.
        cipher = algorithms.TripleDES(key * (24 // len(key))) if server.lenient and len(key) in (8, 24) else algorithms.AES(key)
        decryptor = Cipher(cipher, modes.CBC(info["content_encryption_algorithm"]["parameters"].native)).decryptor()
        unpadder = padding.PKCS7(cipher.block_size).unpadder()
        text = decryptor.update(encrypted_content(info)) + decryptor.finalize()
        self.content = unpadder.update(text) + unpadder.finalize()


class Server:
    def __init__(self, folder, starts=-1, ends=300, key=None, lenient=False):
        self.folder, self.lenient = folder, lenient
        (folder / "rollover").write_text("")
        usage = ("key_cert_sign", "crl_sign", *(("digital_signature",) if lenient else ()))
        if key:  # of the CA
            key = ec.generate_private_key(ec.SECP256R1()) if key == "ec" else serialization.load_pem_private_key(pathlib.Path(key).read_bytes(), None)
        self.present = Party("root", ca=True, usage=usage, key=key, starts=starts, ends=ends)
        self.next = Party("root", ca=True, usage=usage, ends=ends + 100)
        self.agents = [Party("RA signature", self.root, usage=("digital_signature",)), Party("RA encryption", self.root, usage=("key_encipherment",))]
        self.stranger = Party("root", ca=True, usage=("key_cert_sign", "crl_sign"))
        self.requests = {}  # by transaction: the CSR
        self.last = None  # the reply before
        self.issued = b""  # the last certificate
        self.by_serial = {}
        self.revoked, self.list_url = [], None
        (folder / "root.pem").write_bytes(self.present.certificate.public_bytes(serialization.Encoding.PEM))
        (folder / "next.pem").write_bytes(self.next.certificate.public_bytes(serialization.Encoding.PEM))

    @property
    def rollover(self):
        return (self.folder / "rollover").read_text().strip()

    @property
    def root(self):
        return self.next if self.rollover == "switched" else self.present

    def authorities(self):
        """What an EST server says that the CA is (RFC 7030 section 4.1.3), and is going to be."""
        if not self.rollover or self.rollover == "switched":
            return [self.root.der]
        now = datetime.datetime.utcnow()
        links = [certify(new.certificate.subject, new.key.public_key(), by, None, True, ("key_cert_sign",), (now - DAY, now + 90 * DAY))
                 .public_bytes(serialization.Encoding.DER) for new, by in ((self.next, self.stranger if self.rollover == "stranger" else self.present),
                                                                           (self.present, self.next))]
        return [self.present.der, self.next.der, *([] if self.rollover == "unlinked" else links)]

    def next_reply(self):
        """To GetNextCACert: what is sent, and as what."""
        wrong, kind, new = self.rollover, "application/x-x509-next-ca-cert", self.next
        if wrong == "type":
            kind = "application/x-x509-ca-cert"
        usage = ("key_cert_sign", "crl_sign")
        content = {"same": [self.present.der], "present-as-well": [self.present.der, new.der], "two": [new.der, Party("other", ca=True, usage=usage).der],
                   "no-ca": [self.agents[0].der], "nothing": []}.get(wrong, [new.der])
        if wrong == "shorter":
            content = [Party("root", ca=True, usage=usage, ends=9).der]
        if wrong == "unsigned":
            return bag(content), kind
        by = {"stranger": self.stranger, "tampered": self.stranger, "agent": self.agents[0], "by-itself": new}.get(wrong, self.present)
        reply = sign(b"hello" if wrong == "no-certificates" else bag(content), {}, by, "sha1" if wrong == "sha1" else "sha256",
                     says=self.present if wrong == "tampered" else None, wrong_digest=wrong == "digest")
        return {"truncated": reply[:len(reply) // 2], "html": b"<html>Login</html>", "oversized": reply + b"\0" * 300000, "ber": ber(reply)}.get(wrong, reply), kind

    @property
    def mode(self):
        return (self.folder / "mode").read_text().strip()

    def log(self, text):
        with open(self.folder / "log", "a", encoding="utf-8") as log:
            log.write(text + "\n")

    def is_held(self, point):
        try:
            return (self.folder / "hold").read_text() == point
        except FileNotFoundError:
            return False

    def hold(self, point):
        """Waits there while FOLDER/hold names that point, and says so in FOLDER/held. What is held is as if it had never come if FOLDER/forget is there."""
        held = False
        while self.is_held(point):
            (self.folder / "held").touch()
            held = True
            time.sleep(0.02)
        if not held:
            return
        forget = (self.folder / "forget").exists()
        (self.folder / "held").unlink(missing_ok=True)  # several may be held at once
        if forget:
            raise ConnectionError("as if it had never come")

    def opens(self, serial):
        return next(p.key for p in (self.next if self.rollover == "switched" else self.present, *self.agents) if p.asn1.serial_number == serial)

    def issue(self, request, mode):
        """The certificate for a CSR, right or wrong."""
        asked = cx509.load_der_x509_csr(request)
        try:
            names = asked.extensions.get_extension_for_class(cx509.SubjectAlternativeName).value
        except cx509.ExtensionNotFound:
            names = None
        if mode == "own-name" and not names:
            names = cx509.SubjectAlternativeName([cx509.DNSName(asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)])
        now = datetime.datetime.utcnow()
        starts, ends = {"expired": (-9, -1), "not-yet": (2, 9), "old": (-30, 90), "own-name": (-30, 90)}.get(mode, (-1, 90))
        agrees = isinstance(asked.public_key(), ec.EllipticCurvePublicKey)
        receives = ["key_agreement"] if agrees else ["key_encipherment"] if isinstance(asked.public_key(), rsa.RSAPublicKey) else []
        issued = certify(name_of("somebody") if mode == "other-name" else asked.subject, key_new().public_key() if mode == "other-key" else asked.public_key(),
                         self.stranger if mode == "other-ca" else self.root, None, mode == "makes-a-ca",
                         ("key_cert_sign",) if mode == "makes-a-ca" else ("digital_signature", *receives),
                         (now + starts * DAY, now + ends * DAY),
                         cx509.SubjectAlternativeName([cx509.DNSName("extra.example")]) if mode == "extra-name" else names,
                         hashes.SHA1() if mode == "sha1-certificate" else None, point=self.list_url if mode == "revoked" else None)
        if mode == "revoked":
            self.revoked.append(issued.serial_number)
        return issued.public_bytes(serialization.Encoding.DER)

    def list_revoked(self, by):
        now = datetime.datetime.utcnow()
        builder = cx509.CertificateRevocationListBuilder().issuer_name(by.certificate.subject).last_update(now - DAY).next_update(now + 9 * DAY)
        for number in self.revoked:
            builder = builder.add_revoked_certificate(cx509.RevokedCertificateBuilder().serial_number(number).revocation_date(now - DAY).build())
        return builder.add_extension(cx509.CRLNumber(int(now.timestamp())), critical=False).sign(by.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def look_up(self, request, mode):
        """What GetCert and GetCRL ask for; None when it is not there."""
        asked = cms.IssuerAndSerialNumber.load(request.content)
        if asked["issuer"].dump() != self.root.asn1.subject.dump():
            return None
        if request.type == "21":
            found = self.by_serial.get(asked["serial_number"].native)
            return found and bag([self.stranger.der if mode == "another" else found])
        if mode == "no-list" or asked["serial_number"].native not in self.by_serial:
            return None
        lists = [self.list_revoked(self.stranger if mode == "list-of-stranger" else self.root)]
        return b"hello" if mode == "list-broken" else bag([], {"empty-bag": [], "two-lists": lists * 2}.get(mode, lists))

    @staticmethod
    def challenge(request):
        attributes = csr.CertificationRequest.load(request)["certification_request_info"]["attributes"]
        return next((a["values"][0].native for a in attributes if a["type"].native == "challenge_password"), None)

    def content(self, request, mode):
        to = (request.signer, request.public_key)
        agrees = isinstance(request.public_key, ec.EllipticCurvePublicKey)
        if mode == "bad-key":
            to = (request.signer, ec.generate_private_key(request.public_key.curve).public_key() if agrees else self.stranger.key.public_key())
        elif mode in ("transport", "agreement"):
            to = (request.signer, self.stranger.key.public_key() if mode == "transport" else ec.generate_private_key(ec.SECP256R1()).public_key())
        recipients = {"other-recipient": [(self.root.asn1, to[1])], "two-recipients": [to, to]}.get(mode, [to])
        if mode == "password" or not isinstance(request.public_key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
            password = self.challenge(self.requests.get(request.transaction) or list(self.requests.values())[-1]) or "anything"
            for_a_key = (self.root.asn1, self.stranger.key.public_key())
            recipients = {"two-recipients": [(password, None)] * 2, "key-recipient": [for_a_key], "key-as-well": [(password, None), for_a_key]}.get(
                mode, [(password, None)])
        if request.type in ("21", "22"):
            found = self.look_up(request, mode)
            return ber(encrypt(ber(found), recipients)) if mode == "ber" else encrypt(found, recipients, wrong=mode)
        if mode != "echo":
            self.issued = self.issue(self.requests[request.transaction], mode)
            self.by_serial[x509.Certificate.load(self.issued).serial_number] = self.issued
        data = bag([self.issued, self.root.der])
        if mode == "ber":
            return ber(encrypt(ber(data), recipients))
        data = sign(b"x", {}, self.root) if mode == "signed-bag" else {"no-certificates": b"hello", "empty-bag": bag([]), "bag-type": retyped(data, 1, 5)}.get(mode, data)
        if mode == "openssl" and isinstance(recipients[0][0], str):
            return encrypt_under_with_openssl(data, recipients[0][0])
        if mode in ("openssl", "openssl-sha256"):
            return encrypt_with_openssl(self.folder, data, request.signer, *(() if mode == "openssl" else ("-keyopt", "ecdh_kdf_md:sha256")))
        envelope = encrypt(data, recipients, {"des": "des", "des3": "des3"}.get(mode, "aes"),
                           {"envelope-version": "v3", "envelope-other-version": "v0" if agrees or isinstance(recipients[0][0], str) else "v2"}.get(mode),
                           "v3" if mode == "recipient-version" else "v0", mode)
        return retyped(envelope, 3, 5) if mode == "envelope-type" else envelope

    def answer(self, data):
        mode, request = self.mode, Request(self, data)
        self.log(f"{request.type} {request.transaction}")
        if request.type in ("17", "19"):
            asked = csr.CertificationRequest.load(request.content)
            password = self.challenge(request.content)
            self.log(f"challenge {[password] if password is not None else []}")
            self.log(f"request {hashlib.md5(asked.dump()).hexdigest().upper()} {hashlib.sha256(asked.dump()).hexdigest().upper()}")
        self.hold("received")
        if request.type in ("17", "19"):
            self.requests[request.transaction] = request.content
        if mode == "no-polls" and request.type == "20":
            return None
        if mode == "replay" and self.last:
            return self.last
        if mode == "then-pending":
            (self.folder / "mode").write_text("pending")
        attributes = {"message_type": "3", "transaction": request.transaction, "status": "0", "sender_nonce": os.urandom(16),
                      "recipient_nonce": request.nonce}
        if (not self.look_up(request, mode)) if request.type in ("21", "22") else request.transaction not in self.requests:
            mode = "fail 1" if mode == "polls-refused" else "fail 4"
        if mode == "pending-issued" and request.type in ("17", "19", "20"):
            self.content(request, mode)
            self.log(f"issued {x509.Certificate.load(self.issued).serial_number:x}")
            mode = "pending"
        if mode == "pending" or mode.startswith("fail"):
            attributes["status"] = "3" if mode == "pending" else "2"
            attributes["fail_info"] = None if mode == "pending" else mode.partition(" ")[2]
            return sign(None, attributes, self.root)
        attributes.update({"message-type": {"message_type": "19"}, "transaction": {"transaction": "0" * 64}, "nonce": {"recipient_nonce": b"\0" * 16},
                           "no-nonce": {"recipient_nonce": None}, "no-sender-nonce": {"sender_nonce": None}, "empty-sender-nonce": {"sender_nonce": b""},
                           "status": {"status": "1"}, "no-status": {"status": None}}.get(mode, {}))
        by = {"ra": self.agents[0], "stranger": self.stranger, "wrong-signature": self.stranger}.get(mode, self.root)
        content = None if mode == "nothing" else self.content(request, mode)
        reply = sign(content, attributes, by, {"sha1": "sha1", "md5": "md5"}.get(mode, "sha256"),
                     says=self.root if mode == "wrong-signature" else None, twice="transaction" if mode == "twice" else None,
                     wrong_digest=mode == "digest", content_type="signed_data" if mode == "content-type" else "data",
                     version="v0" if mode == "version" else "v1", of_signer="v3" if mode == "signer-version" else "v1")
        reply = {"outer-type": retyped(reply, 2, 5), "inner-type": retyped(reply, 1, 5)}.get(mode, reply)
        self.last = reply
        self.hold("answered")
        return {"truncated": reply[:len(reply) // 2], "empty": b"", "html": b"<html>Login</html>", "oversized": reply + b"\0" * 300000,
                "trailing": reply + b"\0", "ber": ber(reply), "ber-endless": ber(reply)[:-2], "ber-deep": b"\x30\x80" * 99 + b"\0\0" * 99}.get(mode, reply)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer: two of them wait for each other (Nagle, delayed acknowledgement)

    def setup(self):
        super().setup()
        self.server.ca.log("connection")

    def reply(self, body, status=200, kind="application/x-pki-message", location=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)

    def operation(self, data):
        server, mode = self.server.ca, self.server.ca.mode
        if self.path == "/ca.crl":
            server.log("GET ca.crl")
            return self.reply(server.list_revoked(server.root), kind="application/pkix-crl")
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        name = query.get("operation", [""])[0]
        server.log(f"{self.command} {name}")
        if name == "GetCACaps":
            server.hold("asked")
            if mode.startswith("capabilities-"):
                return self.reply({"html": b"<html>AES SHA-256 POSTPKIOperation</html>", "empty": b"", "oversized": b"AES\nSHA-256\n" * 30000}.get(
                    mode[13:], b""), 500 if mode == "capabilities-status" else 200, kind="text/plain")
            return self.reply({"no-aes": b"SHA-256\r\nPOSTPKIOperation\n", "no-sha256": b"AES\nPOSTPKIOperation\n", "get": b"AES\nSHA-256\n"}.get(
                mode, b"SCEPStandard\nRenewal\n" + (b"AES\nSHA-256\nPOSTPKIOperation\n" if server.lenient else b""))
                + (b"GetNextCACert\n" if server.rollover else b""), kind="text/plain")
        if name == "GetNextCACert":
            if server.rollover == "status":
                return self.reply(b"", 404)
            body, kind = server.next_reply()
            return self.reply(body, kind=kind)
        if name == "GetCACert" and mode == "ber":
            return self.reply(ber(bag([server.root.der])), kind="application/x-x509-ca-ra-cert")
        if name == "GetCACert":
            if mode in ("ra", "strange-ra"):
                agents = [Party("RA", server.stranger, usage=("digital_signature", "key_encipherment"))] if mode == "strange-ra" else server.agents
                return self.reply(bag([agents[0].der, server.root.der, *[a.der for a in agents[1:]]]), kind="application/x-x509-ca-ra-cert")
            other = {"no-ca": b"hello", "ca-empty": b"", "ca-html": b"<html>Login</html>", "ca-truncated": server.root.der[:-9],
                     "ca-trailing": server.root.der + b"\0", "ca-oversized": server.root.der + b"\0" * 300000, "ca-empty-bag": bag([]),
                     "ca-two": bag([server.root.der, server.stranger.der]),
                     "ca-leaf": server.agents[0].der}
            if mode == "ca-signed":
                other = {mode: sign(bag([server.root.der]), {}, server.root)}
            return self.reply(other.get(mode, server.root.der), 500 if mode == "ca-status" else 200, kind="application/x-x509-ca-cert")
        if mode == "redirect":
            return self.reply(b"", 302, location="http://127.0.0.1:1/")
        if mode == "status-500":
            return self.reply(b"", 500)
        if data is None:
            data = base64.b64decode(query["message"][0])
        answer = server.answer(data)
        return self.reply(answer or b"", 500 if answer is None else 200)

    def do_GET(self):
        self.operation(None)

    def do_POST(self):
        self.operation(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_):
        pass


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mode").write_text("grant")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    lenient = sys.argv[2:] == ["lenient"]
    server.ca = Server(folder, *(int(days) for days in sys.argv[2:4] if not lenient), *sys.argv[4:], lenient=lenient)
    server.ca.list_url = f"http://127.0.0.1:{server.server_port}/ca.crl"
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
