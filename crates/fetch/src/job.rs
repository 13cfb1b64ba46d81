//! What is asked for, how long to wait, and how the work in hand talks to whoever asked.

use crate::{Archive, FetchError, Packing, Published, SourceError};
use basin_store::{Fs, RealFs};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What to fetch, from where, into which directory.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The archive.
    pub archive: &'a Archive,
    /// The directory that gets the archive and its folder; created if need be.
    pub dir: &'a Path,
    /// Addresses to use in place of the published ones, tried in order; none means the published ones.
    /// An address that ends in `/` is a directory that holds the archive under its official name; a set that is published
    /// as several files takes no others.
    pub mirrors: &'a [String],
    /// How long to wait and how often to ask again.
    pub patience: Patience,
    /// Through which all files are written.
    pub fs: &'a dyn Fs,
}

impl<'a> Request<'a> {
    /// An archive from its published addresses, with the usual patience.
    pub fn new(archive: &'a Archive, dir: &'a Path) -> Self {
        Self { archive, dir, mirrors: &[], patience: Patience::default(), fs: &RealFs }
    }
}

/// How long to wait for a server, and how often to ask it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For the name, and again for the connection with its handshakes.
    pub connect: Duration,
    /// For the answer, and again for each next byte.
    pub stall: Duration,
    /// Bytes a second that have to come on average over each such time.
    pub rate: u64,
    /// How many more times an address is asked after attempts in a row that brought little or nothing.
    pub retries: u32,
    /// Before the first of these; each further pause is twice as long, up to 30 s.
    pub pause: Duration,
}

impl Default for Patience {
    /// 20 s for a connection, 30 s for the next byte, 4 KiB/s, 5 more attempts after 1, 2, 4, 8 and 16 s.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            stall: Duration::from_secs(30),
            rate: 4 << 10,
            retries: 5,
            pause: Duration::from_secs(1),
        }
    }
}

/// What happens while an archive is fetched.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// An address is asked for the bytes from `from` on.
    Asking {
        /// The address, without what is secret in it.
        address: &'a str,
        /// Bytes that are there already.
        from: u64,
    },
    /// More bytes are on the disk.
    Received {
        /// Bytes that are there now; less than before when a download starts over.
        have: u64,
        /// Bytes to be fetched.
        of: u64,
    },
    /// An address did not deliver.
    Failed {
        /// The address.
        address: &'a str,
        /// Why.
        error: &'a SourceError,
        /// The pause before it is asked again; `None`: it is given up.
        pause: Option<Duration>,
    },
    /// The checksum of a file is computed.
    Checking {
        /// The file.
        path: &'a Path,
    },
    /// The pieces of a resumed download do not fit together; it starts over.
    StartsOver,
    /// Files are unpacked.
    Unpacking {
        /// Files done.
        files: u64,
        /// The most there can be.
        of: u64,
    },
}

/// The work in hand: the request, the way to be stopped, the way to be heard.
pub(crate) struct Job<'a> {
    pub(crate) request: Request<'a>,
    pub(crate) stop: &'a (dyn Fn() -> bool + Sync),
    pub(crate) tell: &'a mut dyn FnMut(Event<'_>),
    /// The published file in hand.
    pub(crate) published: &'a Published,
    /// Bytes of the published files before it, which are whole.
    pub(crate) before: u64,
    /// Bytes of it that are safe: with those before it, the number in [`FetchError::Interrupted`].
    pub(crate) kept: u64,
}

impl Job<'_> {
    /// The folder in which published files lie. Loose ones are the data set's, so that it gets the data set's name once
    /// all are there.
    pub(crate) fn place(&self) -> PathBuf {
        let Request { archive, dir, .. } = self.request;
        match archive.packing {
            Packing::Loose => dir.join(format!("{}.part", archive.folder)),
            Packing::TarGz | Packing::Zip => dir.to_owned(),
        }
    }

    pub(crate) fn published_path(&self) -> PathBuf {
        self.place().join(self.published.file)
    }

    /// Tells how many bytes of the file in hand there are.
    pub(crate) fn received(&mut self, have: u64) {
        self.kept = have;
        (self.tell)(Event::Received { have: self.before + have, of: self.request.archive.bytes() });
    }

    /// An error if someone asked to stop.
    pub(crate) fn check(&self) -> Result<(), FetchError> {
        if (self.stop)() { Err(self.interrupted()) } else { Ok(()) }
    }

    pub(crate) fn interrupted(&self) -> FetchError {
        FetchError::Interrupted { kept: self.before + self.kept, of: self.request.archive.bytes() }
    }

    /// Waits, but not for longer than it takes to notice that someone asked to stop.
    pub(crate) fn pause(&self, length: Duration) -> Result<(), FetchError> {
        const SLICE: Duration = Duration::from_millis(50);
        let until = Instant::now() + length;
        loop {
            self.check()?;
            match until.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return Ok(()),
                left => std::thread::sleep(left.min(SLICE)),
            }
        }
    }
}
