//! Hufu 虎符: an on-premise signing appliance. The layers, lowest first; arrows point down only (the tidy test says so):
//!
//! - L0 contracts: `hufu-api`, [`audit`], [`keys`], [`documents`], [`codes`]
//! - L1 kernels, bytes in and bytes out, without IO, clock or randomness: [`pdf`], [`locate`], [`cms`], [`x509`],
//!   [`tsp`], [`render`], [`seal`], [`verify`], [`tlog`], [`evidence`]
//! - L2 adapters: [`ipc`], [`token`], [`ledger`], [`store`], [`clock`], [`files`], [`channels`]
//! - L3 operations: [`ops`]
//! - L4 edge: [`http`]
//! - L5 composition: [`conf`], [`registry`], [`supervisor`], [`cli`]

pub mod audit;
pub mod codes;
pub mod documents;
pub mod keys;

pub mod cms;
pub mod evidence;
pub mod locate;
pub mod pdf;
pub mod render;
pub mod seal;
pub mod tlog;
pub mod tsp;
pub mod verify;
pub mod x509;

pub mod channels;
pub mod clock;
pub mod files;
pub mod ipc;
pub mod ledger;
pub mod store;
pub mod token;

pub mod ops;

pub mod http;

pub mod cli;
pub mod conf;
pub mod registry;
pub mod supervisor;
