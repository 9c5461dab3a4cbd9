//! Configuration: typed, layered, explained.
//!
//! Three layers, later ones win: `hufu.toml`, the files of `channels.d/` beside it (one channel each), and `HUFU__SECTION__KEY`
//! environment variables. Unknown keys are errors in every layer; an error names the file, the key and what would be right.

mod authority;
mod load;
mod site;
mod token;

pub use authority::Authority;
pub use load::{ConfError, load, relative_to};
pub use site::{DocumentRoot, LogFormat, Site, channels_folder};
pub use token::{Name, Pin, Seat, Token, Tokens};
