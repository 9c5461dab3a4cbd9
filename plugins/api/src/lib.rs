//! The contract between the appliance and what is plugged into it: domain types and ports.
//!
//! A plugin sees a certification request and gives a certificate, sees an imprint and gives a time stamp, sees a
//! telephone number and sends a text. It never sees a private key, a PIN or the key store; the one exception has
//! a name, [`IssuerKey`], the capability that `ca-local` is lent for its own CA key.
//!
//! Everything here is synchronous and free of runtimes, so that a port can be implemented and tested with
//! plain functions.

mod channel;
mod clock;
mod entropy;
mod factory;
mod issuer;
mod memory;
mod network;
mod profile;
mod proof;
mod repository;
mod selection;
mod store;
mod subject;
mod timestamp;

pub use channel::{
    CaChannel, Chain, ChannelError, Csr, Cx, Der, Enrollment, HashAlgorithm, Imprint, Mobile, PhoneRegion,
    RequestId, Revocation, RevocationReason, SceneBinding, SmsChannel, SmsReceipt, SmsText, Ticket,
    TimestampSource,
};
pub use clock::{Clock, ClockError, UnixTime};
pub use entropy::{Entropy, EntropyError};
pub use factory::{Factory, Host, PluginError, Timestamper};
pub use issuer::{IssuerKey, IssuerKeyError};
pub use memory::MemoryStore;
pub use network::{Network, NetworkError, is_public};
pub use profile::{CertificateKind, Profile};
pub use proof::{Reach, Statement, StatusLookup, StatusProof, StatusProofs, StatusQuestion};
pub use repository::{Published, Repository, Status};
pub use selection::{CaPolicy, CertificateAuthorities, Enrolled, RouteError};
pub use store::{Expect, IdKind, Key, Order, Space, Store, StoreError, Versioned, Write};
pub use subject::{SignerKind, Subject};
pub use timestamp::{AuthoritySpec, StampExpectation, TimestampProtocol};
