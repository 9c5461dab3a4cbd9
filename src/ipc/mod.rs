//! Framed, versioned messages on inherited sockets.
