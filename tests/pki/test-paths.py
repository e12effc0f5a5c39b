#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""test-paths.py VERIFY-CHAIN: certification paths good and bad, made on the spot. For each, what RFC 5280 says is written here; the pool's verdict has to be that one,
and the one of `openssl verify -x509_strict` with the same anchors, CRLs and moment. Reported in TAP."""

import base64
import contextlib
import datetime
import ipaddress
import pathlib
import resource
import subprocess
import sys
import tempfile

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku
from cryptography.x509.oid import NameOID

NOW = datetime.datetime(2030, 6, 1)
DAY = datetime.timedelta(days=1)
POLICY = x509.ObjectIdentifier("1.3.6.1.4.1.99999.1")
USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign", "encipher_only",
          "decipher_only")


def usage(*names):
    return x509.KeyUsage(**{name: name in names for name in USAGES})


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Party:
    """A name and a key; what they are certified for is said by others."""

    serial = 1000

    def __init__(self, name, key=None):
        self.name, self.key = name_of(name), key or ec.generate_private_key(ec.SECP256R1())

    def identifier(self):
        return x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())

    def certify(self, subject, *extensions, ca=True, path=None, keys=("key_cert_sign", "crl_sign"), begin=-100, end=100, digest=None, by=None, without=()):
        """A certificate for the subject. keys None: no key usage; without: types of extensions that are left out."""
        Party.serial += 1
        all_ = [(x509.BasicConstraints(ca=ca, path_length=path), True), (subject.identifier(), False),
                (x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)]
        if keys is not None:
            all_.append((usage(*keys), True))
        all_ = [(extension, critical) for extension, critical in all_ if not isinstance(extension, without)]
        all_ += [e if isinstance(e, tuple) else (e, False) for e in extensions]
        builder = x509.CertificateBuilder().subject_name(subject.name).issuer_name(self.name).public_key(subject.key.public_key())
        builder = builder.serial_number(Party.serial).not_valid_before(NOW + begin * DAY).not_valid_after(NOW + end * DAY)
        for extension, critical in all_:
            builder = builder.add_extension(extension, critical)
        return builder.sign((by or self).key, digest or hashes.SHA256())

    def revoke(self, *certificates, begin=-1, end=10, by=None, extensions=(), number=1, entry=None):
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name).last_update(NOW + begin * DAY).next_update(NOW + end * DAY)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False)
        builder = builder.add_extension(x509.CRLNumber(number), False)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        for certificate in certificates:
            revoked = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(NOW - DAY)
            builder = builder.add_revoked_certificate((revoked.add_extension(*entry) if entry else revoked).build())
        return builder.sign((by or self).key, hashes.SHA256())


def dns(*names):
    return x509.SubjectAlternativeName([x509.DNSName(name) for name in names])


def leaf_extensions(*names, eku=Eku.SERVER_AUTH):
    return dns(*names or ("host.example",)), x509.ExtendedKeyUsage([eku])


ROOT, SUB, SUB2, LEAF, OTHER = (Party(name) for name in ("Root", "Sub", "Sub 2", "leaf", "Other"))
ROOT_CERT, OTHER_CERT = ROOT.certify(ROOT), OTHER.certify(OTHER)
SUB_CERT = ROOT.certify(SUB)


def end_entity(issuer=SUB, *extensions, **more):
    return issuer.certify(LEAF, *(extensions or leaf_extensions()), ca=False, keys=more.pop("keys", ("digital_signature",)), **more)


LEAF_CERT = end_entity()
CASES = []


def case(title, good, *chain, anchors=(ROOT_CERT,), crls=(), purpose="tls-server", name=None, revocation="none"):
    CASES.append((title, good, chain, anchors, crls, purpose, name, revocation))


def describe_plain():
    case("plain", True, LEAF_CERT, SUB_CERT)
    case("others in between", True, LEAF_CERT, OTHER_CERT, SUB_CERT)
    case("nobody of the pool", False, LEAF_CERT, SUB_CERT, anchors=(OTHER_CERT,))
    case("root brought along and not in the pool", False, LEAF_CERT, SUB_CERT, ROOT_CERT, anchors=(OTHER_CERT,))
    case("intermediate missing", False, LEAF_CERT)
    case("intermediate is in the pool", True, LEAF_CERT, anchors=(SUB_CERT,))
    case("leaf expired", False, end_entity(end=-1), SUB_CERT)
    case("leaf not yet valid", False, end_entity(begin=1), SUB_CERT)
    case("intermediate expired", False, LEAF_CERT, ROOT.certify(SUB, end=-1))
    case("root expired", False, LEAF_CERT, SUB_CERT, anchors=(ROOT.certify(ROOT, end=-1),))
    case("signed by another key", False, end_entity(by=OTHER), SUB_CERT)
    case("intermediate signed by another key", False, LEAF_CERT, ROOT.certify(SUB, by=OTHER))
    with contextlib.suppress(UnsupportedAlgorithm):  # later versions of the library refuse to make one
        case("SHA-1", False, end_entity(digest=hashes.SHA1()), SUB_CERT)
    twin = Party("Root")
    case("another root of the same name", False, twin.certify(LEAF, *leaf_extensions(), ca=False, keys=("digital_signature",)))
    case("critical extension that nobody knows", False,
         end_entity(SUB, *leaf_extensions(), (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.7"), b"\5\0"), True)), SUB_CERT)
    case("the same, not critical", True,
         end_entity(SUB, *leaf_extensions(), x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.7"), b"\5\0")), SUB_CERT)


def describe_constraints():
    case("issuer is no CA", False, LEAF_CERT, ROOT.certify(SUB, ca=False, keys=("digital_signature",)))
    case("issuer may not sign certificates", False, LEAF_CERT, ROOT.certify(SUB, keys=("crl_sign",)))
    case("issuer without basic constraints", False, LEAF_CERT, ROOT.certify(SUB, without=(x509.BasicConstraints,)))
    case("path length kept", True, LEAF_CERT, ROOT.certify(SUB, path=0))
    case("path too long", False, end_entity(SUB2), SUB.certify(SUB2), ROOT.certify(SUB, path=0))
    case("path length of a CA further up", False, end_entity(SUB2), SUB.certify(SUB2), SUB_CERT, anchors=(ROOT.certify(ROOT, path=0),))
    only = lambda **trees: (x509.NameConstraints(**{"permitted_subtrees": None, "excluded_subtrees": None, **trees}), True)
    permitted, excluded = only(permitted_subtrees=[x509.DNSName("example")]), only(excluded_subtrees=[x509.DNSName("host.example")])
    case("name permitted", True, LEAF_CERT, ROOT.certify(SUB, permitted))
    case("name not permitted", False, end_entity(SUB, *leaf_extensions("host.test")), ROOT.certify(SUB, permitted))
    case("one of the names not permitted", False, end_entity(SUB, *leaf_extensions("host.example", "host.test")), ROOT.certify(SUB, permitted))
    case("name excluded", False, LEAF_CERT, ROOT.certify(SUB, excluded))
    case("name below an excluded one", False, end_entity(SUB, *leaf_extensions("a.host.example")), ROOT.certify(SUB, excluded))
    case("name excluded further up", False, end_entity(SUB2), SUB.certify(SUB2), ROOT.certify(SUB, excluded))
    address = only(permitted_subtrees=[x509.IPAddress(ipaddress.ip_network("192.0.2.0/24"))])
    for text, good in (("192.0.2.1", True), ("198.51.100.1", False)):
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(text))])
        case(f"address {text}", good, end_entity(SUB, names, x509.ExtendedKeyUsage([Eku.SERVER_AUTH])), ROOT.certify(SUB, address))
    explicit = (x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None), True)
    policies = x509.CertificatePolicies([x509.PolicyInformation(POLICY, None)])
    case("no policy where one is required", False, LEAF_CERT, ROOT.certify(SUB, explicit, policies))
    case("the policy that is required", True, end_entity(SUB, *leaf_extensions(), policies), ROOT.certify(SUB, explicit, policies))
    case("policy lost on the way", False, end_entity(SUB, *leaf_extensions(), policies), ROOT.certify(SUB, explicit))


def describe_names():
    """Constraints on every kind of name that OpenSSL knows, and where names are."""
    tree = lambda kind, *names: ROOT.certify(SUB, (x509.NameConstraints(**{"permitted_subtrees": None, "excluded_subtrees": None, kind: list(names)}), True))
    allowed, barred = (lambda *names: tree("permitted_subtrees", *names)), (lambda *names: tree("excluded_subtrees", *names))
    with_names = lambda *names: end_entity(SUB, x509.SubjectAlternativeName(names), x509.ExtendedKeyUsage([Eku.SERVER_AUTH]))
    mail, uri, folder = x509.RFC822Name, x509.UniformResourceIdentifier, x509.DirectoryName
    address = lambda text: x509.IPAddress((ipaddress.ip_network if "/" in text else ipaddress.ip_address)(text))
    place = lambda *parts: x509.Name([x509.NameAttribute(oid, text) for oid, text in zip((NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME), parts)])
    for title, base, inside, outside in (
            ("mail host", mail("mail.example"), mail("a@mail.example"), mail("a@b.mail.example")), ("mail domain", mail(".example"), mail("a@mail.example"), mail("a@example")),
            ("mailbox", mail("a@mail.example"), mail("a@mail.example"), mail("b@mail.example")),
            ("URI's host", uri("host.example"), uri("http://host.example/x"), uri("http://a.host.example/")),
            ("URI's domain", uri(".example"), uri("http://host.example/x"), uri("http://host.test/")),
            ("IPv6", address("2001:db8::/32"), address("2001:db8::1"), address("2001:db9::1"))):
        case(f"{title}, permitted", True, with_names(inside), allowed(base))
        case(f"{title}, not permitted", False, with_names(outside), allowed(base))
        case(f"{title}, excluded", False, with_names(inside), barred(base))
        case(f"{title}, not excluded", True, with_names(outside), barred(base))
    case("folder, excluded", False, with_names(folder(place("Example", "x"))), barred(folder(place("Example"))))
    case("folder, not excluded", True, with_names(folder(place("Test", "x"))), barred(folder(place("Example"))))
    case("names of another kind are free", True, with_names(mail("a@mail.test"), x509.DNSName("host.example")), allowed(x509.DNSName("example")))
    case("excluded within what is permitted", False, LEAF_CERT,
         ROOT.certify(SUB, (x509.NameConstraints([x509.DNSName("example")], [x509.DNSName("host.example")]), True)))
    eku = x509.ExtendedKeyUsage([Eku.SERVER_AUTH])
    case("subject not permitted", False, SUB.certify(Named(place("Test", "leaf")), dns("host.example"), eku, ca=False, keys=("digital_signature",)),
         allowed(folder(place("Example"))))
    case("subject permitted", True, SUB.certify(Named(place("Example", "leaf")), dns("host.example"), eku, ca=False, keys=("digital_signature",)),
         allowed(folder(place("Example"))))
    case("host in the common name only, not permitted", False,
         SUB.certify(Named(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "host.test")])), eku, ca=False, keys=("digital_signature",)), allowed(x509.DNSName("example")))
    case("CA between whose subject is not permitted", False, end_entity(SUB2), SUB.certify(SUB2), allowed(folder(place("Example"))))


class Named(Party):
    """A party with more than a common name."""

    def __init__(self, name):
        super().__init__("-")
        self.name = name


class Bent:
    """A certificate in which some octets are others."""

    def __init__(self, certificate, old, new, last=True):
        der = certificate.public_bytes(serialization.Encoding.DER)
        assert old in der and len(old) == len(new)
        at = der.rindex(old) if last else der.index(old)
        self.der = der[:at] + new + der[at + len(old):]

    def public_bytes(self, encoding):
        return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(self.der) + b"-----END CERTIFICATE-----\n"


def describe_forms():
    """What is written in another way than it has to be; what nobody knows, wherever it is; and CAs that have another key now."""
    unknown = (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.7"), b"\5\0"), True)
    case("intermediate with a critical extension that nobody knows", False, LEAF_CERT, ROOT.certify(SUB, unknown))
    case("intermediate with another one, not critical", True, LEAF_CERT, ROOT.certify(SUB, unknown[0]))
    sha256, sha384 = bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d040303")
    case("another algorithm outside (F22)", False, Bent(LEAF_CERT, sha256, sha384), SUB_CERT)
    case("another algorithm inside (F22)", False, Bent(LEAF_CERT, sha256, sha384, last=False), SUB_CERT)
    case("a bit of the signature", False, Bent(LEAF_CERT, LEAF_CERT.signature[-4:], bytes([*LEAF_CERT.signature[-4:-1], LEAF_CERT.signature[-1] ^ 1])), SUB_CERT)
    case("version 1 with extensions", False, Bent(LEAF_CERT, bytes.fromhex("a003020102"), bytes.fromhex("a003020100"), last=False), SUB_CERT)
    every = x509.ObjectIdentifier("2.5.29.37.0")
    case("any extended key usage", True, end_entity(SUB, dns("host.example"), x509.ExtendedKeyUsage([Eku.SERVER_AUTH, every])), SUB_CERT)
    case("no extended key usage", True, end_entity(SUB, dns("host.example")), SUB_CERT)
    case("extended key usage of something else, critical", False,
         end_entity(SUB, dns("host.example"), (x509.ExtendedKeyUsage([Eku.CODE_SIGNING]), True)), SUB_CERT)
    case("key usage that a server cannot use", False, end_entity(SUB, *leaf_extensions(), keys=("crl_sign",)), SUB_CERT)
    case("path length 0, self-issued in between", True, LEAF_CERT, NEW_SUB.certify(SUB), ROOT.certify(NEW_SUB, path=0))
    case("CA with a new key, signed with the old one", True, end_entity(NEW_SUB), SUB.certify(NEW_SUB), SUB_CERT)
    case("CA with a new key, signed by a stranger", False, end_entity(NEW_SUB), OTHER.certify(NEW_SUB), SUB_CERT)
    case("self-signed end entity that is trusted", False, SELF_SIGNED, anchors=(SELF_SIGNED,))
    case("self-signed end entity that is not", False, SELF_SIGNED)
    # OpenSSL does not go back: a path that is there and not found.
    case("two ways up, one of them not permitted", False, LEAF_CERT, ROOT.certify(SUB, keys=("crl_sign",), end=50), SUB_CERT)


NEW_SUB = Party("Sub")
SELF_SIGNED = LEAF.certify(LEAF, *leaf_extensions(), ca=False, keys=("digital_signature",))


def policies(*oids):
    return x509.CertificatePolicies([x509.PolicyInformation(oid, None) for oid in oids])


def element(tag, content):
    size = len(content).to_bytes(4, "big").lstrip(b"\0")
    return bytes([tag]) + (bytes([len(content)]) if len(content) < 0x80 else bytes([0x80 | len(size)]) + size) + content


def mappings(*pairs):
    """The issuer's policy, and the one of the subject's domain that is as good; of arcs below POLICY's."""
    prefix = bytes.fromhex("2b060104" "01868d1f")  # 1.3.6.1.4.1.99999
    named = lambda oid: element(6, bytes.fromhex("551d2000") if oid == ANY_POLICY else prefix + bytes([int(oid.dotted_string.rpartition(".")[2])]))
    content = b"".join(element(0x30, named(a) + named(b)) for a, b in pairs)
    return (x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.33"), element(0x30, content)), True)


ANY_POLICY, FIRST, SECOND, THIRD = (x509.ObjectIdentifier(text) for text in ("2.5.29.32.0", "1.3.6.1.4.1.99999.1", "1.3.6.1.4.1.99999.2", "1.3.6.1.4.1.99999.3"))


def describe_policies():
    explicit = (x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None), True)
    unmapped = (x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=0), True)
    leaf = lambda *oids, by=SUB2: end_entity(by, *leaf_extensions(), *([policies(*oids)] if oids else []))
    top = lambda *more: ROOT.certify(SUB, *more)
    case("policy mapped on the way", True, leaf(SECOND), SUB.certify(SUB2, policies(FIRST), mappings((FIRST, SECOND))), top(explicit, policies(FIRST)))
    case("policy of before the mapping", False, leaf(FIRST), SUB.certify(SUB2, policies(FIRST), mappings((FIRST, SECOND))), top(explicit, policies(FIRST)))
    case("policy that nothing was mapped to", False, leaf(THIRD), SUB.certify(SUB2, policies(FIRST), mappings((FIRST, SECOND))), top(explicit, policies(FIRST)))
    case("mapping that is inhibited", False, leaf(SECOND), SUB.certify(SUB2, policies(FIRST), mappings((FIRST, SECOND))), top(unmapped, policies(FIRST)))
    case("mapping of any policy", False, leaf(SECOND), SUB.certify(SUB2, policies(FIRST), mappings((ANY_POLICY, SECOND))), top(explicit, policies(FIRST)))
    case("mapping to any policy", False, leaf(SECOND), SUB.certify(SUB2, policies(FIRST), mappings((FIRST, ANY_POLICY))), top(explicit, policies(FIRST)))
    case("any policy in between", True, leaf(FIRST), SUB.certify(SUB2, policies(ANY_POLICY)), top(explicit, policies(FIRST)))
    case("any policy in between, inhibited", False, leaf(FIRST), SUB.certify(SUB2, policies(ANY_POLICY)),
         top(explicit, policies(FIRST), (x509.InhibitAnyPolicy(0), True)))
    for skipped, good in ((2, False), (3, True)):
        case(f"explicit policy {skipped} further down", good, leaf(), SUB.certify(SUB2), top((x509.PolicyConstraints(skipped, None), True)))
    case("the same policy twice", False, end_entity(SUB, *leaf_extensions(), policies(FIRST, FIRST)), top(explicit, policies(FIRST)))


