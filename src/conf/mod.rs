//! Configuration: typed, layered, explained.
//!
//! Three layers, later ones win: `hufu.toml`, the files of `channels.d/` beside it (one channel each), and `HUFU__SECTION__KEY`
//! environment variables. Unknown keys are errors in every layer; an error names the file, the key and what would be right.

mod load;

pub use load::{ConfError, load};
