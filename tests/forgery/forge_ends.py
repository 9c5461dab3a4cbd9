"""What readers begin with: files that grow to the length that their first object states, and later sections that not every reader takes, over
signed bytes that hold an object twice."""

import random
import re

from pikepdf import String

import party
from forge_readers import harmless, ready
from increment import Update

LENGTH = re.compile(rb"/Linearized 1\s*/L (\d+)")


def stated(data):
    return int(LENGTH.search(data)[1])


def padded(rng, data, between, more):
    """An update with so much in its keywords, or as white space between its object and its section."""
    u = harmless(rng, data)
    u.pdf.trailer.Info.Keywords = String("" if between else "k" * more)
    made = u.write()
    if not between:
        return made
    at = made.rindex(b"endobj") + 6
    made = made[:at] + b" " * more + made[at:]
    return re.sub(rb"startxref\n(\d+)\n%%EOF\n$", lambda m: b"startxref\n%d\n%%%%EOF\n" % (int(m[1]) + more), made)


def grown(rng, data):
    """A permitted update, white space, or both, up to the length that the first object states."""
    whole, between = stated(data), rng.random() < 0.3
    behind = rng.choice([0, 0, 1, rng.randrange(2, 900)])
    how = rng.randrange(4)
    if how == 0:
        data = party.sign(data, "Later%d" % rng.randrange(10**6))
    elif how == 1:
        data = party.add_validation_data(data)
    seed, more = rng.random(), 0
    for _ in range(3):
        # The title is the same in each try, and offsets of more digits take more room.
        made = padded(random.Random(seed), data, between, more)
        more += whole - behind - len(made)
    made += rng.choice([b" ", b"\n", b"\0"]) * behind
    return made if len(made) == whole else None


def odd_table(rng, tail):
    """The same section in words that some readers do not take."""
    return rng.choice([
        lambda t: re.sub(rb"\n(\d+) 1\n", rb"\n\1 1 %x\n", t, count=1), lambda t: t.replace(b"trailer\n", b"% x\ntrailer\n"),
        lambda t: re.sub(rb"(\d{10}) 00000 n \n", lambda m: m[1].lstrip(b"0") + b" 0 n\n", t),
        lambda t: re.sub(rb"(\d{10}) 00000 n \n", rb"\1\n00000\nn\n", t), lambda t: re.sub(rb"(\d{10}) 00000 n \n", rb"\1 00000 n\n", t),
        lambda t: t.replace(b"xref\n", b"xref %x\n", 1), lambda t: re.sub(rb"(\d{10}) 00000 n \n", rb"\1 00000 n %\n", t),
        lambda t: re.sub(rb"startxref\n(\d+)", lambda m: b"startxref\n%d" % (int(m[1]) - rng.randrange(1, 9)), t)])(tail)


def second_reading(rng, data):
    """Readers that do not take the last section search for objects and find the other one in the signed bytes."""
    u = harmless(rng, data)
    if not u.table or rng.random() < 0.3:
        u.widths = rng.choice([(8, 4, 2), (5, 8, 8), (2, 4, 2), (4, 4, 4), (1, 4, 3), (1, 9, 2), (1, 4, 8), (3, 4, 3)])
        return u.write(stream=True)
    made = u.write()
    at = made.rindex(b"\nxref\n")
    odd = odd_table(rng, made[at:])
    return made[:at] + odd if odd != made[at:] else None


CLASSES = {
    "grown-to-its-length": (ready("grown"), [grown]),
    "second-reading": (lambda base, state: base in ("ready-second", "ready-secondpacked"), [second_reading]),
}
