//! Keyword search: where on which page a text is shown.
