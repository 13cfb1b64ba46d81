//! The other side of a comparison: a long-lived child process that measures when it is asked.
//!
//! It reads requests and writes one JSON object per line; `benches/peers/torch_peer.py` opens with the
//! protocol. Between requests it waits for its input, so it takes nothing from our rounds.

use basin_reproduce::exit::Usage;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The PyTorch program.
const TORCH: &str = include_str!("../../../../benches/peers/torch_peer.py");

/// Bytes of the peer's messages that an error shows.
const TAIL: usize = 2_000;

/// Longest time for a peer to start, with all that it imports.
const STARTING: Duration = Duration::from_secs(120);

/// How often to look whether a peer has ended that was told to, and how long to pause in between.
const PATIENCE: usize = 250;
const PAUSE: Duration = Duration::from_millis(20);

/// Why a peer gave no measurement.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PeerError {
    #[error("the peer cannot be started: {0}")]
    Start(std::io::Error),
    #[error("the peer ended {status} while it was asked to {request}; its last words: {tail}")]
    Died { request: String, status: String, tail: String },
    #[error("the peer was asked to {request} and answered {answer:?}: {reason}")]
    Answer { request: String, answer: String, reason: String },
    #[error("the peer was asked to {request} and refused: {reason}")]
    Refused { request: String, reason: String },
    #[error("the peer was asked to {request} and did not answer within {seconds} s")]
    Late { request: String, seconds: u64 },
    #[error("the peer can measure none of it: {0:?}")]
    NoLayout(BTreeMap<String, String>),
}

/// The first line of a peer.
#[derive(Debug, Deserialize)]
struct Greeting {
    program: String,
}

/// What a peer makes of a case.
#[derive(Debug, Deserialize)]
pub(crate) struct Prepared {
    /// The memory layouts it will measure in each round.
    pub(crate) layouts: Vec<String>,
    /// The others with its reasons.
    pub(crate) skipped: BTreeMap<String, String>,
}

/// Seconds of each step of a round.
#[derive(Debug, Deserialize)]
struct Times {
    layout: String,
    seconds: Vec<f64>,
}

#[derive(Debug, Deserialize)]
struct Memory {
    peak_memory_mib: Option<f64>,
}

/// A running peer. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Peer {
    /// What it calls itself, with its version.
    pub(crate) program: String,
    child: Child,
    requests: Option<ChildStdin>,
    answers: Receiver<String>,
    /// How long an answer may take, once it has started; for ever if none.
    patience: Option<Duration>,
    messages: Messages,
}

impl Peer {
    /// Starts PyTorch in the given interpreter.
    pub(crate) fn torch(python: &Path, threads: usize, layouts: &str) -> Result<Self, Usage> {
        let mut command = Command::new(python);
        command.args(["-c", TORCH, "--threads", &threads.to_string(), "--layouts", layouts]);
        command.env("OMP_NUM_THREADS", threads.to_string());
        Self::start(command).map_err(|error| {
            let python = python.display();
            Usage(format!(
                "--peer {python}: {error}; tried to run it with a program that imports torch; install PyTorch \
                 there ({python} -m pip install torch torchvision) or name another Python interpreter"
            ))
        })
    }

    /// Starts a program that speaks the protocol and waits until it is ready.
    pub(crate) fn start(command: Command) -> Result<Self, PeerError> {
        Self::start_within(command, STARTING)
    }