def describe_bombs():
    """PEERS F33: a policy tree that doubles at each of its levels, for a second or two of a processor, not for ever; as many names as constraints."""
    parties = [Party(f"Level {i}") for i in range(14)]
    doubles = [policies(FIRST, SECOND), mappings((FIRST, FIRST), (FIRST, SECOND), (SECOND, FIRST), (SECOND, SECOND))]
    links = [a.certify(b, *doubles) for a, b in zip([ROOT, *parties], parties)]
    links[0] = ROOT.certify(parties[0], (x509.PolicyConstraints(0, None), True), *doubles)
    last = end_entity(parties[-1], *leaf_extensions(), policies(FIRST))
    case("policy tree that doubles", False, last, *reversed(links))
    many = [x509.DNSName(f"{i}.example") for i in range(1100)]
    constrained = ROOT.certify(SUB, (x509.NameConstraints(permitted_subtrees=many, excluded_subtrees=None), True))
    case("a thousand names and a thousand constraints", False, end_entity(SUB, x509.SubjectAlternativeName(many), x509.ExtendedKeyUsage([Eku.SERVER_AUTH])), constrained)
    # What is beyond 8192 bits is not read, so that nobody has to compute with it.
    long = rsa.RSAPublicNumbers(65537, (1 << 16383) + 1).public_key()
    case("RSA key of 16384 bits", False, SUB.certify(Wearer("long", long), *leaf_extensions(), ca=False, keys=("digital_signature",)), SUB_CERT)


