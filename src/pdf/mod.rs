//! PDF: reading strictly, placing, and writing incremental updates (ISO 32000-2).
