#!/usr/bin/env python3
"""Forged files of every known class, made from files that the appliance signed.

    forge.py SIGNED OUT [PER_CLASS]

SIGNED holds `BASE.STATE.pdf`: the bases of bases.py, signed once or twice, stamped, archived. OUT gets `CLASS-NNN.pdf`; each of
them must be refused. OUT-before gets the forms that others signed to a forger's order: these hold until they are forged. The choices come from a fixed seed.
"""

import random
import sys
from pathlib import Path

import forge_below
import forge_cut
import forge_drawn
import forge_ends
import forge_fields
import forge_fonts
import forge_form
import forge_placed
import forge_readers
import forge_revisions
import forge_shadow
import forge_signature
import forge_widgets
import to_order

CLASSES = {**forge_signature.CLASSES, **forge_revisions.CLASSES, **forge_shadow.CLASSES, **forge_widgets.CLASSES,
           **forge_fields.CLASSES, **forge_fonts.CLASSES, **forge_below.CLASSES, **forge_form.CLASSES,
           **forge_readers.CLASSES, **forge_drawn.CLASSES, **forge_cut.CLASSES,
           **forge_placed.CLASSES, **forge_ends.CLASSES}


def main():
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    wanted = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    signed = {p.name[:-4]: p.read_bytes() for p in sorted(source.glob("*.pdf"))}
    for name, (suits, makers) in CLASSES.items():
        rng = random.Random(name)
        seeds = [n for n in signed if suits(*n.split("."))]
        assert seeds, f"no signed file suits {name}"
        made, tries = {}, 0
        while len(made) < wanted and tries < 20 * wanted:
            maker = makers[tries % len(makers)]
            seed = rng.choice(seeds)
            tries += 1
            forged = maker(rng, signed[seed])
            # A maker answers None where it finds nothing to forge.
            if forged is not None and forged not in made and forged != signed[seed]:
                made[forged] = f"{maker.__name__}-{seed}"
        assert len(made) >= wanted, f"only {len(made)} forged files of class {name}"
        for n, (forged, how) in enumerate(made.items()):
            (out / f"{name}-{n:03}-{how}.pdf").write_bytes(forged)
    before = out.with_name(out.name + "-before")
    before.mkdir()
    for n, data in enumerate(to_order.SIGNED):
        (before / f"{n:03}.pdf").write_bytes(data)


if __name__ == "__main__":
    main()