class Wearer:
    """A public key whose private one nobody has."""

    def __init__(self, name, public):
        self.name, self.key = name_of(name), self
        self.public_key = lambda: public

    def identifier(self):
        return x509.SubjectKeyIdentifier(b"wearer")


def describe_purpose_and_name():
    client = end_entity(SUB, *leaf_extensions(eku=Eku.CLIENT_AUTH))
    case("client's certificate for a server", False, client, SUB_CERT)
    case("client's certificate for a client", True, client, SUB_CERT, purpose="tls-client")
    case("server's certificate for a client", False, LEAF_CERT, SUB_CERT, purpose="tls-client")
    case("anything for any purpose", True, client, SUB_CERT, purpose="any")
    case("CA that may issue for clients only", False, LEAF_CERT, ROOT.certify(SUB, x509.ExtendedKeyUsage([Eku.CLIENT_AUTH])))
    case("its name", True, LEAF_CERT, SUB_CERT, name="host.example")
    case("its name in capitals", True, LEAF_CERT, SUB_CERT, name="HOST.example")
    case("another name", False, LEAF_CERT, SUB_CERT, name="other.example")
    case("a name below", False, LEAF_CERT, SUB_CERT, name="a.host.example")
    wild = end_entity(SUB, *leaf_extensions("*.net.example"))
    case("wildcard", True, wild, SUB_CERT, name="host.net.example")
    case("wildcard for one label only", False, wild, SUB_CERT, name="a.host.net.example")
    case("wildcard for a whole domain", False, end_entity(SUB, *leaf_extensions("*.example")), SUB_CERT, name="host.example")
    case("wildcard within a label", False, end_entity(SUB, *leaf_extensions("ho*.net.example")), SUB_CERT, name="host.net.example")
    address = end_entity(SUB, x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("192.0.2.1"))]), x509.ExtendedKeyUsage([Eku.SERVER_AUTH]))
    case("its address", True, address, SUB_CERT, name="192.0.2.1")
    case("another address", False, address, SUB_CERT, name="192.0.2.2")
    case("address as a name", False, end_entity(SUB, *leaf_extensions("192.0.2.1")), SUB_CERT, name="192.0.2.1")


