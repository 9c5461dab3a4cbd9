//! One question to a time server, as a simple client asks it (RFC 5905 sections 7.3, 8 and 14).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// The header without extension fields.
const PACKET: usize = 48;
/// Leap indicator 0, version 4, mode 3.
const CLIENT: u8 = 0x23;
/// Seconds from 1900 to 1970.
const EPOCH: i64 = 2_208_988_800;
/// A server whose own time is less certain (half its way to the reference clock and its dispersion) is of no use.
const WORST_ROOT_MILLIS: i64 = 1_000;

/// What one answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reading {
    /// How far the server's clock is ahead of ours.
    pub(super) ahead_millis: i64,
    /// How far off that may be: half the way there and back.
    pub(super) within_millis: i64,
}

/// Asks `server`; `wall` is our clock in milliseconds since 1970.
///
/// # Errors
/// In words: no answer, a malformed one, or one of a server that is not synchronised itself.
pub(super) fn ask(server: SocketAddr, patience: Duration, wall: &dyn Fn() -> i64) -> Result<Reading, String> {
    let local: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let text = |e: std::io::Error| e.to_string();
    let socket = UdpSocket::bind(local).map_err(text)?;
    socket.connect(server).map_err(text)?;
    // What the server copies back need not be our time: a number that nobody guesses shows that it answers this question.
    let mut cookie = [0; 8];
    aws_lc_rs::rand::fill(&mut cookie).map_err(|_| "no random octets".to_owned())?;
    let mut question = [0; PACKET];
    question[0] = CLIENT;
    if let Some(transmit) = question.last_chunk_mut::<8>() {
        *transmit = cookie;
    }
    let (sent, began) = (wall(), Instant::now());
    socket.send(&question).map_err(text)?;
    let mut answer = [0; 512];
    loop {
        let left = patience.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Err("no answer".into());
        }
        socket.set_read_timeout(Some(left)).map_err(text)?;
        let length = match socket.recv(&mut answer) {
            Ok(length) => length,
            Err(e) if matches!(e.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                continue;
            }
            Err(e) => return Err(e.to_string()),
        };
        let took = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
        let Some(packet) = answer.get(..length).and_then(|a| a.first_chunk::<PACKET>()) else { continue };
        // Somebody else's packet: the answer may still come.
        if packet.get(24..32) != Some(&cookie) {
            continue;
        }
        return judge(packet, sent, took);
    }
}

fn judge(packet: &[u8; PACKET], sent: i64, took: i64) -> Result<Reading, String> {
    let [flags, stratum, ..] = *packet;
    if flags & 7 != 4 {
        return Err("not a server's answer".into());
    }
    if flags >> 6 == 3 || !(1..=15).contains(&stratum) {
        return Err("not synchronised itself".into());
    }
    let word = |at: usize| {
        packet.get(at..at + 4).and_then(|w| w.first_chunk::<4>()).map_or(0, |w| u32::from_be_bytes(*w))
    };
    // NTP short format: seconds in 16.16 bits.
    let short = |at: usize| i64::from(word(at)).saturating_mul(1000) >> 16;
    let root = short(4) / 2 + short(8);
    if root > WORST_ROOT_MILLIS {
        return Err(format!("its own time is {root} ms uncertain"));
    }
    if word(40) == 0 && word(44) == 0 {
        return Err("without its time".into());
    }
    let at = |place: usize| millis(word(place), word(place + 4), sent);
    let (received, transmitted) = (at(32), at(40));
    let ahead = (received - sent) + (transmitted - sent.saturating_add(took));
    let way = took.saturating_sub(transmitted - received).max(0);
    Ok(Reading { ahead_millis: ahead / 2, within_millis: way / 2 + 1 })
}

/// Milliseconds since 1970 of an NTP time stamp; its era (they begin every 136 years) is the one that is nearest to `near`.
fn millis(seconds: u32, fraction: u32, near: i64) -> i64 {
    const ERA: i64 = 1 << 32;
    let first = i64::from(seconds) - EPOCH;
    let era = (near.div_euclid(1000) - first + ERA / 2).div_euclid(ERA);
    (first + era * ERA) * 1000 + ((i64::from(fraction) * 1000) >> 32)
}

#[cfg(test)]
pub(super) mod testing {
    #![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
    use std::time::{SystemTime, UNIX_EPOCH};

