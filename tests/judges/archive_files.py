"""Makes one file of every part of PDF/A, and one of PDF/UA, with the typst typesetter; prints their names."""

import pathlib
import sys

import typst

SOURCE = """
#set document(title: "Contract", author: "Hufu", date: datetime(year: 2026, month: 11, day: 22))
#set text(lang: "en")
= Contract
Party A and Party B agree. #lorem(60)
#table(columns: 2, [a], [b], [c], [d])
#pagebreak()
= Second page
#link("https://example.cn")[a link] #lorem(60)
"""
STANDARDS = ["a-1b", "a-1a", "a-2b", "a-2u", "a-2a", "a-3b", "a-3a", "a-4", "ua-1"]

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
source = folder / "contract.typ"
source.write_text(SOURCE, encoding="utf-8")
for standard in STANDARDS:
    name = f"{standard}.pdf"
    typst.compile(str(source), output=str(folder / name), format="pdf", pdf_standards=[standard])
    print(name)