def describe_crossing():
    """PEERS F24: an expired cross-certificate beside a root that is trusted, as in the May of 2020."""
    old = OTHER.certify(ROOT, end=-1)
    case("expired cross-certificate in the way", True, LEAF_CERT, SUB_CERT, old, OTHER_CERT, anchors=(ROOT_CERT, OTHER_CERT))
    case("expired cross-certificate first", True, LEAF_CERT, old, SUB_CERT, anchors=(ROOT_CERT,))
    case("nothing but the expired cross-certificate", False, LEAF_CERT, SUB_CERT, old, anchors=(OTHER_CERT,))
    case("cross-certificate", True, LEAF_CERT, SUB_CERT, OTHER.certify(ROOT), anchors=(OTHER_CERT,))
    case("loop", False, LEAF_CERT, SUB2.certify(SUB), SUB.certify(SUB2), anchors=(ROOT_CERT,))
    # OpenSSL does not go back out of a loop: a path that is there and not found.
    case("loop with a way out", False, LEAF_CERT, SUB2.certify(SUB), SUB.certify(SUB2), ROOT.certify(SUB2), anchors=(ROOT_CERT,))
    parties = [Party(f"CA {i}") for i in range(20)]
    links = [a.certify(b) for a, b in zip(parties, parties[1:])]
    last = parties[-1].certify(LEAF, *leaf_extensions(), ca=False, keys=("digital_signature",))
    case("path of 21", False, last, *reversed(links), anchors=(parties[0].certify(parties[0]),))


