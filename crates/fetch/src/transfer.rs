//! One request for what is still missing, and its answer appended to the part. The only file that speaks HTTP.

use crate::address::{parse, scrubbed, shown};
use crate::job::{Event, Job, Patience};
use crate::part::Part;
use crate::{FetchError, SourceError};
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use ureq::http::{HeaderMap, Response, header};
use ureq::typestate::WithoutBody;
use ureq::{Agent, Body, RequestBuilder};

/// Why a transfer did not end with a whole file: the address's fault, or not.
#[derive(Debug)]
pub(crate) enum Failure {
    Source(SourceError),
    Fetch(FetchError),
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

/// Asks the address for what the part lacks and appends what comes. `Ok` says that the answer ended as it
/// should: the part then has all its bytes. What came before a failure is kept, unless it is of another file.
pub(crate) fn transfer(address: &str, part: &mut Part<'_>, job: &mut Job<'_>) -> Result<(), Failure> {
    let agent = agent(address, &job.request.patience);
    let (done, stop) = (AtomicBool::new(false), job.stop);
    let result = thread::scope(|scope| {
        // A request that waits for its server cannot look whether someone asked to stop: this thread does.
        let shut = agent.clone();
        let watcher = scope.spawn(|| watch(shut, &done, stop));
        let _end = End { done: &done, watcher: watcher.thread().clone() };
        receive(&agent, address, part, job)
    });
    job.check()?;
    result
}

fn agent(address: &str, patience: &Patience) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .user_agent(concat!("basin-fetch/", env!("CARGO_PKG_VERSION")))
        // The archives are compressed; a second compression would only make ranges ambiguous.
        .accept_encoding("identity")
        .timeout_resolve(Some(patience.connect))
        .timeout_connect(Some(patience.connect))
        .timeout_recv_response(Some(patience.stall))
        .timeout_per_read(Some(patience.stall));
    // A proxy cannot reach this machine's own addresses.
    let own = parse(address).is_ok_and(|uri| matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]")));
    if own {
        config = config.proxy(None);
    }
    config.build().new_agent()
}

fn watch(agent: Agent, done: &AtomicBool, stop: &(dyn Fn() -> bool + Sync)) {
    while !done.load(Ordering::Acquire) {
        if stop() {
            return agent.shutdown();
        }
        thread::park_timeout(Duration::from_millis(50));
    }
}

/// Ends the watcher, however the transfer ends.
struct End<'a> {
    done: &'a AtomicBool,
    watcher: Thread,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
        self.watcher.unpark();
    }
}

fn receive(agent: &Agent, address: &str, part: &mut Part<'_>, job: &mut Job<'_>) -> Result<(), Failure> {
    let (from, of) = (part.have(), job.published.bytes);
    (job.tell)(Event::Asking { address: &shown(address), from });
    let mut request = agent.get(address);
    if from > 0 {
        request = request.header(header::RANGE, format!("bytes={from}-"));
        if let Some(version) = part.version(&shown(address)) {
            request = request.header(header::IF_RANGE, version);
        }
    }
    let stall = job.request.patience.stall;
    let failed = |error| Failure::from(source_error(error, stall, address));
    let mut response = answer(request, job)?.map_err(failed)?;
    begin(&response, address, part, of)?;
    job.kept = part.have();
    let mut reader = response.body_mut().as_reader();
    let mut buffer = vec![0; 1 << 17];
    let mut pace = Pace { since: Instant::now(), from: part.have() };
    loop {
        job.check()?;
        let n = match reader.read(&mut buffer) {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            Err(error) => return Err(failed(error.into())),
        };
        if n == 0 {
            let have = part.have();
            return if have == of { Ok(()) } else { Err(SourceError::BrokeOff { have, of }.into()) };
        }
        if part.have() + n as u64 > of {
            part.clear()?;
            return Err(SourceError::Size { expected: of, found: format!("more than {of}") }.into());
        }
        part.append(&buffer[..n])?;
        job.received(part.have());
        pace.check(part.have(), &job.request.patience)?;
    }
}

/// The answer's head. Looking up a name, connecting and shaking hands cannot be stopped: whoever asks to stop leaves them
/// to a thread that nobody waits for.
fn answer(
    request: RequestBuilder<WithoutBody>,
    job: &Job<'_>,
) -> Result<Result<Response<Body>, ureq::Error>, Failure> {
    let (told, heard) = mpsc::channel();
    // Whoever stopped listening needs no answer.
    let asking = thread::Builder::new().spawn(move || drop(told.send(request.call())));
    asking.map_err(|error| SourceError::Network(format!("no thread to ask from ({error})")))?;
    loop {
        job.check()?;
        match heard.recv_timeout(Duration::from_millis(50)) {
            Ok(answer) => return Ok(answer),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(SourceError::Network("the request ended without an answer".to_owned()).into());
            }
        }
    }
}

