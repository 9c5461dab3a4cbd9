//! The one thread that appends to the log.
//!
//! It takes all records that wait, writes them as one batch, syncs once and answers all. A permit's receipts are made only
//! after that sync. After a failed write or sync nobody gets a permit any more.

use super::log::{Draft, Log, LogError};
use super::sink::Sink;
use crate::audit::{
    AuditError, Body, Ending, EntryError, Event, Facts, Intent, Outcome, Receipt, ReceiptKey, RecordNumber,
    Use,
};
use crate::keys::{Generation, KeyId, Purpose, ToBeSigned};
use crate::tlog::Checkpoint;
use arc_swap::ArcSwap;
use flume::{Receiver, Sender, bounded};
use hufu_api::{Clock, Cx, RequestId};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Records in one batch, at most.
const GROUP: usize = 4096;
/// Bytes in one batch, about.
const GROUP_BYTES: usize = 8 << 20;
/// Jobs waiting, at most.
const WAITING: usize = 16_384;
/// Records that leave sled in one step, at most: others wait meanwhile.
pub const PRUNED_AT_ONCE: usize = 1024;
/// An answer that would leave in the last moment may find nobody waiting: its permit counts as late and is closed. The
/// caller's deadline came as time left, so ours is later by as long as the request was on its way.
const ON_ITS_WAY: Duration = Duration::from_millis(100);
/// Key uses that one intent may announce.
const MAX_USES: usize = 64;

/// Whose intents these are: one connection of the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner(pub u64);

/// What is asked of the writer.
#[derive(Debug)]
pub enum Ask {
    /// Put an intent on disk and give its receipts.
    Begin(Intent),
    /// Put a complete record on disk.
    Record(Event),
    /// Put an intent's outcome on disk.
    Close {
        /// The intent.
        number: RecordNumber,
        /// How it ended.
        outcome: Outcome,
    },
    /// The permit was dropped.
    Abandon {
        /// The intent.
        number: RecordNumber,
    },
    /// The owner is gone: close its intents as interrupted.
    Gone,
    /// Announce a checkpoint over what is there, to be signed with that key.
    Checkpoint {
        /// Names the log.
        origin: String,
        /// The audit key.
        key: KeyId,
        /// The worker that will sign.
        generation: Generation,
    },
    /// Remove some of the oldest records below this one from sled; the durable entry bundles hold them.
    Prune {
        /// The first that stays.
        below: RecordNumber,
    },
}

/// What the writer has done.
#[derive(Debug)]
pub enum Done {
    /// The intent is on disk; one receipt per use.
    Begun {
        /// Its number.
        number: RecordNumber,
        /// In the order of the uses.
        receipts: Vec<Receipt>,
    },
    /// The record is on disk; for an owner that is gone, the number of the last record.
    Recorded(RecordNumber),
    /// That many records have left sled.
    Pruned(usize),
    /// A checkpoint may be signed.
    Checkpoint {
        /// What is to be signed.
        checkpoint: Checkpoint,
        /// Leave to sign it.
        receipt: Receipt,
    },
}

/// The answer, or why not.
pub type Answer = Result<Done, AuditError>;

/// Takes the answers of one batch, many at once.
pub trait Desk: Send + Sync {
    /// Hands out answers by the tickets that came with the jobs.
    fn answer(&self, answers: Vec<(u64, Answer)>);
}

/// One thing to do.
pub struct Job {
    /// On whose behalf.
    pub owner: Owner,
    /// The request, and until when somebody waits.
    pub cx: Cx,
    /// What.
    pub ask: Ask,
    /// Where the answer goes, and under which ticket; `None`: nobody waits.
    pub reply: Option<(Arc<dyn Desk>, u64)>,
}

/// How the writer is set up.
pub struct Settings {
    /// Time for records and receipts.
    pub clock: Arc<dyn Clock>,
    /// Life of a receipt.
    pub receipt_life: Duration,
    /// Further places that records go to.
    pub sinks: Vec<Box<dyn Sink>>,
}

/// What others may see of the writer.
pub struct Status {
    size: AtomicU64,
    batches: AtomicU64,
    started: Instant,
    busy_since: AtomicU64,
    poison: OnceLock<String>,
}

impl Status {
    /// Durable records.
    pub fn size(&self) -> u64 {
        self.size.load(Ordering::Acquire)
    }

    /// Batches written since the start.
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Why the log takes nothing any more.
    pub fn poison(&self) -> Option<&str> {
        self.poison.get().map(String::as_str)
    }