def strange_entry():
    return (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.9"), b"\5\0"), True)


def reason_of(name):
    return (x509.CRLReason(getattr(x509.ReasonFlags, name)), False)


def describe_revocation():
    root_crl, sub_crl = ROOT.revoke(), SUB.revoke()
    needs = {"revocation": "required"}
    case("CRLs", True, LEAF_CERT, SUB_CERT, crls=(root_crl, sub_crl), **needs)
    case("revoked", False, LEAF_CERT, SUB_CERT, crls=(root_crl, SUB.revoke(LEAF_CERT)), **needs)
    case("issuer revoked", False, LEAF_CERT, SUB_CERT, crls=(ROOT.revoke(SUB_CERT), sub_crl), **needs)
    case("no CRL", False, LEAF_CERT, SUB_CERT, **needs)
    case("no CRL of the root", False, LEAF_CERT, SUB_CERT, crls=(sub_crl,), **needs)
    case("CRL of somebody else", False, LEAF_CERT, SUB_CERT, crls=(root_crl, OTHER.revoke()), **needs)
    case("CRL signed by somebody else", False, LEAF_CERT, SUB_CERT, crls=(root_crl, SUB.revoke(by=OTHER)), **needs)
    case("CRL of yesterday", False, LEAF_CERT, SUB_CERT, crls=(root_crl, SUB.revoke(begin=-10, end=-1)), **needs)
    case("CRL of tomorrow", False, LEAF_CERT, SUB_CERT, crls=(root_crl, SUB.revoke(begin=1)), **needs)
    case("issuer may not sign CRLs", False, LEAF_CERT, ROOT.certify(SUB, keys=("key_cert_sign",)), crls=(root_crl, sub_crl), **needs)
    case("revoked, not asked for", True, LEAF_CERT, SUB_CERT, crls=(root_crl, SUB.revoke(LEAF_CERT)))
    users = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
    authorities = x509.IssuingDistributionPoint(None, None, False, True, None, False, False)
    case("CRL for users only", True, LEAF_CERT, SUB_CERT, crls=(root_crl, SUB.revoke(extensions=[(users, True)])), **needs)
    case("CRL for CAs only", False, LEAF_CERT, SUB_CERT, crls=(root_crl, SUB.revoke(extensions=[(authorities, True)])), **needs)
    case("CRL of the one above the anchor", True, LEAF_CERT, ROOT_CERT, anchors=(SUB_CERT,), crls=(root_crl, sub_crl), **needs)
    case("anchor that is on the CRL of the one above it", False, LEAF_CERT, ROOT_CERT, anchors=(SUB_CERT,), crls=(ROOT.revoke(SUB_CERT), sub_crl), **needs)
    case("CRL of the CA's earlier key", True, end_entity(NEW_SUB), SUB.certify(NEW_SUB), SUB_CERT, crls=(root_crl, sub_crl, NEW_SUB.revoke(number=3)), **needs)
    case("CRL of a key of that name that nobody vouches for", False, LEAF_CERT, SUB_CERT, crls=(root_crl, NEW_SUB.revoke()), **needs)
    case("entry with a critical extension that nobody knows", False, LEAF_CERT, SUB_CERT, crls=(root_crl, SUB.revoke(OTHER_CERT, entry=strange_entry())), **needs)
    case("on hold", False, LEAF_CERT, SUB_CERT, crls=(root_crl, SUB.revoke(LEAF_CERT, entry=reason_of("certificate_hold"))), **needs)
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.8"), b"\5\0")
    case("CRL with a critical extension that nobody knows", False, LEAF_CERT, SUB_CERT, crls=(root_crl, SUB.revoke(extensions=[(unknown, True)])), **needs)
    delta = SUB.revoke(LEAF_CERT, extensions=[(x509.DeltaCRLIndicator(1), True)], number=2)
    fresh = x509.FreshestCRL([x509.DistributionPoint([x509.UniformResourceIdentifier("http://ca.example/delta")], None, None, None)])
    case("revoked in the delta", False, LEAF_CERT, SUB_CERT, crls=(root_crl, SUB.revoke(extensions=[(fresh, False)]), delta), **needs)


def describe_deltas():
    root_crl, needs = ROOT.revoke(), {"revocation": "required"}
    fresh = (x509.FreshestCRL([x509.DistributionPoint([x509.UniformResourceIdentifier("http://ca.example/delta")], None, None, None)]), False)
    base = SUB.revoke(extensions=[fresh], number=5)

    def delta(*certificates, number=6, since=5, by=None, **more):
        return SUB.revoke(*certificates, extensions=[(x509.DeltaCRLIndicator(since), True)], number=number, by=by, **more)

    case("delta without it", True, LEAF_CERT, SUB_CERT, crls=(root_crl, base, delta()), **needs)
    case("revoked in the delta of an older base", False, LEAF_CERT, SUB_CERT, crls=(root_crl, base, delta(LEAF_CERT, since=3)), **needs)
    case("delta of a later base", True, LEAF_CERT, SUB_CERT, crls=(root_crl, base, delta(LEAF_CERT, since=6, number=7)), **needs)
    case("delta from before the base", True, LEAF_CERT, SUB_CERT, crls=(root_crl, base, delta(LEAF_CERT, since=2, number=4)), **needs)
    case("delta signed by somebody else", False, LEAF_CERT, SUB_CERT, crls=(root_crl, base, delta(by=OTHER)), **needs)
    case("delta without its base", False, LEAF_CERT, SUB_CERT, crls=(root_crl, delta()), **needs)
    case("base of yesterday, delta of today", True, LEAF_CERT, SUB_CERT, crls=(root_crl, SUB.revoke(extensions=[fresh], number=5, begin=-9, end=-1), delta()), **needs)
    held = SUB.revoke(LEAF_CERT, extensions=[fresh], number=5, entry=reason_of("certificate_hold"))
    case("held in the base, released in the delta", True, LEAF_CERT, SUB_CERT, crls=(root_crl, held, delta(LEAF_CERT, entry=reason_of("remove_from_crl"))), **needs)
    case("revoked in the base", False, LEAF_CERT, SUB_CERT, crls=(root_crl, SUB.revoke(LEAF_CERT, extensions=[fresh], number=5), delta()), **needs)


def scope(name=None, reasons=None, indirect=False):
    names = [x509.UniformResourceIdentifier(f"http://ca.example/{name}")] if name else None
    return (x509.IssuingDistributionPoint(names, None, False, False, reasons, indirect, False), True)


def with_points(*points):
    distribution = [x509.DistributionPoint([x509.UniformResourceIdentifier(f"http://ca.example/{name}")], None, reasons, issuer) for name, reasons, issuer in points]
    return end_entity(SUB, *leaf_extensions(), x509.CRLDistributionPoints(distribution))


def describe_scopes():
    root_crl, needs = ROOT.revoke(), {"revocation": "required"}
    flags = x509.ReasonFlags
    some, rest = frozenset([flags.key_compromise, flags.ca_compromise]), frozenset(
        [flags.affiliation_changed, flags.superseded, flags.cessation_of_operation, flags.certificate_hold, flags.privilege_withdrawn, flags.aa_compromise])
    of_point = with_points(("one", None, None))
    case("CRL of its point", True, of_point, SUB_CERT, crls=(root_crl, SUB.revoke(extensions=[scope("one")])), **needs)
    case("CRL of another point", False, of_point, SUB_CERT, crls=(root_crl, SUB.revoke(extensions=[scope("two")])), **needs)
    case("revoked in the CRL of its point", False, of_point, SUB_CERT, crls=(root_crl, SUB.revoke(of_point, extensions=[scope("one")])), **needs)
    case("CRL of a point, certificate without", False, LEAF_CERT, SUB_CERT, crls=(root_crl, SUB.revoke(extensions=[scope("one")])), **needs)
    split = with_points(("one", some, None), ("two", rest, None))
    first, second = SUB.revoke(extensions=[scope("one", some)]), SUB.revoke(extensions=[scope("two", rest)], number=2)
    case("all reasons in two CRLs", True, split, SUB_CERT, crls=(root_crl, first, second), **needs)
    case("half of the reasons", False, split, SUB_CERT, crls=(root_crl, first), **needs)
    case("revoked for the other half", False, split, SUB_CERT, crls=(root_crl, first, SUB.revoke(split, extensions=[scope("two", rest)], number=2)), **needs)
    clerk = Party("Clerk")
    clerk_cert = ROOT.certify(clerk, ca=False, keys=("crl_sign",))
    named = [x509.DirectoryName(clerk.name)]
    indirect = with_points(("clerk", None, named))
    issuer = x509.CertificateIssuer([x509.DirectoryName(SUB.name)])

    def by_clerk(*certificates, signed=None, marked=True):
        builder = x509.CertificateRevocationListBuilder().issuer_name(clerk.name).last_update(NOW - DAY).next_update(NOW + 10 * DAY)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key((signed or clerk).key.public_key()), False)
        builder = builder.add_extension(x509.CRLNumber(1), False).add_extension(*scope("clerk", indirect=marked))
        for certificate in certificates:
            revoked = x509.RevokedCertificateBuilder().serial_number(certificate.serial_number).revocation_date(NOW - DAY)
            builder = builder.add_revoked_certificate(revoked.add_extension(issuer, True).build())
        return builder.sign((signed or clerk).key, hashes.SHA256())

    case("indirect CRL", True, indirect, SUB_CERT, clerk_cert, crls=(root_crl, by_clerk()), **needs)
    case("revoked in the indirect CRL", False, indirect, SUB_CERT, clerk_cert, crls=(root_crl, by_clerk(indirect)), **needs)
    case("indirect CRL that does not say so", False, indirect, SUB_CERT, clerk_cert, crls=(root_crl, by_clerk(marked=False)), **needs)
    case("indirect CRL without its signer", False, indirect, SUB_CERT, crls=(root_crl, by_clerk()), **needs)
    case("indirect CRL of a stranger", False, indirect, SUB_CERT, OTHER.certify(clerk, ca=False, keys=("crl_sign",)), crls=(root_crl, by_clerk()), **needs)
    case("indirect CRL signed by somebody else", False, indirect, SUB_CERT, clerk_cert, crls=(root_crl, by_clerk(signed=OTHER)), **needs)
    case("indirect CRL of one whom the certificate does not name", False, LEAF_CERT, SUB_CERT, clerk_cert, crls=(root_crl, by_clerk()), **needs)
    case("indirect CRL, and a name", True, indirect, SUB_CERT, clerk_cert, crls=(root_crl, by_clerk()), name="host.example", **needs)


