//! Bounds on what a file may make us do.

/// Bounds on what a file may make us do. The defaults take every honest file and keep a hostile one within 100 ms and
/// 96 MB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Nesting of arrays and dictionaries.
    pub depth: usize,
    /// Objects, keys included, inside one indirect object.
    pub nodes: usize,
    /// Cross-reference sections in the chain.
    pub sections: usize,
    /// Entries of cross-reference tables that cannot be read in place.
    pub entries: usize,
    /// Decoded bytes of one structural stream.
    pub stream_bytes: usize,
    /// Decoded bytes of all structural streams that are read.
    pub total_bytes: usize,
    /// Work on parsing objects and finding them, in units of about a nanosecond, for a file of any size.
    pub work: usize,
    /// The same for each byte of the file.
    pub work_per_byte: usize,
    /// Decoded bytes per encoded byte: honest object and cross-reference streams stay far below.
    pub expansion: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 64,
            nodes: 400_000,
            sections: 4_096,
            entries: 2_000_000,
            stream_bytes: 16 << 20,
            total_bytes: 48 << 20,
            work: 40_000_000,
            work_per_byte: 16,
            expansion: 400,
        }
    }
}

impl Limits {
    /// The work that a file of so many bytes may cause.
    pub(super) fn all_work(&self, bytes: usize) -> usize {
        bytes.saturating_mul(self.work_per_byte).saturating_add(self.work)
    }

    /// What `encoded` bytes may decode to.
    pub(super) fn decoded(&self, encoded: usize) -> usize {
        encoded.saturating_mul(self.expansion).saturating_add(1 << 20).min(self.stream_bytes)
    }
}
