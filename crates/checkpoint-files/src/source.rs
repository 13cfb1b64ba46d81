//! Where the bytes of a tensor are: in memory, or still in their file, from which they are read a little at a time.

use crate::Element;
use std::borrow::Cow;
use std::fs::File;
use std::io;

/// Bytes that are read at once: few enough to stay in a core's cache until they are converted.
const CHUNK: usize = 1 << 16;

/// The bytes of a tensor.
#[derive(Clone, Debug)]
pub(crate) enum Source<'a> {
    Memory(Cow<'a, [u8]>),
    File {
        file: &'a File,
        /// Place of the first byte.
        start: u64,
        len: usize,
    },
}

impl Source<'_> {
    /// Number of bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Memory(bytes) => bytes.len(),
            Self::File { len, .. } => *len,
        }
    }

    /// All of them.
    pub(crate) fn into_bytes(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Memory(bytes) => Ok(bytes.into_owned()),
            Self::File { file, start, len } => {
                let mut bytes = vec![0; len];
                read_at(file, &mut bytes, start)?;
                Ok(bytes)
            }
        }
    }

    /// The numbers of a floating type as `f32`; `None` for the other types.
    pub(crate) fn to_f32(&self, element: Element) -> io::Result<Option<Vec<f32>>> {
        let (file, start, len) = match self {
            Self::Memory(bytes) => return Ok(element.to_f32(bytes)),
            Self::File { file, start, len } => (file, *start, *len),
        };
        let mut values = Vec::with_capacity(len / element.size());
        let mut chunk = vec![0; CHUNK.min(len)];
        for at in (0..len).step_by(CHUNK) {
            let chunk = &mut chunk[..CHUNK.min(len - at)];
            read_at(file, chunk, start + at as u64)?;
            if !element.add_f32(chunk, &mut values) {
                return Ok(None);
            }
        }
        Ok(Some(values))
    }
}

/// Fills the buffer from a place in the file; several threads may do so at once.
#[cfg(unix)]
pub(crate) fn read_at(file: &File, buffer: &mut [u8], start: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, start)
}

/// Whether files can be read at several places at once.
pub(crate) const PLACES: bool = cfg!(unix);

#[cfg(not(unix))]
pub(crate) fn read_at(_: &File, _: &mut [u8], _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
