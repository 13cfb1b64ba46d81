//! The folder while it is being filled: what may enter it, how much of it, and the step that puts it in place.

use crate::job::{Event, Job};
use crate::layout::{rule_of, shortfall};
use crate::{Archive, FetchError};
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Files from here on are flushed one by one. Smaller ones are many, and a power cut that takes them shows in
/// their sizes.
const FLUSHED: u64 = 1 << 20;

/// What an entry of an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    File,
    /// A folder, or a remark of the archiver: folders are made as files need them.
    Nothing,
    /// A link, a device: never in these archives. The words are to be read after "which".
    Other(&'static str),
}

/// A folder beside the final one. It is removed when it is dropped before it was put in place.
pub(crate) struct Stage<'a, 'b> {
    job: &'b mut Job<'a>,
    source: PathBuf,
    folder: PathBuf,
    counts: Vec<u64>,
    entries: u64,
    bytes: u64,
    made: BTreeSet<PathBuf>,
    placed: bool,
}

impl Drop for Stage<'_, '_> {
    fn drop(&mut self) {
        if !self.placed {
            // What cannot be removed now is removed by the next call.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

impl<'a, 'b> Stage<'a, 'b> {
    /// An empty folder for the archive at `source`; what a killed process left of another is removed.
    pub(crate) fn new(source: PathBuf, job: &'b mut Job<'a>) -> Result<Self, FetchError> {
        let folder = job.request.dir.join(format!(".{}.unpacking", job.request.archive.folder));
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(FetchError::disk("remove", &folder)(error));
            }
            _ => {}
        }
        let counts = vec![0; job.request.archive.files.len()];
        let made = BTreeSet::new();
        Ok(Self { job, source, folder, counts, entries: 0, bytes: 0, made, placed: false })
    }

    fn archive(&self) -> &'a Archive {
        self.job.request.archive
    }

    /// The most bytes all files may have together.
    pub(crate) fn most_bytes(&self) -> u64 {
        self.archive().unpacked
    }

    /// The most entries an archive may have: its files, as many folders, some more for the small ones.
    pub(crate) fn most_entries(&self) -> u64 {
        2 * self.archive().most_files() + 100
    }

    /// A decoder's complaint.
    pub(crate) fn broken(&self, error: &io::Error) -> FetchError {
        FetchError::Broken { path: self.source.clone(), reason: error.to_string() }
    }

    fn too_much(&self, most: String) -> FetchError {
        FetchError::TooMuch { path: self.source.clone(), most }
    }

    /// Takes the next entry: writes it if it is one of the data set's files, passes over it if it is harmless.
    pub(crate) fn entry(
        &mut self,
        name: &[u8],
        kind: Entry,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(), FetchError> {
        self.job.check()?;
        let text = String::from_utf8_lossy(name);
        let unsafe_entry = |why: &str| FetchError::Unsafe {
            path: self.source.clone(),
            entry: text.chars().take(200).collect(),
            why: why.to_owned(),
        };
        if let Entry::Other(why) = kind {
            return Err(unsafe_entry(why));
        }
        let relative = inside(&text).map_err(unsafe_entry)?;
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(size);
        if self.entries > self.most_entries() {
            return Err(self.too_much(format!("{} entries", self.most_entries())));
        }
        if self.bytes > self.most_bytes() {
            return Err(self.too_much(format!("{} bytes", self.most_bytes())));
        }
        let archive = self.archive();
        let below = relative.strip_prefix(archive.folder).and_then(|rest| rest.strip_prefix('/'));
        let Some((below, rule)) = below.and_then(|below| Some((below, rule_of(archive, below)?))) else {
            return Ok(());
        };
        if kind != Entry::File {
            return Ok(());
        }
        let allowed = archive.files[rule];
        if !(allowed.bytes.0..=allowed.bytes.1).contains(&size) {
            let (least, most) = allowed.bytes;
            return Err(unsafe_entry(&format!("has {size} bytes, expected {least} to {most}")));
        }
        self.counts[rule] += 1;
        if self.counts[rule] > allowed.files {
            return Err(self.too_much(format!("{} files {}", allowed.files, allowed.pattern)));
        }
        self.write(below, size, content)?;
        let files = self.counts.iter().sum();
        (self.job.tell)(Event::Unpacking { files, of: archive.most_files() });
        Ok(())
    }

    /// Writes one file of exactly `size` bytes.
    fn write(&mut self, below: &str, size: u64, content: &mut dyn Read) -> Result<(), FetchError> {
        let (fs, path) = (self.job.request.fs, self.folder.join(below));
        let parent = path.parent().unwrap_or(&self.folder);
        if !self.made.contains(parent) {
            fs.create_dir_all(parent).map_err(FetchError::disk("create the directory", parent))?;
            self.made.insert(parent.to_owned());
        }
        let mut file = match fs.create_new(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let why = "is in it twice".to_owned();
                return Err(FetchError::Unsafe { path: self.source.clone(), entry: below.to_owned(), why });
            }
            Err(error) => return Err(FetchError::disk("create", &path)(error)),
        };
        // One byte more than announced would be a decoder's lie, and is looked for.
        let mut content = content.take(size + 1);
        let (mut buffer, mut written) = (vec![0; 1 << 16], 0);
        loop {
            self.job.check()?;
            let n = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.broken(&error)),
            };
            let mut rest = &buffer[..n];
            while !rest.is_empty() {
                match file.write(rest) {
                    Ok(0) => return Err(FetchError::disk("write", &path)(io::ErrorKind::WriteZero.into())),
                    Ok(n) => rest = &rest[n..],
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(FetchError::disk("write", &path)(error)),
                }
            }
            written += n as u64;
        }
        if written != size {
            return Err(FetchError::Broken {
                path: self.source.clone(),
                reason: format!("{below} has {written} bytes, the archive announces {size}"),
            });
        }
        if size >= FLUSHED {
            file.sync().map_err(FetchError::disk("flush", &path))?;
        }
        Ok(())
    }

    /// Gives the folder its name if nothing is missing in it.
    pub(crate) fn place(mut self, folder: &Path) -> Result<(), FetchError> {
        if let Some(what) = shortfall(self.archive(), &self.counts) {
            return Err(FetchError::Lacks { path: self.source.clone(), what });
        }
        let (fs, dir) = (self.job.request.fs, self.job.request.dir);
        fs.sync_dir(&self.folder).map_err(FetchError::disk("flush", &self.folder))?;
        fs.rename(&self.folder, folder).map_err(FetchError::disk("create", folder))?;
        self.placed = true;
        fs.sync_dir(dir).map_err(FetchError::disk("flush", dir))
    }
}

/// The entry's path without what means nothing; an error if it could lead anywhere else.
fn inside(name: &str) -> Result<String, &'static str> {
    if name.starts_with('/') {
        return Err("is an absolute path");
    }
    if name.contains(['\\', ':', '\u{fffd}']) || name.chars().any(char::is_control) {
        return Err("has a name that these archives do not use");
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.contains(&"..") {
        return Err("leads out of its folder");
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::inside;

    #[test]
    fn names_are_cleaned_or_refused() {
        assert_eq!(inside("./a//b/./c/").unwrap(), "a/b/c");
        for name in ["/a", "../a", "a/../../b", "a/..", "a\\..\\b", "C:/a", "a\nb", "a\u{fffd}"] {
            assert!(inside(name).is_err(), "{name:?}");
        }
        assert!(inside("a/..b").is_ok());
    }
}