    /// A time server that can be told to be wrong.
    pub(in super::super) struct Server {
        address: SocketAddr,
        state: Arc<(AtomicI64, AtomicBool)>,
    }

    impl Server {
        pub(in super::super) fn start() -> Self {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let state = Arc::new((AtomicI64::new(0), AtomicBool::new(true)));
            let (address, shared) = (socket.local_addr().unwrap(), Arc::downgrade(&state));
            socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            std::thread::spawn(move || {
                let mut question = [0; 64];
                while let Some(state) = shared.upgrade() {
                    let Ok((_, from)) = socket.recv_from(&mut question) else { continue };
                    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
                    let now = since + state.0.load(Ordering::SeqCst);
                    let answer = answer(&question[40..48], now, state.1.load(Ordering::SeqCst));
                    socket.send_to(&answer, from).unwrap();
                }
            });
            Self { address, state }
        }

        pub(in super::super) fn address(&self) -> SocketAddr {
            self.address
        }

        pub(in super::super) fn set_ahead(&self, millis: i64) {
            self.state.0.store(millis, Ordering::SeqCst);
        }

        pub(in super::super) fn set_synchronised(&self, yes: bool) {
            self.state.1.store(yes, Ordering::SeqCst);
        }
    }

    pub(super) fn answer(cookie: &[u8], now: i64, synchronised: bool) -> [u8; PACKET] {
        let mut packet = [0; PACKET];
        packet[0] = if synchronised { 0x24 } else { 0xe4 };
        packet[1] = 2;
        packet[24..32].copy_from_slice(cookie);
        for place in [32, 40] {
            packet[place..place + 4].copy_from_slice(&((now / 1000 + EPOCH) as u32).to_be_bytes());
            let fraction = ((now % 1000) << 32) / 1000;
            packet[place + 4..place + 8].copy_from_slice(&(fraction as u32).to_be_bytes());
        }
        packet
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::testing::answer;
    use super::*;

    const NOW: i64 = 1_800_000_000_500;

    fn judged(change: impl Fn(&mut [u8; PACKET])) -> Result<Reading, String> {
        let mut packet = answer(&[0; 8], NOW, true);
        change(&mut packet);
        judge(&packet, NOW - 10, 20)
    }

    #[test]
    fn the_distance_is_half_of_there_and_back() {
        assert_eq!(judged(|_| ()), Ok(Reading { ahead_millis: 0, within_millis: 11 }));
        let ahead = judge(&answer(&[0; 8], NOW + 7_000, true), NOW - 10, 20).unwrap().ahead_millis;
        assert!((6_999..=7_000).contains(&ahead), "{ahead}");
        let behind = judge(&answer(&[0; 8], NOW - 86_400_000, true), NOW - 10, 20).unwrap().ahead_millis;
        assert!((-86_400_001..=-86_399_999).contains(&behind), "{behind}");
    }

    #[test]
    fn answers_of_no_use_are_refused() {
        for (change, why) in [
            ((|p| p[0] = 0xe4) as fn(&mut [u8; PACKET]), "not synchronised"),
            (|p| p[1] = 0, "not synchronised"),
            (|p| p[1] = 16, "not synchronised"),
            (|p| p[0] = 0x23, "not a server"),
            (|p| p[8..12].copy_from_slice(&[0, 2, 0, 0]), "uncertain"),
            (|p| p[40..48].fill(0), "without its time"),
        ] {
            let refused = judged(change).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn an_era_ends_in_2036_and_nothing_happens() {
        // 2036-02-07T06:28:16Z is second 0 of era 1.
        let turn = 2_085_978_496_000;
        assert_eq!(millis(0, 0, turn + 5), turn);
        assert_eq!(millis(0, 1 << 31, turn - 5), turn + 500);
        assert_eq!(millis(u32::MAX, 0, turn + 5), turn - 1000);
        assert_eq!(millis(u32::try_from(1_800_000_000 + EPOCH).unwrap(), 0, NOW), 1_800_000_000_000);
    }

    #[test]
    fn nobody_answers() {
        let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let error = ask(silent.local_addr().unwrap(), Duration::from_millis(30), &|| NOW).unwrap_err();
        assert_eq!(error, "no answer");
    }
}
