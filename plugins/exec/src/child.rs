//! One child process: started from a checked descriptor, with an empty environment, one question at a time.

use crate::message::{Answer, Failure, FailureKind, Question, VERSION};
use crate::settings::Checked;
use hufu_api::{ChannelError, Cx};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child as Process, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};

/// The longest message. Questions are far below a pipe's buffer, so that writing one never waits for the child.
const MAX_MESSAGE: usize = 256 * 1024;
const MAX_QUESTION: usize = 48 * 1024;

/// The longest line of the child's own log that is passed on.
const MAX_LINE: u64 = 1024;

/// A running child.
pub(crate) struct Child {
    process: Process,
    input: ChildStdin,
    answers: Receiver<Result<Vec<u8>, String>>,
    next: u64,
}

impl Child {
    /// Starts the program. Its descriptors are standard input and output for the protocol, standard error for its log, and the
    /// program (and script) it runs from; nothing else.
    pub(crate) fn start(settings: &Checked, name: &str) -> Result<Self, ChannelError> {
        let unavailable = |e: &dyn std::fmt::Display| ChannelError::Unavailable(e.to_string());
        let program = settings.program.open().map_err(|e| unavailable(&e))?;
        let interpreter = settings.interpreter.as_ref().map(|i| i.open().map(|o| (i, o)));
        let interpreter = interpreter.transpose().map_err(|e| unavailable(&e))?;
        let mut command = match &interpreter {
            // The real path as argv[0]: interpreters find their libraries from it.
            Some((pinned, opened)) => {
                let mut command = Command::new(opened.path());
                command.arg0(pinned.path()).arg(program.path());
                command
            }
            None => {
                let mut command = Command::new(program.path());
                command.arg0(settings.program.path());
                command
            }
        };
        let spawned = command
            .args(&settings.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut process = spawned.map_err(|e| unavailable(&format!("cannot be started: {e}")))?;
        let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let (Some(input), Some(output), Some(log)) = pipes else {
            let _ = process.kill();
            return Err(ChannelError::Unavailable("the child has no pipes".into()));
        };
        let (sender, answers) = sync_channel(1);
        let id = process.id();
        let name = name.to_owned();
        let reading = std::thread::Builder::new().name("ca-exec".into()).spawn(move || read(output, &sender));
        let logging =
            std::thread::Builder::new().name("ca-exec-log".into()).spawn(move || pass_on(log, &name, id));
        let child = Self { process, input, answers, next: 1 };
        reading.and(logging).map_err(|e| unavailable(&e))?;
        Ok(child)
    }

    /// One question and its answer. After an error other than the child's own word the child must be thrown away.
    pub(crate) fn ask<T: DeserializeOwned>(
        &mut self,
        cx: Cx,
        verb: &str,
        params: &impl Serialize,
    ) -> Result<T, AskError> {
        let left = cx.remaining();
        if left.is_zero() {
            return Err(AskError::Word(ChannelError::Timeout));
        }
        let id = self.next;
        self.next += 1;
        let deadline_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        let question =
            Question { v: VERSION, id, verb, deadline_ms, request: cx.request.to_string(), params };
        let body = serde_json::to_vec(&question)
            .map_err(|e| AskError::Word(ChannelError::Refused(e.to_string())))?;
        let too_long = || AskError::Word(ChannelError::Refused("the question is too long".into()));
        if body.len() > MAX_QUESTION {
            return Err(too_long());
        }
        let length = u32::try_from(body.len()).map_err(|_| too_long())?.to_be_bytes();
        let gone = |e: std::io::Error| {
            AskError::Broken(ChannelError::Unavailable(format!("the child is gone: {e}")))
        };
        self.input
            .write_all(&[&length[..], &body].concat())
            .and_then(|()| self.input.flush())
            .map_err(gone)?;
        let answer = match self.answers.recv_timeout(cx.remaining()) {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(why)) => return Err(AskError::Broken(ChannelError::Unavailable(why))),
            Err(RecvTimeoutError::Timeout) => return Err(AskError::Broken(ChannelError::Timeout)),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(AskError::Broken(ChannelError::Unavailable("the child is gone".into())));
            }
        };
        decode(&answer, verb, id)
    }
}

/// The result in an answer to question `id`.
fn decode<T: DeserializeOwned>(answer: &[u8], verb: &str, id: u64) -> Result<T, AskError> {
    let broken = |why: String| AskError::Broken(ChannelError::BadAnswer(why));
    let answer: Answer = serde_json::from_slice(answer).map_err(|e| broken(format!("not an answer: {e}")))?;
    if answer.v != VERSION || answer.id != id {
        return Err(broken(format!("answer {} of version {} to question {id}", answer.id, answer.v)));
    }
    match (answer.ok, answer.error) {
        (Some(ok), None) => serde_json::from_value(ok).map_err(|e| broken(format!("{verb}: {e}"))),
        (None, Some(failure)) => Err(AskError::Word(failure.into())),
        _ => Err(broken("an answer has either ok or error".into())),
    }
}

/// Reads a child's whole output as answers 1, 2, … to `T` questions and counts those that hold a result or the child's own refusal.
pub(crate) fn answers<T: DeserializeOwned>(mut output: impl Read) -> usize {
    (1..)
        .take_while(|id| {
            let read = message(&mut output).map(|bytes| decode::<T>(&bytes, "any", *id));
            matches!(read, Ok(Ok(_) | Err(AskError::Word(_))))
        })
        .count()
}

/// Why there is no result.
pub(crate) enum AskError {
    /// The child said so; it can be asked again.
    Word(ChannelError),
    /// The child does not keep to the protocol or is gone.
    Broken(ChannelError),
}

impl From<Failure> for ChannelError {
    fn from(failure: Failure) -> Self {
        let message = failure.message.chars().filter(|c| !c.is_control()).take(300).collect();
        match failure.kind {
            FailureKind::Refused => Self::Refused(message),
            FailureKind::Unavailable => Self::Unavailable(message),
            FailureKind::Unsupported => Self::Unsupported,
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads messages until the child closes its output or breaks the frame.
fn read(output: impl Read, answers: &SyncSender<Result<Vec<u8>, String>>) {
    let mut output = BufReader::new(output);
    loop {
        let message = message(&mut output);
        let last = message.is_err();
        if answers.send(message).is_err() || last {
            return;
        }
    }
}

fn message(output: &mut impl Read) -> Result<Vec<u8>, String> {
    let mut length = [0; 4];
    output.read_exact(&mut length).map_err(|_| "the child has ended".to_owned())?;
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_MESSAGE {
        return Err(format!("the child sends a message of {length} bytes; at most {MAX_MESSAGE} are read"));
    }
    let mut body = vec![0; length];
    output.read_exact(&mut body).map_err(|_| "the child ended within a message".to_owned())?;
    Ok(body)
}

/// Passes the child's standard error on to our log, line by line.
fn pass_on(log: impl Read, name: &str, process: u32) {
    let mut log = BufReader::new(log);
    let mut line = Vec::new();
    loop {
        line.clear();
        match log.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text: String =
                    String::from_utf8_lossy(&line).chars().filter(|c| !c.is_control()).collect();
                tracing::info!(channel = %name, process, "{text}");
            }
        }
    }
}