def describe_optional_revocation():
    may = {"revocation": "optional"}
    case("optional: no CRL", True, LEAF_CERT, SUB_CERT, **may)
    case("optional: revoked", False, LEAF_CERT, SUB_CERT, crls=(SUB.revoke(LEAF_CERT),), **may)
    case("optional: CRL of yesterday", True, LEAF_CERT, SUB_CERT, crls=(SUB.revoke(begin=-10, end=-1),), **may)
    case("optional: revoked in the CRL of yesterday", False, LEAF_CERT, SUB_CERT, crls=(SUB.revoke(LEAF_CERT, begin=-10, end=-1),), **may)
    case("optional: CRL signed by somebody else", False, LEAF_CERT, SUB_CERT, crls=(SUB.revoke(by=OTHER),), **may)
    case("optional: expired", False, end_entity(end=-1), SUB_CERT, **may)


class Dated:
    """A CA that is not believed about servers' certificates that are newer, as p11-kit writes it down."""

    def __init__(self, certificate, moment, trusted=True):
        self.certificate, self.moment, self.trusted = certificate, moment, trusted

    def public_bytes(self, encoding):
        date = "".join(f"%{c:02x}" for c in self.moment.strftime("%y%m%d%H%M%SZ").encode()) if self.moment else "%00"
        head = f"[p11-kit-object-v1]\nlabel: \"CA\"\ntrusted: {str(self.trusted).lower()}\nnss-server-distrust-after: \"{date}\"\n"
        return head.encode() + self.certificate.public_bytes(encoding) + b"\n"