    /// For how long the batch under way has been at the disk.
    pub fn busy_for(&self) -> Duration {
        match self.busy_since.load(Ordering::Acquire) {
            0 => Duration::ZERO,
            since => self.started.elapsed().saturating_sub(Duration::from_millis(since - 1)),
        }
    }
}

/// A writer that ended by a panic in sled takes nothing any more either.
struct Ends(Arc<Status>);

impl Drop for Ends {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.0.poison.set("the writer has ended".into());
        }
    }
}

/// The running writer. Dropping it finishes what waits.
pub struct Writer {
    jobs: Sender<Option<Job>>,
    status: Arc<Status>,
    receipt_key: Arc<ArcSwap<Option<ReceiptKey>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts on an open log: intents found open are closed as interrupted first.
    ///
    /// # Errors
    /// When that cannot be written, or no thread can be had.
    pub fn start(mut log: Log, settings: Settings) -> Result<Self, LogError> {
        close_all_open(&mut log, settings.clock.as_ref())?;
        let status = Arc::new(Status {
            size: AtomicU64::new(log.range().size()),
            batches: AtomicU64::new(0),
            started: Instant::now(),
            busy_since: AtomicU64::new(0),
            poison: OnceLock::new(),
        });
        let receipt_key = Arc::new(ArcSwap::from_pointee(None));
        let (jobs, waiting) = bounded(WAITING);
        let run = Run {
            log,
            settings,
            status: Arc::clone(&status),
            receipt_key: Arc::clone(&receipt_key),
            owners: HashMap::new(),
            late: Vec::new(),
        };
        let ends = Ends(Arc::clone(&status));
        let thread = std::thread::Builder::new().name("audit-writer".into()).spawn(move || {
            let _ends = ends;
            run.serve(&waiting);
        })?;
        Ok(Self { jobs, status, receipt_key, thread: Some(thread) })
    }

    /// Sets the key that receipts are made with; without one, intents get an error.
    pub fn set_receipt_key(&self, key: ReceiptKey) {
        self.receipt_key.store(Arc::new(Some(key)));
    }

