//! From addresses to a checked file: each address in turn, each asked again while that may help, every
//! attempt going on where the last one stopped.

use crate::address::{parse, shown};
use crate::job::{Event, Job};
use crate::part::Part;
use crate::transfer::{Failure, transfer};
use crate::{FetchError, SourceError, checksum};
use std::time::Duration;

/// An attempt that came this many bytes further than any before is progress: patience starts anew.
const PROGRESS: u64 = 1 << 20;
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The addresses to try for the file in hand, in order.
pub(crate) fn addresses(job: &Job<'_>) -> Result<Vec<String>, FetchError> {
    let (mirrors, published) = (job.request.mirrors, job.published);
    if mirrors.is_empty() {
        return Ok(published.addresses.iter().map(ToString::to_string).collect());
    }
    let files = job.request.archive.published.len();
    let complete = |mirror: &String| {
        let refused = |why| FetchError::Address { address: shown(mirror), why };
        parse(mirror).map_err(refused)?;
        match mirror.ends_with('/') {
            true => Ok(format!("{mirror}{}", published.file)),
            false if files > 1 => {
                Err(refused(format!("is one file of {files}, expected a directory, which ends in /")))
            }
            false => Ok(mirror.clone()),
        }
    };
    mirrors.iter().map(complete).collect()
}

/// Downloads the file in hand under its final name. What has that name is the published file.
pub(crate) fn download(addresses: &[String], job: &mut Job<'_>) -> Result<(), FetchError> {
    let mut part = Part::open(job)?;
    if part.have() > job.published.bytes {
        part.clear()?;
    }
    let mut failures = Vec::new();
    for address in addresses {
        match from_address(address, &mut part, job) {
            Ok(()) => return part.finish(&job.published_path()),
            Err(Failure::Fetch(error)) => return Err(error),
            Err(Failure::Source(error)) => {
                (job.tell)(Event::Failed { address: &shown(address), error: &error, pause: None });
                failures.push((shown(address), error));
            }
        }
    }
    let archive = job.request.archive;
    Err(FetchError::NoSource {
        name: archive.name,
        path: job.published_path(),
        failures,
        kept: job.before + part.have(),
        of: archive.bytes(),
    })
}

/// Asks one address until the part is the published file or patience ends.
fn from_address(address: &str, part: &mut Part<'_>, job: &mut Job<'_>) -> Result<(), Failure> {
    let (bytes, patience) = (job.published.bytes, job.request.patience);
    let (mut fruitless, mut furthest) = (0, part.have());
    loop {
        job.kept = part.have();
        let outcome = if part.have() == bytes { Ok(()) } else { transfer(address, part, job) };
        // Measured against the furthest point: a server that starts over and over does not hold us for ever.
        if part.have() >= furthest + PROGRESS {
            fruitless = 0;
        }
        furthest = furthest.max(part.have());
        // An answer that breaks off after the last byte has brought the file.
        let error = match outcome {
            Err(Failure::Fetch(error)) => return Err(error.into()),
            Err(Failure::Source(error)) if part.have() < bytes => error,
            _ => match check(part, job)? {
                None => return Ok(()),
                Some(error) => error,
            },
        };
        // Pieces that do not fit together say nothing against the file: it is worth asking for it whole.
        let torn = matches!(error, SourceError::Checksum { .. }) && part.patched;
        if matches!(error, SourceError::Checksum { .. }) {
            part.clear()?;
        }
        if !(torn || error.may_pass()) || fruitless == patience.retries {
            return Err(error.into());
        }
        let pause =
            if torn { Duration::ZERO } else { patience.pause.saturating_mul(2u32.saturating_pow(fruitless)) };
        let pause = pause.min(LONGEST_PAUSE);
        if torn {
            (job.tell)(Event::StartsOver);
        } else {
            (job.tell)(Event::Failed { address: &shown(address), error: &error, pause: Some(pause) });
        }
        fruitless += 1;
        job.pause(pause)?;
    }
}

/// What is wrong with a part that has all its bytes, if anything.
fn check(part: &Part<'_>, job: &mut Job<'_>) -> Result<Option<SourceError>, FetchError> {
    let (expected, found) = (job.published.md5, checksum::md5_of(part.path(), job)?);
    Ok((found != expected).then(|| SourceError::Checksum { expected: expected.to_owned(), found }))
}
