//! Threads that do disk work, so that callers can stop waiting.

use crate::documents::DocumentError;
use flume::{Receiver, Sender, bounded};
use hufu_api::Cx;
use std::io;

type Job = Box<dyn FnOnce() + Send>;

pub(super) struct Crew {
    jobs: Sender<Job>,
}

impl Crew {
    pub(super) fn start(threads: usize) -> io::Result<Self> {
        let (jobs, waiting): (Sender<Job>, Receiver<Job>) = bounded(threads);
        for n in 0..threads {
            let waiting = waiting.clone();
            std::thread::Builder::new()
                .name(format!("disk-{n}"))
                .spawn(move || waiting.iter().for_each(|job| job()))?;
        }
        Ok(Self { jobs })
    }

    /// Runs `work` and waits for it until the deadline. Work that comes late still runs to its end; its result is dropped.
    pub(super) fn run<T: Send + 'static>(
        &self,
        cx: Cx,
        work: impl FnOnce() -> Result<T, DocumentError> + Send + 'static,
    ) -> Result<T, DocumentError> {
        let (answer, result) = bounded(1);
        let job: Job = Box::new(move || {
            // Who gave up waiting is not there any more.
            let _ = answer.send(work());
        });
        self.jobs.send_deadline(job, cx.deadline).map_err(|_| DocumentError::Timeout)?;
        result.recv_deadline(cx.deadline).map_err(|_| DocumentError::Timeout)?
    }
}
