# SPDX-License-Identifier: Apache-2.0
"""The layouts of the operator's guide, as patterns, and what can be read out of them."""

import re

CLOCK = r"\d\d:\d\d:\d\d [A-Z][A-Za-z0-9+-]* (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z][a-z] \d\d \d{4}"
TIME_LINE = re.compile(r"^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d\.\d{3} [A-Z][A-Za-z0-9+-]*$", re.M)
SERIAL = r"[0-9A-F]{2}(?::[0-9A-F]{2})*"
SHA1 = r"[0-9A-F]{40}"

KEY = re.compile(r"""^Key label: (?P<label>\S+)
Type      : (?P<type>[^\n]+)
Size      : (?P<size>\d+)
Created   : """ + CLOCK + r"""
Data      ?:
(?P<data>(?:(?:[0-9A-F]{2,8} ){0,7}[0-9A-F]{2,8}\n?)+)""", re.M)

# What authenticate and enroll print, and what show crypto ca certificates prints, of one certificate.
ISSUED = re.compile(r"""^Serial Number : (?P<serial>""" + SERIAL + r""")
Subject:
(?P<subject>[^\n]+)
Issued By :
(?P<issuer>[^\n]+)
Validity Start : (?P<start>""" + CLOCK + r""")
Validity End : (?P<end>""" + CLOCK + r""")
SHA1 Fingerprint:
(?P<fingerprint>""" + SHA1 + r""")$""", re.M)

SHOWN_CA = r"""Serial Number   : (?P<ca_serial>""" + SERIAL + r""")
Subject:
    (?P<ca_subject>[^\n]+)
Issued By      :
    (?P<ca_issuer>[^\n]+)
Validity Start : (?P<ca_start>""" + CLOCK + r""")
Validity End   : (?P<ca_end>""" + CLOCK + r""")
SHA1 Fingerprint:
    (?P<ca_fingerprint>""" + SHA1 + r""")
"""
SHOWN = re.compile(r"""^Trustpoint : (?P<trustpoint>\S+)
=====+
CA certificate
""" + SHOWN_CA + r"""Router certificate
Key usage      : (?P<usage>[^\n]+)
Status         : (?P<status>\w+)
Serial Number  : (?P<serial>""" + SERIAL + r""")
Subject:
    (?P<subject>[^\n]+)
Issued By      :
    (?P<issuer>[^\n]+)
Validity Start : (?P<start>""" + CLOCK + r""")
Validity End   : (?P<end>""" + CLOCK + r""")
SHA1 Fingerprint:
    (?P<fingerprint>""" + SHA1 + r""")
Associated Trustpoint: (?P<associated>\S+)$""", re.M)

# What enroll prints where a server is asked, with the passwords not to be seen.
ENROLLED = re.compile(r"""^% Start certificate enrollment \.\.\.
% Create a challenge password\. You will need to verbally provide this
password to the CA Administrator in order to revoke your certificate\.
% For security reasons your password will not be saved in the configuration\.
% Please make a note of it\.

Password:
Re-enter Password:
(?P<names>(?:% [^\n]+\n)*)Fingerprint:(?P<md5>(?: [0-9A-F]{8}){4})
SHA256 Fingerprint:
(?P<sha256>[0-9A-F]{64})
""", re.M)

# show crypto ca trustpoints
TRUSTPOINT = re.compile(r"""^Trustpoint : (?P<trustpoint>\S+)
=====
Enrollment     : (?P<method>\w+)
State          : (?P<state>[\w-]+)
Next step      : (?P<step>[A-Z][^\n]+\.)
(?:Warning        : [^\n]+
)?(?:Next (?:attempt|renewal)   : """ + CLOCK + r"""
)?""", re.M)

# show crypto ca crls
UTC = r"\[UTC\] (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d \d{4}"
CRL = re.compile(r"""^CRL Entry
=====
Issuer : (?P<issuer>[^\n]+)
Last Update : """ + UTC + r"""
Next Update : """ + UTC + r"""
CRL Distribution Point :
    (?P<url>\S+)$""", re.M)

POOL = re.compile(r"^Trustpool: (Built-In|Downloaded)$", re.M)


def keys(text):
    """Label, type, size and DER public key of each key shown; checks that lines are as long as they must be."""
    found = []
    for match in KEY.finditer(text):
        lines = match["data"].rstrip("\n").split("\n")
        assert all(len(line) == 8 * 8 + 7 for line in lines[:-1]), "full lines have eight groups of eight digits"
        found.append((match["label"], match["type"], int(match["size"]), bytes.fromhex(match["data"])))
    return found
