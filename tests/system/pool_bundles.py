# SPDX-License-Identifier: Apache-2.0
"""What is imported into the trustpool in tests: CA certificates of their own, and bundles of them, good and bad."""

import subprocess

from bundles import certificate_der, container_of


def certificates(folder):
    """A CA, another one with the subject of a built-in CA, and a server's certificate."""

    def openssl(*words):
        return subprocess.run(["openssl", *map(str, words)], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout

    def new(name, *more, key=("ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
        openssl("req", "-x509", "-newkey", *key, "-nodes", "-keyout", folder / f"{name}.key",
                "-out", folder / f"{name}.pem", "-days", 30, "-subj", f"/O=Trustpool Test/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign", *more)
        return (folder / f"{name}.pem").read_text()

    made = {name: new(name) for name in ("one", "two", "three")}
    made["leaf"] = new("leaf", "-addext", "basicConstraints=critical,CA:FALSE")
    (folder / "ext").write_text("subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "server.key", "-out",
            folder / "server.csr", "-subj", "/CN=server")
    openssl("x509", "-req", "-in", folder / "server.csr", "-CA", folder / "one.pem", "-CAkey", folder / "one.key", "-CAcreateserial",
            "-days", 30, "-extfile", folder / "ext", "-out", folder / "server.pem")
    made["server"] = (folder / "server.pem").read_text()
    made["server.key"] = (folder / "server.key").read_text()
    (folder / "both").write_text(made["one"] + made["two"])
    made["both.p7b"] = openssl("crl2pkcs7", "-nocrl", "-certfile", folder / "both", "-outform", "DER")
    (folder / "text").write_text("text")
    made["signed-text.p7b"] = openssl("cms", "-sign", "-binary", "-nodetach", "-in", folder / "text", "-signer", folder / "one.pem", "-inkey",
                                      folder / "one.key", "-outform", "DER")
    (folder / "both.p7b").write_bytes(made["both.p7b"])
    made["nested.p7b"] = openssl("cms", "-sign", "-binary", "-nodetach", "-in", folder / "both.p7b", "-signer", folder / "three.pem", "-inkey",
                                 folder / "three.key", "-outform", "PEM")
    (folder / "deep.p7b").write_bytes(made["both.p7b"])
    for _ in range(4):
        (folder / "content").write_bytes((folder / "deep.p7b").read_bytes())
        openssl("cms", "-sign", "-binary", "-nodetach", "-nocerts", "-in", folder / "content", "-signer", folder / "three.pem", "-inkey", folder / "three.key",
                "-outform", "DER", "-out", folder / "deep.p7b")
    made["deep.p7b"] = (folder / "deep.p7b").read_bytes()
    made["many.p7b"] = container_of(certificate_der(made["one"]) * 40000)
    made["three.key"] = (folder / "three.key").read_text()
    made["renewed"] = new("two")
    made["two, weaker"] = new("two", key=("rsa:1024",))
    made["soon"] = new("soon", "-days", 1)
    made["later"] = new("later", "-days", 300)
    made["weak"] = new("weak", key=("rsa:1024",))
    made["signed.p7b"] = openssl("cms", "-sign", "-binary", "-nodetach", "-in", folder / "both", "-signer", folder / "one.pem", "-inkey",
                                 folder / "one.key", "-outform", "DER")
    return made


def bundles(certificates):
    """By the names that a server gives them."""
    bundles = {name: content for name, content in certificates.items() if name.endswith(".p7b")}
    bundles["soon.pem"] = certificates["soon"] + certificates["one"]
    bundles["three.pem"] = certificates["three"]
    bundles["one.pem"] = certificates["one"]
    bundles["later.pem"] = certificates["later"]
    bundles["mixed.pem"] = certificates["leaf"] + certificates["two"] + certificates["two"] + certificates["three"]
    bundles["empty"] = ""
    bundles["page.html"] = "<!DOCTYPE html><html><body>Sign in to the network</body></html>"
    bundles["leaf.pem"] = certificates["leaf"]
    bundles["cut.pem"] = (certificates["one"] + certificates["two"])[:-40]
    bundles["cut.p7b"] = certificates["both.p7b"][:-1]
    return bundles


# What is refused, and why.
REFUSED = {
    "{http}/empty": "empty",
    "{http}/page.html": "neither PEM nor PKCS#7",
    "{http}/leaf.pem": "without CA rights",
    "{http}/cut.pem": "cut off",
    "{http}/cut.p7b": "DER",
    "{http}/signed-text.p7b": "content of the PKCS#7 container is neither",
    "{http}/large": "larger than 48 MiB",
    "{http}/huge": "larger than 48 MiB",
    "{http}/endless": "larger than 48 MiB",
    "{http}/short": "cannot be downloaded",
    "{http}/deep.p7b": "nested too deeply",
    "{http}/many.p7b": "more than 32768 certificates",
    "{http}/missing": "404",
    "{http}": "neither PEM nor PKCS#7",
    "http://127.0.0.1:1/": "cannot be downloaded",
    "http://169.254.169.254/latest": "refused",
    "http://nothing.invalid/": "cannot be downloaded",
}

# A server that begins an answer.
STALLS = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
connection, _ = listener.accept()
connection.recv(4096)
connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 100000\\r\\n\\r\\n-----BEGIN CERTIFICATE-----\\n")
print("stalls", flush=True)
connection.recv(1)
print("left", flush=True)
"""
