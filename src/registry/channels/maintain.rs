//! The thread that lets channels do what is due without a request: scheduled revocation lists.

use crate::channels::Authorities;
use hufu_api::{Clock, Cx, Entropy, RequestId};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long one round of one channel may take.
const ROUND: Duration = Duration::from_secs(30);

/// Pause after a round that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// The longest pause between rounds, so that a corrected clock is noticed.
const LONGEST: Duration = Duration::from_secs(600);

/// Calls every channel's `maintain` when it asked to be called. Stops when dropped.
pub struct Maintenance {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Maintenance {
    /// Starts the thread; the first round runs at once.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(
        authorities: Arc<Authorities>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> std::io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new().name("channels".into()).spawn(move || {
            loop {
                let pause = round(&authorities, clock.as_ref(), entropy.as_ref());
                match stopped.recv_timeout(pause) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Maintenance {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One round over all channels; the time until the next.
fn round(authorities: &Authorities, clock: &dyn Clock, entropy: &dyn Entropy) -> Duration {
    let mut pause = LONGEST;
    for (name, channel) in authorities.running() {
        let mut id = [0; 16];
        if entropy.fill(&mut id).is_err() {
            return AFTER_FAILURE;
        }
        let request = RequestId(u128::from_be_bytes(id));
        let Some(deadline) = Instant::now().checked_add(ROUND) else { return AFTER_FAILURE };
        let done = channel.maintain(Cx { request, deadline });
        let news = authorities.maintained(name, done.as_ref().err().map(ToString::to_string));
        match done {
            Ok(None) => {}
            Ok(Some(next)) => {
                let millis = next.millis().saturating_sub(clock.now_untrusted().millis());
                pause = pause.min(Duration::from_millis(u64::try_from(millis).unwrap_or(0)));
            }
            Err(error) => {
                if news {
                    tracing::warn!(channel = %name, %request, %error, "maintenance failed");
                }
                pause = pause.min(AFTER_FAILURE);
            }
        }
    }
    pause.max(Duration::from_secs(1))
}
