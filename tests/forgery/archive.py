#!/usr/bin/env python3
"""Adds a document security store with the first signature's certificates.   archive.py IN OUT"""

import sys
from pathlib import Path

import party

Path(sys.argv[2]).write_bytes(party.add_validation_data(Path(sys.argv[1]).read_bytes()))
