#!/usr/bin/python3
"""A whole ca-exec channel: a small CA that keeps its key in a file and issues with the openssl command.

For trying out the protocol, not for production. Settings: dir, a folder that this process may write to (one of the channel's `folders`).
"""
import base64
import json
import os
import struct
import subprocess
import sys
import tempfile

OPENSSL = "/usr/bin/openssl"


class Refused(Exception):
    """The request is wrong and will be wrong again."""


def openssl(*arguments, stdin=None):
    done = subprocess.run([OPENSSL, *arguments], input=stdin, capture_output=True, env={}, check=False)
    if done.returncode:
        raise Refused(done.stderr.decode(errors="replace").strip()[:200])
    return done.stdout


def der(pem):
    return base64.b64encode(openssl("x509", "-outform", "DER", stdin=pem)).decode()


class Channel:
    def __init__(self):
        self.folder = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def hello(self, params):
        self.folder = params["settings"].get("dir") or tempfile.mkdtemp(prefix="ca-exec-")
        os.makedirs(self.folder, exist_ok=True)
        if not os.path.exists(self.path("ca.pem")):
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
                    "-subj", "/C=CN/O=Sample/CN=Sample CA", "-keyout", self.path("ca.key"), "-out", self.path("ca.pem"),
                    "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-config", self.config())
        return {"name": "sample", "verbs": ["enroll", "authorities", "revoke"]}

    def config(self):
        """The openssl command wants a file; ours says only how names look."""
        path = self.path("openssl.cnf")
        with open(path, "w", encoding="utf-8") as file:
            file.write("[req]\ndistinguished_name = dn\nx509_extensions = ca\nstring_mask = utf8only\n[dn]\n"
                       "[ca]\nbasicConstraints = critical,CA:true\nsubjectKeyIdentifier = hash\n")
        return path

    def enroll(self, params):
        request = base64.b64decode(params["csr"])
        openssl("req", "-inform", "DER", "-verify", "-noout", "-config", self.config(), stdin=request)
        profile = params["profile"]
        lines = ["keyUsage = critical,digitalSignature,nonRepudiation", "authorityKeyIdentifier = keyid",
                 "subjectKeyIdentifier = hash"]
        if profile["extended_key_usage"]:
            lines.append("extendedKeyUsage = " + ",".join(profile["extended_key_usage"]))
        if profile["policies"]:
            lines.append("certificatePolicies = " + ",".join(profile["policies"]))
        with tempfile.NamedTemporaryFile("w", suffix=".ext", dir=self.folder) as extensions:
            extensions.write("\n".join(lines))
            extensions.flush()
            days = max(1, profile["validity_seconds"] // 86400)
            # The request's own name is used: Hufu makes it from the subject that stands beside it.
            leaf = openssl("x509", "-req", "-inform", "DER", "-CA", self.path("ca.pem"), "-CAkey", self.path("ca.key"),
                           "-set_serial", "0x01" + os.urandom(15).hex(), "-days", str(days),
                           "-extfile", extensions.name, stdin=request)
        return {"chain": [der(leaf), *self.authorities({})["certificates"]]}

    def authorities(self, _params):
        with open(self.path("ca.pem"), "rb") as file:
            return {"certificates": [der(file.read())]}

    def revoke(self, params):
        serial = openssl("x509", "-inform", "DER", "-noout", "-serial", stdin=base64.b64decode(params["certificate"]))
        with open(self.path("revoked"), "a", encoding="ascii") as file:
            file.write(f"{serial.decode().strip()} {params['reason']} {params['at']}\n")
        return {}


def read(stream, length):
    data = stream.read(length)
    if len(data) < length:
        sys.exit(0)  # End of input: the appliance is gone or does not need this process any more.
    return data


def main():
    channel = Channel()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while True:
        (length,) = struct.unpack(">I", read(source, 4))
        question = json.loads(read(source, length))
        answer = {"v": 1, "id": question["id"]}
        verb = getattr(channel, question["verb"], None) if question["verb"] in (
            "hello", "enroll", "authorities", "revoke") else None
        try:
            if verb is None:
                answer["error"] = {"kind": "unsupported", "message": question["verb"]}
            else:
                answer["ok"] = verb(question["params"])
        except Refused as refused:
            answer["error"] = {"kind": "refused", "message": str(refused)}
        except OSError as error:
            answer["error"] = {"kind": "unavailable", "message": str(error)}
        body = json.dumps(answer).encode()
        sink.write(struct.pack(">I", len(body)) + body)
        sink.flush()


if __name__ == "__main__":
    main()
