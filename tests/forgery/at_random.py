#!/usr/bin/env python3
"""Changes at random to files that the appliance signed, and whether they can be seen.

    at_random.py make SIGNED OUT [COUNT]    objects copied, written in place of a reference, written again, changed a little
    at_random.py look SIGNED FILE…          prints each FILE whose pages look different than those of the signed file it was made from

Nobody says which of them are honest: a validator may accept what cannot be seen, and nothing else. The choices come from a fixed seed.
"""

import decimal
import random
import subprocess
import sys
from pathlib import Path

from pikepdf import Array, Dictionary, Name, Stream, String

from increment import Update

CONTAINERS = (Dictionary, Array, Stream)


def values(holder):
    """Container, key and value of everything inside one object."""
    out, waiting = [], [(holder, 0)]
    while waiting:
        inside, depth = waiting.pop()
        for key, value in list(enumerate(inside)) if isinstance(inside, Array) else list(inside.items()):
            out.append((inside, key, value))
            if isinstance(value, CONTAINERS) and not value.is_indirect and depth < 4:
                waiting.append((value, depth + 1))
    return out


def is_signature(obj):
    return isinstance(obj, (Dictionary, Stream)) and obj.get("/Type") == "/Sig"


def changed(rng, obj):
    """Changes one value, or what a stream draws."""
    if isinstance(obj, Stream):
        obj.write(obj.read_bytes().replace(b"0", b"8").replace(b"A", b"M") or b"0 0 100 100 re f")
        return True
    plain = [v for v in values(obj) if not isinstance(v[2], CONTAINERS) and v[1] != "/Type"]
    if not plain:
        return False
    holder, key, value = rng.choice(plain)
    if isinstance(value, Name):
        holder[key] = Name(rng.choice(["/Courier", "/Symbol", "/Yes", "/Off", "/X"]))
    elif isinstance(value, String):
        holder[key] = String(str(value) + "0")
    elif isinstance(value, (int, decimal.Decimal)) and not isinstance(value, bool):
        holder[key] = int(value) + rng.choice([1, 10, 100, -5])
    else:
        return False
    return True


def copied(rng, u, obj):
    """A copy in the place of what a reference leads to, and perhaps a change below the copy or beside it."""
    references = [v for v in values(obj) if isinstance(v[2], CONTAINERS) and v[2].is_indirect and v[1] not in ("/Parent", "/P")]
    references = [v for v in references if not is_signature(v[2])]
    if not references:
        return
    holder, key, value = rng.choice(references)
    if isinstance(value, Stream):
        copy = u.stream(value.read_raw_bytes(), **{k[1:]: v for k, v in value.items() if k != "/Length"})
    else:
        copy = Array(list(value)) if isinstance(value, Array) else Dictionary({k: v for k, v in value.items()})
        copy = u.new(copy) if rng.random() < 0.6 else copy
    holder[key] = copy
    u.touch(obj)
    near = [v[2] for v in references if v[2].objgen != value.objgen]
    if not isinstance(copy, Stream):
        near += [v[2] for v in values(copy) if isinstance(v[2], CONTAINERS) and v[2].is_indirect]
    near = [o for o in near if 0 < u.number(o) < u.size and not is_signature(o)]
    if near and rng.random() < 0.8:
        other = rng.choice(near)
        if changed(rng, other):
            u.touch(other)


def made(rng, data):
    u = Update(data)
    objects = [u.pdf.get_object(n, 0) for n in range(1, u.size)]
    objects = [o for o in objects if isinstance(o, CONTAINERS) and o.is_indirect and not is_signature(o)]
    for _ in range(rng.randrange(1, 4)):
        obj, how = rng.choice(objects), rng.random()
        if how < 0.6:
            copied(rng, u, obj)
        elif how < 0.8 or changed(rng, obj):
            u.touch(obj)
    return u.write(comment=b"%%%d\n" % rng.randrange(10**9)) if u.objects else None


def make(source, out, wanted):
    files = sorted(Path(source).glob("*.once.pdf"))
    rng, count = random.Random("at random"), 0
    while count < wanted:
        path = files[count % len(files)]
        data = made(rng, path.read_bytes())
        if data is not None:
            (Path(out) / f"{count:04}-{path.name}").write_bytes(data)
            count += 1


def pages(path):
    return subprocess.run(["pdftoppm", "-r", "40", "-gray", str(path)], capture_output=True, check=True).stdout


def look(source, files):
    known = {}
    for file in map(Path, files):
        base = file.name.split("-", 1)[1]
        if base not in known:
            known[base] = pages(Path(source) / base)
        if pages(file) != known[base]:
            print(file.name)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 60)
    else:
        look(sys.argv[2], sys.argv[3:])