    fn start_within(mut command: Command, patience: Duration) -> Result<Self, PeerError> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(PeerError::Start)?;
        let missing = || PeerError::Start(std::io::Error::other("no pipe to it"));
        let requests = child.stdin.take();
        let answers = lines(child.stdout.take().ok_or_else(missing)?);
        let messages = Messages::read(child.stderr.take().ok_or_else(missing)?);
        let patience = Some(patience);
        let mut peer = Self { program: String::new(), child, requests, answers, patience, messages };
        peer.program = peer.answer::<Greeting>("start")?.program;
        peer.patience = None;
        Ok(peer)
    }

    /// Tells it what the next rounds measure; it builds, compiles and warms up.
    pub(crate) fn prepare(&mut self, case: &Value) -> Result<Prepared, PeerError> {
        let prepared: Prepared = self.ask(&format!("case {case}"))?;
        match prepared.layouts.is_empty() {
            true => Err(PeerError::NoLayout(prepared.skipped)),
            false => Ok(prepared),
        }
    }

    /// As [`Peer::prepare`], but a peer that takes longer has failed, and so has one that takes as long for a round. It is
    /// of no use afterwards.
    pub(crate) fn prepare_within(&mut self, case: &Value, patience: Duration) -> Result<Prepared, PeerError> {
        self.patience = Some(patience);
        self.prepare(case)
    }

    /// One round: the seconds of every step, for each of the prepared layouts.
    pub(crate) fn round(&mut self, layouts: &[String], steps: usize) -> Result<Vec<Vec<f64>>, PeerError> {
        let request = format!("round {steps}");
        let mut all = Vec::new();
        for layout in layouts {
            let times: Times = if all.is_empty() { self.ask(&request)? } else { self.answer(&request)? };
            let whole = times.seconds.len() == steps && times.seconds.iter().all(|s| *s > 0.0);
            if times.layout != *layout || !whole {
                let reason = format!("expected {steps} times of layout {layout}");
                return Err(PeerError::Answer { request, answer: format!("{times:?}"), reason });
            }
            all.push(times.seconds);
        }
        Ok(all)
    }

    /// MiB that it has held at most, if it knows.
    pub(crate) fn peak_memory_mib(&mut self) -> Result<Option<f64>, PeerError> {
        Ok(self.ask::<Memory>("memory")?.peak_memory_mib)
    }

    fn ask<T: DeserializeOwned>(&mut self, request: &str) -> Result<T, PeerError> {
        let sent = self.requests.as_mut().map(|pipe| writeln!(pipe, "{request}").and_then(|()| pipe.flush()));
        match sent {
            Some(Ok(())) => self.answer(request),
            _ => Err(self.died(request)),
        }
    }

    fn answer<T: DeserializeOwned>(&mut self, request: &str) -> Result<T, PeerError> {
        let line = match self.patience {
            None => self.answers.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(patience) => self.answers.recv_timeout(patience),
        };
        let line = match (line, self.patience) {
            (Ok(line), _) => line,
            (Err(RecvTimeoutError::Timeout), Some(patience)) => {
                // What it answers later is not an answer to the next request.
                let _ = self.child.kill();
                return Err(PeerError::Late { request: request.to_owned(), seconds: patience.as_secs() });
            }
            (Err(_), _) => return Err(self.died(request)),
        };
        let wrong = |reason: serde_json::Error| PeerError::Answer {
            request: request.to_owned(),
            answer: line.trim().to_owned(),
            reason: reason.to_string(),
        };
        let value: Value = serde_json::from_str(&line).map_err(wrong)?;
        match value["error"].as_str() {
            Some(reason) => {
                Err(PeerError::Refused { request: request.to_owned(), reason: reason.to_owned() })
            }
            None => serde_json::from_value(value).map_err(wrong),
        }
    }

    /// The error of a peer that answers no more, with the end of what it wrote to its standard error.
    fn died(&mut self, request: &str) -> PeerError {
        let status = match self.end() {
            Some(status) => format!("with {status}"),
            None => "without a status".to_owned(),
        };
        self.messages.settle();
        let messages = self.messages.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let tail = match String::from_utf8_lossy(&messages).trim() {
            "" => "(none)".to_owned(),
            text => text.to_owned(),
        };
        PeerError::Died { request: request.to_owned(), status, tail }
    }

    /// Closes its input, waits a while, and insists.
    fn end(&mut self) -> Option<std::process::ExitStatus> {
        self.requests = None;
        for _ in 0..PATIENCE {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(PAUSE);
        }
        self.child.kill().ok()?;
        self.child.wait().ok()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.end();
    }
}

/// The lines that a peer answers, read by a thread until it ends.
fn lines(pipe: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The end of what a peer writes to its standard error. A thread reads it, so that the pipe never fills up.
#[derive(Debug)]
struct Messages {
    kept: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Messages {
    fn read(mut pipe: impl Read + Send + 'static) -> Self {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&kept);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(n @ 1..) = pipe.read(&mut buffer) {
                let mut kept = shared.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&buffer[..n]);
                let surplus = kept.len().saturating_sub(TAIL);
                kept.drain(..surplus);
            }
        });
        Self { kept, reader }
    }

    /// Waits a while for what is still on its way through the pipe, which children of the peer may hold open.
    fn settle(&self) {
        for _ in 0..PATIENCE / 5 {
            if self.reader.is_finished() {
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }
}

#[cfg(all(test, unix))]
mod tests;
