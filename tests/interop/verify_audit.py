#!/usr/bin/env python3
"""Verifies an exported audit log (`hufu audit export`) without the appliance and without its code.

    verify_audit.py EXPORT [--key FILE]

Needs Python 3.9 and, for the signature, either the `cryptography` package or the openssl command. It checks that

1. the checkpoint (C2SP signed note, tlog-checkpoint) is signed by the key (EXPORT/key, or the one that you trust: --key);
2. every line of records.jsonl is canonical JSON (RFC 8785, no floats) and says its own place;
3. the RFC 6962 tree over the lines has the checkpoint's size and root;
4. every outcome closes an intent that was open, and every announced checkpoint announces the tree of its moment;
5. all C2SP tlog-tiles, full and partial, are those of the records.

Exit status 0 only if all of it holds.
"""
import argparse
import base64
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile


def fail(reason):
    sys.exit(f"NOT SOUND: {reason}")


def leaf_hash(record):
    return hashlib.sha256(b"\x00" + record).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


class Range:
    """Perfect subtrees, left to right (RFC 6962 2.1)."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def push(self, node):
        size = self.size
        while size & 1:
            node = node_hash(self.peaks.pop(), node)
            size >>= 1
        self.peaks.append(node)
        self.size += 1

    def root(self):
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        node = self.peaks[-1]
        for left in reversed(self.peaks[:-1]):
            node = node_hash(left, node)
        return node


def verify_ecdsa(spki, signature, text):
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
    except ImportError:
        with tempfile.TemporaryDirectory() as folder:
            paths = [pathlib.Path(folder, name) for name in ("key", "signature", "text")]
            for path, content in zip(paths, (spki, signature, text)):
                path.write_bytes(content)
            command = ["openssl", "dgst", "-sha256", "-keyform", "DER", "-verify", paths[0], "-signature", paths[1], paths[2]]
            return subprocess.run(command, capture_output=True).returncode == 0
    try:
        serialization.load_der_public_key(spki).verify(signature, text, ec.ECDSA(hashes.SHA256()))
        return True
    except InvalidSignature:
        return False


def open_checkpoint(note, keys):
    text, separator, signatures = note.rpartition("\n\n")
    if not separator:
        fail("the checkpoint is not a signed note")
    text += "\n"
    for key in keys:
        name, key_id, encoded = key.split("+", 2)
        spki = base64.b64decode(encoded)[1:]
        if hashlib.sha256(spki).hexdigest()[:8] != key_id:
            fail("the key's id does not fit the key")
        for line in signatures.splitlines():
            dash, signer, value = line.split(" ")
            value = base64.b64decode(value)
            if dash == "—" and signer == name and value[:4].hex() == key_id:
                if not verify_ecdsa(spki, value[4:], text.encode()):
                    fail("the checkpoint's signature does not hold")
                origin, size, root = text.splitlines()
                if origin != name:
                    fail("the checkpoint is of another log")
                return int(size), base64.b64decode(root)
    fail("no known key has signed the checkpoint")


def canonical(value):
    """RFC 8785 for values without floats and with ASCII names."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def no_float(text):
    fail(f"a record has a float: {text}")


def numbered(index, width):
    path = f"{index % 1000:03}"
    while index >= 1000:
        index //= 1000
        path = f"x{index % 1000:03}/{path}"
    return path if width == 256 else f"{path}.p/{width}"


def check_tiles(folder, records, leaves):
    def expect(path, content):
        if pathlib.Path(folder, path).read_bytes() != content:
            fail(f"{path} does not fit the records")

    for index in range(0, len(records), 256):
        part = records[index:index + 256]
        bundle = b"".join(len(r).to_bytes(2, "big") + r for r in part)
        expect(f"tile/entries/{numbered(index // 256, len(part))}", bundle)
    level, hashes = 0, leaves
    while hashes:
        above = []
        for index in range(0, len(hashes), 256):
            part = hashes[index:index + 256]
            expect(f"tile/{level}/{numbered(index // 256, len(part))}", b"".join(part))
            if len(part) == 256:
                tree = Range()
                for node in part:
                    tree.push(node)
                above.append(tree.root())
        level, hashes = level + 1, above


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("export")
    arguments.add_argument("--key", help="file with the verifier key that you trust")
    arguments = arguments.parse_args()
    folder = pathlib.Path(arguments.export)
    keys = pathlib.Path(arguments.key or folder / "key").read_text().split()
    size, root = open_checkpoint((folder / "checkpoint").read_text(), keys)
    tree, records, leaves, open_intents = Range(), [], [], {}
    with open(folder / "records.jsonl", "rb") as lines:
        for number, line in enumerate(lines):
            record = line.rstrip(b"\n")
            value = json.loads(record, parse_float=no_float)
            if canonical(value) != record:
                fail(f"record {number} is not in canonical form")
            if value["number"] != number or value["v"] != 1:
                fail(f"record {number} says it is {value['number']}")
            kind = value["kind"]
            if kind == "intent":
                open_intents[number] = value["act"]
            elif kind == "outcome" and open_intents.pop(value["of"], None) != value["act"]:
                fail(f"record {number} closes what was not open")
            elif kind == "checkpoint" and (value["size"], value["root"]) != (number, tree.root().hex()):
                fail(f"record {number} announces another tree")
            records.append(record)
            leaves.append(leaf_hash(record))
            tree.push(leaves[-1])
    if tree.size != size:
        fail(f"{tree.size} records, the checkpoint says {size}")
    if tree.root() != root:
        fail("the records are not those of the checkpoint")
    check_tiles(folder, records, leaves)
    print(f"sound: {size} records, root {root.hex()}, {len(open_intents)} intents open")


if __name__ == "__main__":
    main()