def describe_distrust():
    """LEAF_CERT is a hundred days old."""
    before, after = NOW - 101 * DAY, NOW - 99 * DAY
    case("distrusted before it was issued", False, LEAF_CERT, SUB_CERT, anchors=(Dated(ROOT_CERT, before),))
    case("distrusted after it was issued", True, LEAF_CERT, SUB_CERT, anchors=(Dated(ROOT_CERT, after),))
    case("no date", True, LEAF_CERT, SUB_CERT, anchors=(Dated(ROOT_CERT, None),))
    client = end_entity(SUB, *leaf_extensions(eku=Eku.CLIENT_AUTH))
    case("distrusted for servers, client's certificate", True, client, SUB_CERT, anchors=(Dated(ROOT_CERT, before),), purpose="tls-client")
    case("another root is distrusted", True, LEAF_CERT, SUB_CERT, anchors=(Dated(OTHER_CERT, before), Dated(ROOT_CERT, None)))
    case("not trusted at all", False, LEAF_CERT, SUB_CERT, anchors=(Dated(ROOT_CERT, None, False),))


def describe_leniency():
    """How the servers that Chancery talks to are judged: formalities do not matter, and nothing else is let through."""
    aki, ski, basic = x509.AuthorityKeyIdentifier, x509.SubjectKeyIdentifier, x509.BasicConstraints
    loose = x509.BasicConstraints(ca=True, path_length=None)
    for title, good, *chain, anchor in (
            ("server without authority key identifier", True, end_entity(without=(aki,)), SUB_CERT, ROOT_CERT),
            ("intermediate without key identifiers", True, LEAF_CERT, ROOT.certify(SUB, without=(aki, ski)), ROOT_CERT),
            ("root without key usage", True, LEAF_CERT, SUB_CERT, ROOT.certify(ROOT, keys=None)),
            ("root whose basic constraints are not critical", True, LEAF_CERT, SUB_CERT, ROOT.certify(ROOT, loose, without=(basic,))),
            ("intermediate without key usage", False, LEAF_CERT, ROOT.certify(SUB, keys=None), ROOT_CERT),
            ("intermediate whose basic constraints are not critical", False, LEAF_CERT, ROOT.certify(SUB, loose, without=(basic,)), ROOT_CERT),
            ("intermediate without basic constraints", False, LEAF_CERT, ROOT.certify(SUB, without=(basic,)), ROOT_CERT),
            ("server that may sign certificates", False, end_entity(keys=("digital_signature", "key_cert_sign")), SUB_CERT, ROOT_CERT),
            ("server with an empty list of names", False, end_entity(SUB, x509.SubjectAlternativeName([]), x509.ExtendedKeyUsage([Eku.SERVER_AUTH])), SUB_CERT,
             ROOT_CERT)):
        case(title, False, *chain, anchors=(anchor,))
        case(f"{title}, leniently", good, *chain, anchors=(anchor,), revocation="lenient")


