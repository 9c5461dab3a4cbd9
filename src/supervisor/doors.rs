//! The listening sockets. They are bound here, before anything is started, and outlive every network process: while one is
//! replaced, clients wait in the kernel's queue instead of being refused.

use crate::ipc::control::Door;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

/// Connections that the kernel keeps while nobody accepts; it takes no more than `net.core.somaxconn`.
const QUEUE: i32 = 4_096;

/// One bound socket.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) door: Door,
    address: SocketAddr,
    pub(super) socket: Arc<TcpListener>,
}

/// Binds what is wanted; a socket that `old` has at the same address is kept.
pub(super) fn bind(wanted: &[(Door, SocketAddr)], old: &[Bound]) -> Result<Vec<Bound>, String> {
    wanted
        .iter()
        .map(|(door, address)| {
            let kept = old.iter().find(|bound| bound.door == *door && bound.address == *address);
            if let Some(kept) = kept {
                return Ok(kept.clone());
            }
            let socket = listen(*address).map_err(|e| {
                format!("{} = {address}: {e}; another program may be listening there", key(*door))
            })?;
            Ok(Bound { door: *door, address: *address, socket: Arc::new(socket) })
        })
        .collect()
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.cloexec(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(QUEUE)?;
    Ok(socket.into())
}

/// The key of the configuration that says where.
const fn key(door: Door) -> &'static str {
    match door {
        Door::Api => "server.listen",
        Door::Admin => "server.admin_listen",
        Door::Pki => "server.pki_listen",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_socket_at_the_same_address_is_kept_and_a_taken_address_is_named() {
        let free = || SocketAddr::from(([127, 0, 0, 1], 0));
        let first = bind(&[(Door::Api, free())], &[]).unwrap();
        let again = bind(&[(Door::Api, free())], &first).unwrap();
        assert_eq!(
            first[0].socket.local_addr().unwrap(),
            again[0].socket.local_addr().unwrap(),
            "the same socket, not another one"
        );
        let taken = first[0].socket.local_addr().unwrap();
        let why = bind(&[(Door::Pki, taken)], &[]).unwrap_err();
        assert!(why.starts_with("server.pki_listen") && why.contains("another program"), "{why}");
    }
}