    /// What others may see.
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status)
    }

    /// A way to hand in jobs.
    pub fn inbox(&self) -> Inbox {
        Inbox(self.jobs.clone())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // No job: the end. What comes later gets an error.
        let _ = self.jobs.send(None);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Hands in jobs.
#[derive(Clone)]
pub struct Inbox(Sender<Option<Job>>);

impl Inbox {
    /// Hands in a job; if the writer is too far behind until the deadline, or gone, its answer is an error at once.
    pub fn hand_in(&self, job: Job) {
        if let Err(error) = self.0.send_timeout(Some(job), Duration::from_secs(1)) {
            let reason = if matches!(error, flume::SendTimeoutError::Timeout(_)) {
                "too many records wait"
            } else {
                "the writer has ended"
            };
            if let Some((desk, ticket)) = error.into_inner().and_then(|job| job.reply) {
                desk.answer(vec![(ticket, Err(AuditError::Unavailable(reason.into())))]);
            }
        }
    }

    /// Asks and waits until the deadline of `cx`.
    ///
    /// # Errors
    /// See [`AuditError`].
    pub fn ask(&self, owner: Owner, cx: Cx, ask: Ask) -> Answer {
        struct One(Sender<Answer>);
        impl Desk for One {
            fn answer(&self, answers: Vec<(u64, Answer)>) {
                for (_, answer) in answers {
                    let _ = self.0.send(answer);
                }
            }
        }
        let (answer, result) = bounded(1);
        self.hand_in(Job { owner, cx, ask, reply: Some((Arc::new(One(answer)), 0)) });
        result.recv_deadline(cx.deadline).map_err(|e| match e {
            flume::RecvTimeoutError::Timeout => AuditError::Timeout,
            flume::RecvTimeoutError::Disconnected => AuditError::Unavailable("the writer has ended".into()),
        })?
    }
}

fn interrupted(of: RecordNumber, act: crate::audit::Act, ending: Ending) -> Body {
    Body::Outcome { of, act, outcome: Outcome { ending, facts: Facts::new() } }
}

fn close_all_open(log: &mut Log, clock: &dyn Clock) -> Result<(), LogError> {
    let mut draft = log.draft();
    for (number, intent) in log.open_intents() {
        let body = interrupted(*number, intent.act, Ending::Interrupted);
        draft
            .add(clock.now_untrusted(), intent.request, body)
            .map_err(|e| LogError::Damaged(format!("intent {number} cannot be closed: {e}")))?;
    }
    log.append(draft)
}

/// What became of one job in the draft.
enum Drafted {
    Begun { number: RecordNumber, owner: Owner, uses: Vec<Use>, deadline: Instant },
    Recorded(RecordNumber),
    Pruned(usize),
    Checkpoint { checkpoint: Checkpoint, number: RecordNumber, r#use: Use },
}

struct Run {
    log: Log,
    settings: Settings,
    status: Arc<Status>,
    receipt_key: Arc<ArcSwap<Option<ReceiptKey>>>,
    owners: HashMap<RecordNumber, Owner>,
    /// Intents that came on disk after their callers had given up; closed with the next batch.
    late: Vec<(RecordNumber, Owner)>,
}

type Waiter = Option<(Arc<dyn Desk>, u64)>;

impl Run {
    fn serve(mut self, waiting: &Receiver<Option<Job>>) {
        let ended = Cell::new(false);
        while !ended.get() {
            let Ok(Some(first)) = waiting.recv() else { return };
            let more = waiting.try_iter().map_while(|job| {
                ended.set(job.is_none());
                job
            });
            self.batch(std::iter::once(first).chain(more));
        }
    }

    fn batch(&mut self, jobs: impl Iterator<Item = Job>) {
        let now = u64::try_from(self.status.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
        self.status.busy_since.store(now + 1, Ordering::Release);
        let mut draft = self.log.draft();
        for (number, owner) in std::mem::take(&mut self.late) {
            // One that is closed already is no matter.
            let abandon = Ask::Abandon { number };
            let cx = Cx { request: RequestId(0), deadline: Instant::now() };
            let _ = self.draft(&mut draft, owner, cx, abandon);
        }
        let mut results: Vec<(Waiter, Result<Drafted, AuditError>)> = Vec::new();
        for job in jobs.take(GROUP) {
            let Job { owner, cx, ask, reply } = job;
            let result = match self.status.poison() {
                Some(reason) => Err(AuditError::Unavailable(reason.into())),
                None => self.draft(&mut draft, owner, cx, ask),
            };
            results.push((reply, result));
            if draft.bytes() >= GROUP_BYTES {
                break;
            }
        }
        let written = self.write(draft);
        let answers: Vec<(Waiter, Answer)> = results
            .into_iter()
            .map(|(reply, result)| (reply, written.clone().and(result).and_then(|done| self.finish(done))))
            .collect();
        self.status.busy_since.store(0, Ordering::Release);
        hand_out(answers);
    }

    fn write(&mut self, draft: Draft) -> Result<(), AuditError> {
        if self.status.poison().is_some() {
            return Ok(());
        }
        let written = self.log_and_sinks(draft);
        if let Err(error) = &written {
            tracing::error!(%error, "the audit log takes nothing any more");
            let _ = self.status.poison.set(error.to_string());
        }
        self.status.size.store(self.log.range().size(), Ordering::Release);
        self.status.batches.fetch_add(1, Ordering::Relaxed);
        written.map_err(|e| AuditError::Unavailable(e.to_string()))
    }

    /// Sinks that must not miss a record come before the answers, and after the log itself.
    fn log_and_sinks(&mut self, draft: Draft) -> Result<(), LogError> {
        let records: Vec<Vec<u8>> = if self.settings.sinks.is_empty() {
            Vec::new()
        } else {
            draft.records().map(<[u8]>::to_vec).collect()
        };
        self.log.append(draft)?;
        for sink in &mut self.settings.sinks {
            match sink.take(&records) {
                Ok(()) => {}
                Err(error) if sink.required() => return Err(error.into()),
                Err(error) => tracing::error!(%error, "a copy of the audit log misses records"),
            }
        }
        Ok(())
    }

    fn draft(&mut self, draft: &mut Draft, owner: Owner, cx: Cx, ask: Ask) -> Result<Drafted, AuditError> {
        let at = self.settings.clock.now_untrusted();
        let refused = |e: EntryError| match e {
            EntryError::TooLarge(_) => AuditError::TooLarge,
            other => AuditError::Invalid(other.to_string()),
        };
        match ask {
            Ask::Begin(intent) => {
                if intent.uses.is_empty() || intent.uses.len() > MAX_USES {
                    return Err(AuditError::Invalid(format!("{} key uses", intent.uses.len())));
                }
                if self.receipt_key.load().is_none() {
                    return Err(AuditError::Unavailable("no receipt key yet".into()));
                }
                let uses = intent.uses.clone();
                let number = draft.add(at, cx.request, Body::Intent(intent)).map_err(refused)?;
                self.owners.insert(number, owner);
                Ok(Drafted::Begun { number, owner, uses, deadline: cx.deadline })
            }
            Ask::Record(event) => {
                Ok(Drafted::Recorded(draft.add(at, cx.request, Body::Event(event)).map_err(refused)?))
            }
            Ask::Close { number, outcome } => {
                self.close(draft, owner, number, outcome, at).map(Drafted::Recorded)
            }
            Ask::Abandon { number } => {
                let outcome = Outcome { ending: Ending::Abandoned, facts: Facts::new() };
                self.close(draft, owner, number, outcome, at).map(Drafted::Recorded)
            }
            Ask::Gone => {
                let mine = |(number, whose): (&RecordNumber, &Owner)| (*whose == owner).then_some(*number);
                let mut numbers: Vec<RecordNumber> = self.owners.iter().filter_map(mine).collect();
                numbers.sort_unstable();
                for number in numbers {
                    let outcome = Outcome { ending: Ending::Interrupted, facts: Facts::new() };
                    self.close(draft, owner, number, outcome, at)?;
                }
                Ok(Drafted::Recorded(draft.next().saturating_sub(1)))
            }
            Ask::Checkpoint { origin, key, generation } => {
                let checkpoint = Checkpoint { origin, size: draft.next(), root: draft.range().root() };
                let text = ToBeSigned::Checkpoint(checkpoint.text().into_bytes());
                let r#use = Use { digest: text.digest(), generation, key, purpose: Purpose::Audit };
                let body = Body::Checkpoint {
                    size: checkpoint.size,
                    root: checkpoint.root,
                    uses: vec![r#use.clone()],
                };
                let number = draft.add(at, cx.request, body).map_err(refused)?;
                Ok(Drafted::Checkpoint { checkpoint, number, r#use })
            }
            Ask::Prune { below } => {
                let pruned = self.log.prune(below, PRUNED_AT_ONCE);
                pruned.map(Drafted::Pruned).map_err(|e| AuditError::Unavailable(e.to_string()))
            }
        }
    }

    fn close(
        &mut self,
        draft: &mut Draft,
        owner: Owner,
        number: RecordNumber,
        outcome: Outcome,
        at: hufu_api::UnixTime,
    ) -> Result<RecordNumber, AuditError> {
        let mine = self.owners.get(&number) == Some(&owner);
        let intent = draft.open_intent(&self.log, number).filter(|_| mine).cloned();
        let intent = intent.ok_or(AuditError::NotFound)?;
        let body = Body::Outcome { of: number, act: intent.act, outcome };
        let closed = draft.add(at, intent.request, body).map_err(|e| match e {
            EntryError::TooLarge(_) => AuditError::TooLarge,
            other => AuditError::Invalid(other.to_string()),
        })?;
        self.owners.remove(&number);
        Ok(closed)
    }

    /// Receipts, once the batch is on disk.
    fn finish(&mut self, drafted: Drafted) -> Answer {
        let key = self.receipt_key.load();
        let key = key.as_ref().as_ref().ok_or_else(|| AuditError::Unavailable("no receipt key".into()));
        let life = i64::try_from(self.settings.receipt_life.as_millis()).unwrap_or(i64::MAX);
        let expires = self.settings.clock.now_untrusted().plus_millis(life).millis();
        match drafted {
            Drafted::Begun { number, owner, uses, deadline } => {
                if Instant::now() + ON_ITS_WAY > deadline {
                    self.late.push((number, owner));
                    return Err(AuditError::Timeout);
                }
                let key = key?;
                let receipts = (0_u16..).zip(&uses).map(|(i, u)| Receipt::issue(key, number, i, u, expires));
                Ok(Done::Begun { number, receipts: receipts.collect() })
            }
            Drafted::Recorded(number) => Ok(Done::Recorded(number)),
            Drafted::Pruned(count) => Ok(Done::Pruned(count)),
            Drafted::Checkpoint { checkpoint, number, r#use } => {
                Ok(Done::Checkpoint { checkpoint, receipt: Receipt::issue(key?, number, 0, &r#use, expires) })
            }
        }
    }
}

/// One call for each desk, whatever the number of answers.
fn hand_out(answers: Vec<(Waiter, Answer)>) {
    let mut desks: Vec<(Arc<dyn Desk>, Vec<(u64, Answer)>)> = Vec::new();
    for (waiter, answer) in answers {
        let Some((desk, ticket)) = waiter else { continue };
        match desks.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &desk)) {
            Some((_, for_desk)) => for_desk.push((ticket, answer)),
            None => desks.push((desk, vec![(ticket, answer)])),
        }
    }
    for (desk, answers) in desks {
        desk.answer(answers);
    }
}
