//! The MD5 of a file: the data sets' checksums are published as MD5.

use crate::FetchError;
use crate::job::{Event, Job};
use md5::{Digest, Md5};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Reads the file once, about half a second for an archive that is still in memory.
pub(crate) fn md5_of(path: &Path, job: &mut Job<'_>) -> Result<String, FetchError> {
    (job.tell)(Event::Checking { path });
    let mut file = File::open(path).map_err(FetchError::disk("open", path))?;
    let (mut hasher, mut buffer) = (Md5::new(), vec![0; 1 << 17]);
    loop {
        job.check()?;
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            Ok(n) => hasher.update(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(FetchError::disk("read", path)(error)),
        }
    }
}
