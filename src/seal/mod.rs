//! Seals 印章: vector shapes from glyph outlines, and their PDF, SVG and PNG forms.