def pem(*things):
    return b"".join(thing.public_bytes(serialization.Encoding.PEM) for thing in things)


def frugal():
    """Seconds of a processor, also on a slow machine and with a sanitizer: what takes longer would take days."""
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))


class Judges:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def write(self, name, *things):
        (self.folder / name).write_bytes(pem(*things))
        return str(self.folder / name)

    def ours(self, chain, anchors, crls, purpose, name, revocation):
        words = [self.write("anchors", *anchors), self.write("chain", *chain, *crls), purpose, name or "-", str(int(seconds(NOW))),
                 *(["none", "lenient"] if revocation == "lenient" else [revocation])]
        result = subprocess.run([self.program, *words], stdout=subprocess.PIPE, text=True, check=False, preexec_fn=frugal)
        assert result.returncode in (0, 1), result
        return result.returncode == 0, result.stdout.strip()

    def openssl(self, chain, anchors, crls, purpose, name, revocation):
        words = ["-x509_strict", "-partial_chain", "-policy_check", "-policy", "2.5.29.32.0", "-extended_crl", "-use_deltas", "-auth_level", "1", "-no-CApath", "-no-CAstore", "-verify_depth",
                 "16", "-attime", str(int(seconds(NOW))), "-CAfile", self.write("anchors", *anchors)]
        words += {"tls-server": ["-purpose", "sslserver"], "tls-client": ["-purpose", "sslclient"], "any": ["-purpose", "any"]}[purpose]
        if len(chain) > 1:
            words += ["-untrusted", self.write("untrusted", *chain[1:])]
        if name:
            words += ["-verify_ip" if name[0].isdigit() else "-verify_hostname", name]
        if revocation == "required":
            words += ["-crl_check_all", *(word for i, crl in enumerate(crls) for word in ("-CRLfile", self.write(f"crl{i}", crl)))]
        result = subprocess.run(["openssl", "verify", *words, self.write("leaf", chain[0])], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return result.returncode == 0, result.stdout.strip()


def seconds(moment):
    return moment.replace(tzinfo=datetime.timezone.utc).timestamp()


# openssl takes "ho*.net.example" for host.net.example; the pool follows RFC 6125 section 6.4.3, which leaves that open, and takes whole labels only. It also
# wants the signer of an indirect CRL to have the name that the certificate is for. And it cannot be told that CRLs are optional, and knows nothing of p11-kit's attributes,
# nor of our limit for keys, nor that the pool holds CAs only. A trust anchor needs no CRL (RFC 5280 section 6.1), so that one whose path leads nowhere does not count.
DIFFERS = {"self-signed end entity that is trusted", "CRL of the one above the anchor",
           "wildcard within a label", "indirect CRL, and a name", "distrusted before it was issued", "not trusted at all", "RSA key of 16384 bits"}


def main(argv):
    for describe in (describe_plain, describe_constraints, describe_names, describe_forms, describe_policies, describe_bombs, describe_purpose_and_name, describe_crossing, describe_revocation, describe_deltas, describe_scopes, describe_distrust, describe_optional_revocation,
                     describe_leniency):
        describe()
    failed = 0
    print(f"1..{len(CASES)}")
    with tempfile.TemporaryDirectory() as folder:
        judges = Judges(argv[1], pathlib.Path(folder))
        for number, (title, good, *rest) in enumerate(CASES, 1):
            mine, said = judges.ours(*rest)
            theirs, told = judges.openssl(*rest) if rest[-1] not in ("optional", "lenient") and title not in DIFFERS else (good, "not asked")
            ok = mine == good == theirs
            failed += not ok
            print(f"{'ok' if ok else 'not ok'} {number} - {title}: {said}")
            if not ok:
                print(f"# expected {'valid' if good else 'invalid'}; openssl: {told}".replace("\n", "\n# "))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
