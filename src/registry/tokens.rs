//! From configured tokens to what workers and ceremonies are told.

use crate::conf::{Name, Pin, Token};
use crate::token::{PinSource, TokenName, TokenSettings};

/// A token's settings as workers take them.
pub fn settings(token: &Token) -> TokenSettings {
    TokenSettings {
        module: token.module.clone(),
        name: match &token.name {
            Name::Label(label) => TokenName::Label(label.clone()),
            Name::Serial(serial) => TokenName::Serial(serial.clone()),
        },
        pin: match &token.pin {
            Pin::File(path) => PinSource::File(path.clone()),
            Pin::Credential(name) => PinSource::Credential(name.clone()),
        },
    }
}