/// What came since when: a server that sends a byte now and then would be waited for without end.
struct Pace {
    since: Instant,
    from: u64,
}

impl Pace {
    /// Refuses less than the least rate over the time of patience.
    fn check(&mut self, have: u64, patience: &Patience) -> Result<(), SourceError> {
        let passed = self.since.elapsed();
        if passed < patience.stall {
            return Ok(());
        }
        let came = have.saturating_sub(self.from);
        if (came as f64) < patience.rate as f64 * passed.as_secs_f64() {
            return Err(SourceError::Slow { came, during: patience.stall, least: patience.rate });
        }
        *self = Self { since: Instant::now(), from: have };
        Ok(())
    }
}

/// Judges the head of the answer and makes the part ready for its body.
fn begin(response: &Response<Body>, address: &str, part: &mut Part<'_>, of: u64) -> Result<(), Failure> {
    let (headers, from) = (response.headers(), part.have());
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let status = response.status().as_u16();
    let page = text(header::CONTENT_TYPE).is_some_and(|kind| kind.trim_start().starts_with("text/html"));
    let other = |found: u64| SourceError::Size { expected: of, found: found.to_string() };
    match status {
        200 | 206 if page => Err(SourceError::WebPage.into()),
        // The whole file: the first answer, or one of a server that knows no ranges or has another version.
        200 => {
            let length: Option<u64> =
                text(header::CONTENT_LENGTH).and_then(|length| length.trim().parse().ok());
            if let Some(length) = length.filter(|length| *length != of) {
                return Err(other(length).into());
            }
            part.clear()?;
            if let Some(version) = version(headers) {
                part.note(&shown(address), version)?;
            }
            Ok(())
        }
        206 if from > 0 => match text(header::CONTENT_RANGE).and_then(content_range) {
            Some((_, Some(total))) if total != of => Err(other(total).into()),
            Some((start, _)) if start == from => {
                part.patched = true;
                Ok(())
            }
            _ => {
                part.clear()?;
                Err(SourceError::Range.into())
            }
        },
        416 if from > 0 => {
            part.clear()?;
            Err(SourceError::Range.into())
        }
        _ => Err(SourceError::Status(status).into()),
    }
}

/// What may stand in If-Range: a strong entity tag, else a date (RFC 9110, section 13.1.5).
fn version(headers: &HeaderMap) -> Option<&str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    text(header::ETAG).filter(|tag| tag.starts_with('"')).or_else(|| text(header::LAST_MODIFIED))
}

/// First byte and total of `bytes FIRST-LAST/TOTAL`, the total `None` where it is `*`.
fn content_range(value: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let first = range.split_once('-')?.0.trim().parse().ok()?;
    if total.trim() == "*" { Some((first, None)) } else { Some((first, Some(total.trim().parse().ok()?))) }
}

fn source_error(error: ureq::Error, stall: Duration, address: &str) -> SourceError {
    use ureq::{Error, Timeout};
    let told = |error: &dyn std::fmt::Display| scrubbed(&error.to_string(), address);
    match error {
        Error::Timeout(Timeout::PerRead | Timeout::RecvResponse) => SourceError::Stalled(stall),
        Error::Timeout(_) => SourceError::Network("no connection in time".to_owned()),
        // A certificate that does not hold does not hold a second time.
        Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => SourceError::Refused(told(&error)),
        Error::Io(error) => SourceError::Network(told(&error)),
        Error::HostNotFound | Error::ConnectionFailed | Error::Protocol(_) | Error::ConnectProxyFailed(_) => {
            SourceError::Network(told(&error))
        }
        other => SourceError::Refused(told(&other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_gives_its_start_and_its_total() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        for wrong in ["", "bytes */10", "bytes 5-9", "items 5-9/10", "bytes x-9/10", "bytes 5-9/x"] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_strong_tags_and_dates_name_a_version() {
        let of = |pairs: &[(header::HeaderName, &str)]| {
            let headers: HeaderMap =
                pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
            version(&headers).map(str::to_owned)
        };
        let date = (header::LAST_MODIFIED, "Thu, 04 Jun 2009 00:00:00 GMT");
        assert_eq!(of(&[(header::ETAG, "\"a\""), date.clone()]).unwrap(), "\"a\"");
        assert_eq!(of(&[(header::ETAG, "W/\"a\""), date.clone()]).unwrap(), date.1);
        assert_eq!(of(&[(header::ETAG, "W/\"a\"")]), None);
    }
}
