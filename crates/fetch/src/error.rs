//! Everything that can go wrong between an address and a folder, one variant per thing the user does about it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// Why a data set could not be put into its folder. Each message says what, where, expected, found and what
/// to do next. Whatever the variant: a folder that has its final name is whole.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FetchError {
    /// An address given by the user is none.
    #[error("address {address:?} {why}; give --mirror http://HOST/PATH or https://HOST/PATH")]
    Address {
        /// The address as given, without what is secret in it.
        address: String,
        /// What is wrong with it, to be read after the address.
        why: String,
    },
    /// Another process fetches the same archive into the same directory.
    #[error("{} is being fetched by another process; wait for it to end or choose another --dir", .path.display())]
    InUse {
        /// The archive.
        path: PathBuf,
    },
    /// The operating system refused a file operation. The cause is part of the message, so it is not repeated
    /// as a source.
    #[error("cannot {operation} {}: {cause}; {}", .path.display(), next_step(cause.kind()))]
    Disk {
        /// What was attempted, a verb such as `rename`.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The reason the operating system gave.
        cause: io::Error,
    },
    /// What has the folder's name is not the whole data set; it is left as it is.
    #[error(
        "{} is there but {what}; if it is a subset or a layout of your own, pass it to --data-dir as it is, \
         else delete or rename it and run the same command again",
        .path.display()
    )]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// What it lacks, to be read after "but".
        what: String,
    },
    /// An archive that was there already has another size than the published one; it is left as it is.
    #[error("{} has {found} bytes, expected {expected}; delete it and run the same command again", .path.display())]
    Size {
        /// The archive.
        path: PathBuf,
        /// The published size in bytes.
        expected: u64,
        /// The file's size in bytes.
        found: u64,
    },
    /// An archive that was there already is not the published one; it is left as it is.
    #[error(
        "{} has md5 {found}, expected the published {expected}; delete it and run the same command again",
        .path.display()
    )]
    Checksum {
        /// The archive.
        path: PathBuf,
        /// The published MD5.
        expected: String,
        /// The file's MD5.
        found: String,
    },
    /// No address delivered the archive.
    #[error(
        "{name} could not be fetched{}\nrun the same command again to go on ({kept} of {of} bytes are kept), give \
         another address with --mirror URL, or put the archive at {} by other means and run the same command again",
        listed(failures), .path.display()
    )]
    NoSource {
        /// The data set.
        name: &'static str,
        /// Where the archive belongs.
        path: PathBuf,
        /// Each address that was tried and why it did not deliver.
        failures: Vec<(String, SourceError)>,
        /// Bytes that need not be transferred again.
        kept: u64,
        /// The archive's size in bytes.
        of: u64,
    },
    /// The archive cannot be decoded.
    #[error("{} cannot be unpacked: {reason}; delete it and run the same command again", .path.display())]
    Broken {
        /// The archive.
        path: PathBuf,
        /// What the decoder found.
        reason: String,
    },
    /// The archive holds an entry that no honest archive holds; nothing of it was put in place.
    #[error("{} holds {entry:?}, which {why}; delete it, and do not fetch from its source again", .path.display())]
    Unsafe {
        /// The archive.
        path: PathBuf,
        /// The entry's name.
        entry: String,
        /// What is wrong with it, to be read after "which".
        why: String,
    },
    /// The archive holds more than the data set can; nothing of it was put in place.
    #[error("{} holds more than {most}; delete it, and do not fetch from its source again", .path.display())]
    TooMuch {
        /// The archive.
        path: PathBuf,
        /// The bound that it breaks, with its unit.
        most: String,
    },
    /// The archive lacks files of the data set; nothing of it was put in place.
    #[error("{} is not the whole data set: it {what}; delete it and run the same command again", .path.display())]
    Lacks {
        /// The archive.
        path: PathBuf,
        /// What is missing, to be read after "it".
        what: String,
    },
    /// Someone asked to stop.
    #[error("interrupted; the same command continues ({kept} of {of} bytes are kept)")]
    Interrupted {
        /// Bytes that need not be transferred again.
        kept: u64,
        /// The archive's size in bytes.
        of: u64,
    },
}

impl FetchError {
    /// For `map_err`: a [`FetchError::Disk`] that knows what was attempted and where.
    pub(crate) fn disk(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Disk { operation, path, cause }
    }
}

/// Why one address did not deliver. To be read after the address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The server answered with an error.
    #[error("answered with HTTP status {0}")]
    Status(u16),
    /// The server answered with a page for people: a login, a notice, an error in disguise.
    #[error("answered with a web page instead of the archive")]
    WebPage,
    /// The server announced or sent another file.
    #[error("has a file of {found} bytes, expected {expected}: another file")]
    Size {
        /// The published size in bytes.
        expected: u64,
        /// The size found.
        found: String,
    },
    /// The whole file came, and is another.
    #[error("has a file of md5 {found}, expected the published {expected}: another file")]
    Checksum {
        /// The published MD5.
        expected: String,
        /// The MD5 of what came.
        found: String,
    },
    /// Nothing came for some time.
    #[error("sent nothing for {0:?}")]
    Stalled(Duration),
    /// Less came than is worth waiting for.
    #[error("sent only {came} bytes in {during:?}, expected at least {least} bytes a second")]
    Slow {
        /// Bytes that came.
        came: u64,
        /// In this time.
        during: Duration,
        /// The least rate in bytes a second.
        least: u64,
    },
    /// The connection ended before the file did.
    #[error("broke off after {have} of {of} bytes")]
    BrokeOff {
        /// Bytes that came so far.
        have: u64,
        /// The archive's size in bytes.
        of: u64,
    },
    /// The server answered a request for the rest of the file with another part, or with none.
    #[error("did not continue where the download stood")]
    Range,
    /// No connection, or a broken one.
    #[error("could not be reached: {0}")]
    Network(String),
    /// The address cannot work: an unknown certificate, redirects without end.
    #[error("cannot be used: {0}")]
    Refused(String),
}

impl SourceError {
    /// Whether asking the same address again may help.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Status(status) => matches!(status, 408 | 425 | 429 | 500..=599),
            Self::Stalled(_) | Self::Slow { .. } | Self::BrokeOff { .. } | Self::Range | Self::Network(_) => {
                true
            }
            Self::WebPage | Self::Size { .. } | Self::Checksum { .. } | Self::Refused(_) => false,
        }
    }
}

fn listed(failures: &[(String, SourceError)]) -> String {
    failures.iter().map(|(address, error)| format!("\n  {address} {error}")).collect()
}

fn next_step(kind: io::ErrorKind) -> &'static str {
    use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match kind {
        StorageFull | QuotaExceeded => {
            "free some space and run the same command again; what is downloaded is kept"
        }
        FileTooLarge => {
            "raise the limit on the size of files (ulimit -f) and run the same command again; what is downloaded is kept"
        }
        PermissionDenied | ReadOnlyFilesystem => "make the directory writable or choose another --dir",
        _ => "check --dir and the disk and run the same command again",
    }
}

#[cfg(test)]
mod tests;
