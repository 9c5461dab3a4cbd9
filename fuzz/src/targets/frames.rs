//! Messages between the appliance's own processes, and of channels that run as child processes.

use super::choice;
use hufu::ipc::audit::{AuditAnswer, AuditRequest};
use hufu::ipc::control::{FromChild, ToChild};
use hufu::ipc::frame::{Frames, decode};
use hufu::keys::Purpose;
use hufu::token::issuance::Issuance;
use hufu::token::settings::CaRules;
use hufu::token::structure;
use hufu::token::wire::{TokenAnswer, TokenRequest};
use hufu_api::RequestId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// A call on the wire: its id (0: no answer wanted), the request it serves, milliseconds left, the question.
type Question<Q> = (u64, RequestId, u64, Q);
/// An answer on the wire.
type Reply<A> = (u64, A);

/// Frames of workers, audit writer and supervisor. What is read can be written and reads the same again; what a worker is asked to
/// sign is looked into.
pub fn worker_frame(bytes: &[u8]) {
    let (which, bytes) = choice(bytes);
    match which % 6 {
        0 => {
            for (.., request) in stream::<Question<TokenRequest>>(bytes) {
                let TokenRequest::Sign(_, key, what) = request else { continue };
                let ca = Issuance::new(CaRules::default());
                for purpose in [Purpose::Signer, Purpose::Ca, Purpose::Tsa, Purpose::Audit] {
                    let _ = structure::check(purpose, &key, &ca, &what);
                }
            }
        }
        1 => drop(stream::<Reply<TokenAnswer>>(bytes)),
        2 => drop(stream::<Question<AuditRequest>>(bytes)),
        3 => drop(stream::<Reply<AuditAnswer>>(bytes)),
        4 => drop(decode::<ToChild>(bytes)),
        _ => drop(decode::<FromChild>(bytes)),
    }
}

/// Reads all frames of a connection.
fn stream<T: DeserializeOwned + Serialize + Debug>(bytes: &[u8]) -> Vec<T> {
    let mut frames = Frames::new(bytes);
    let mut all = Vec::new();
    while let Ok(Some(message)) = frames.receive::<T>() {
        let mut again = Vec::new();
        if hufu::ipc::frame::append(&mut again, &message).is_ok() {
            let read = decode::<T>(&again[4..]).expect("what was written can be read");
            assert_eq!(format!("{read:?}"), format!("{message:?}"));
        }
        all.push(message);
    }
    all
}

/// The output of a channel's program.
pub fn plugin_frame(bytes: &[u8]) {
    let _ = hufu_exec::read_output(bytes);
}
