//! Configuration: typed, layered, explained.
