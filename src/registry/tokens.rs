//! From configured tokens to what workers and ceremonies are told.

use crate::conf::{Name, Pin, Site, Token};
use crate::token::{PinSource, TokenName, TokenSettings};
use std::time::Duration;

/// Seconds until a refused PIN is tried again, where the configuration does not say.
const PIN_RETRY_SECONDS: u64 = 300;

/// After a token refused the PIN, nobody tries it again for so long.
pub fn pin_pause(site: &Site) -> Duration {
    Duration::from_secs(site.tokens().pin_retry_seconds.unwrap_or(PIN_RETRY_SECONDS))
}

/// A token's settings as workers take them.
pub fn settings(site: &Site, token: &Token) -> TokenSettings {
    TokenSettings {
        pin_folder: site.pin_folder(),
        pin_pause: pin_pause(site),
        module: token.module.clone(),
        name: match &token.name {
            Name::Label(label) => TokenName::Label(label.clone()),
            Name::Serial(serial) => TokenName::Serial(serial.clone()),
            Name::Slot(slot) => TokenName::Slot(*slot),
        },
        pin: match &token.pin {
            Pin::File(path) => PinSource::File(path.clone()),
            Pin::Credential(name) => PinSource::Credential(name.clone()),
        },
    }
}
