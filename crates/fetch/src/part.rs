//! The part of an archive that is there: `NAME.part`, and beside it a note of which version of it this is.

use crate::FetchError;
use crate::job::Job;
use basin_store::{Fs, Kind};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// More bytes than a note has.
const MOST_NOTE: u64 = 1 << 16;

/// A download that can be continued. Bytes are only ever added at its end.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    fs: &'a dyn Fs,
    path: PathBuf,
    note: PathBuf,
    have: u64,
    /// Whether the bytes may come from more than one answer, so that they need not fit together.
    pub(crate) patched: bool,
}

impl<'a> Part<'a> {
    /// What an earlier call left, or nothing.
    pub(crate) fn open(job: &Job<'a>) -> Result<Self, FetchError> {
        let (fs, dir, file) = (job.request.fs, job.place(), job.published.file);
        let path = dir.join(format!("{file}.part"));
        let have = match fs.kind(&path).map_err(FetchError::disk("look at", &path))? {
            None => 0,
            Some(Kind::File) => fs.size(&path).map_err(FetchError::disk("measure", &path))?,
            Some(_) => {
                let what = "it is a symbolic link, a folder or a device, expected a regular file; remove it";
                let cause = io::Error::new(io::ErrorKind::InvalidInput, what);
                return Err(FetchError::disk("add to", &path)(cause));
            }
        };
        Ok(Self { fs, path, note: dir.join(format!("{file}.part.version")), have, patched: have > 0 })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that are there.
    pub(crate) fn have(&self) -> u64 {
        self.have
    }

    pub(crate) fn append(&mut self, mut bytes: &[u8]) -> Result<(), FetchError> {
        while !bytes.is_empty() {
            match self.fs.append(&self.path, bytes) {
                Ok(0) => return Err(FetchError::disk("write", &self.path)(io::ErrorKind::WriteZero.into())),
                Ok(n) => {
                    self.have += n as u64;
                    bytes = &bytes[n..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(FetchError::disk("write", &self.path)(error)),
            }
        }
        Ok(())
    }

    /// Throws away what is there, with its note.
    pub(crate) fn clear(&mut self) -> Result<(), FetchError> {
        remove_if_there(self.fs, &self.note)?;
        remove_if_there(self.fs, &self.path)?;
        (self.have, self.patched) = (0, false);
        Ok(())
    }

    /// Remembers the address, as it may be shown, and what it calls the version that comes from it: an entity tag or a date. A torn
    /// note costs a transfer from the beginning, no more.
    pub(crate) fn note(&self, address: &str, version: &str) -> Result<(), FetchError> {
        remove_if_there(self.fs, &self.note)?;
        let text = format!("{address}\n{version}\n");
        self.fs.append(&self.note, text.as_bytes()).map_err(FetchError::disk("write", &self.note))?;
        Ok(())
    }

    /// The version that the bytes are of, if they come from this address and it gave one.
    pub(crate) fn version(&self, address: &str) -> Option<String> {
        if self.fs.size(&self.note).ok()? > MOST_NOTE {
            return None;
        }
        let text = String::from_utf8(self.fs.read(&self.note).ok()?).ok()?;
        let (noted, version) = text.strip_suffix('\n')?.split_once('\n')?;
        let sound = !version.is_empty() && version.bytes().all(|b| (b' '..=b'~').contains(&b));
        (noted == address && sound).then(|| version.to_owned())
    }

    /// Gives the whole download, checked by the caller, its final name once it is on the disk.
    pub(crate) fn finish(self, path: &Path) -> Result<(), FetchError> {
        let flushed = File::options().write(true).open(&self.path).and_then(|file| file.sync_all());
        flushed.map_err(FetchError::disk("flush", &self.path))?;
        remove_if_there(self.fs, &self.note)?;
        self.fs.rename(&self.path, path).map_err(FetchError::disk("rename", &self.path))
    }
}

fn remove_if_there(fs: &dyn Fs, path: &Path) -> Result<(), FetchError> {
    match fs.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FetchError::disk("remove", path)(error)),
        _ => Ok(()),
    }
}
