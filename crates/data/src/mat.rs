//! Arrays of bytes in a MATLAB file of version 5, compressed or not.
//!
//! 128 bytes of header, then elements: a type and a length of four bytes each, the content, filled up to eight bytes. A variable is
//! an element of elements: flags, dimensions, name, values with the first dimension running fastest; one that is compressed
//! stands in a zlib stream. Short content may stand in the tag itself.

use crate::DataError;
use crate::folder::unreadable;
use flate2::read::ZlibDecoder;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

const INT8: u32 = 1;
const UINT8: u32 = 2;
const INT32: u32 = 5;
const UINT32: u32 = 6;
const DOUBLE: u32 = 9;
const MATRIX: u32 = 14;
const COMPRESSED: u32 = 15;
/// Names and dimensions are shorter.
const SHORT: usize = 256;

/// A variable: its dimensions, and its values as bytes, the first dimension running fastest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Matrix {
    pub(crate) name: String,
    pub(crate) dims: Vec<usize>,
    pub(crate) values: Vec<u8>,
}

/// The variables with these names, each of at most so many values, in the order in which they stand in the file. Others are
/// passed over.
///
/// Memory is taken for the values of these alone, and for no more than they may have, however much a stream becomes.
pub(crate) fn read(path: &Path, wanted: &[(&str, usize)]) -> Result<Vec<Matrix>, DataError> {
    let kind = std::fs::metadata(path).map_err(|source| unreadable(path, source))?;
    if !kind.is_file() {
        // A pipe would be waited for.
        return Err(DataError::Form {
            path: path.to_owned(),
            found: "not a regular file".to_owned(),
            expected: "a MATLAB file".to_owned(),
            action: "save what comes out of it as a file first".to_owned(),
        });
    }
    let file = File::open(path).map_err(|source| unreadable(path, source))?;
    let mut source = Source { path, stream: BufReader::new(file) };
    let mut header = [0; 128];
    source.fill(&mut header, "a header of 128 bytes")?;
    if header[124..] != [0x00, 0x01, b'I', b'M'] {
        let found = match &header[124..] {
            [0x01, 0x00, b'M', b'I'] => "the bytes of every number in the other order".to_owned(),
            [0x00, 0x02, ..] => "a file of version 7.3".to_owned(),
            other => format!("the end {other:02x?} of a header"),
        };
        return Err(source.wrong("a MATLAB file of version 5, lowest byte first", found));
    }
    let mut variables = Vec::new();
    while variables.len() < wanted.len()
        && let Some((kind, length)) = source.tag()?
    {
        let element = (&mut source.stream).take(length);
        let found = match kind {
            COMPRESSED => {
                let mut inner = Source { path, stream: ZlibDecoder::new(element) };
                let found = match inner.tag()? {
                    Some((MATRIX, _)) => inner.matrix(wanted)?,
                    _ => None,
                };
                // What is left of the stream is passed over.
                let mut rest = inner.stream.into_inner();
                skip(path, &mut rest)?;
                found
            }
            _ => {
                let mut inner = Source { path, stream: element };
                let found = if kind == MATRIX { inner.matrix(wanted)? } else { None };
                skip(path, &mut inner.stream)?;
                let padding = (8 - length % 8) % 8;
                skip(path, &mut (&mut source.stream).take(padding))?;
                found
            }
        };
        variables.extend(found);
    }
    Ok(variables)
}

/// Reads on to the end.
fn skip(path: &Path, stream: &mut impl Read) -> Result<(), DataError> {
    std::io::copy(stream, &mut std::io::sink()).map(|_| ()).map_err(|source| unreadable(path, source))
}

struct Source<'a, R> {
    path: &'a Path,
    stream: R,
}

impl<R: Read> Source<'_, R> {
    fn wrong(&self, expected: impl Into<String>, found: impl Into<String>) -> DataError {
        DataError::Mat { path: self.path.to_owned(), expected: expected.into(), found: found.into() }
    }

    fn fill(&mut self, bytes: &mut [u8], what: &str) -> Result<(), DataError> {
        self.stream.read_exact(bytes).map_err(|error| self.failed(error, what))
    }

    /// Why something could not be read.
    fn failed(&self, error: std::io::Error, what: &str) -> DataError {
        match error.kind() {
            ErrorKind::UnexpectedEof => self.wrong(what, "the end of the file or of a variable"),
            ErrorKind::InvalidData | ErrorKind::InvalidInput => {
                self.wrong("a whole zlib stream", error.to_string())
            }
            _ => unreadable(self.path, error),
        }
    }

    /// Type and length of the next element; none at the end. Of a variable short elements are read by
    /// [`Source::content`].
    fn tag(&mut self) -> Result<Option<(u32, u64)>, DataError> {
        let mut first = [0; 1];
        match self.stream.read(&mut first) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) => return Err(self.failed(error, "the beginning of an element")),
        }
        let mut rest = [0; 7];
        self.fill(&mut rest, "type and length of an element")?;
        let kind = u32::from_le_bytes([first[0], rest[0], rest[1], rest[2]]);
        Ok(Some((kind, u64::from(u32::from_le_bytes([rest[3], rest[4], rest[5], rest[6]])))))
    }

    /// Type and content of an element inside of a variable, at most so many bytes.
    fn content(&mut self, most: usize, what: &str) -> Result<(u32, Vec<u8>), DataError> {
        let mut tag = [0; 8];
        self.fill(&mut tag, what)?;
        let kind = u32::from_le_bytes([tag[0], tag[1], tag[2], tag[3]]);
        let short = (kind >> 16) as usize;
        if short > 0 {
            return match tag.get(4..4 + short) {
                Some(content) => Ok((kind & 0xffff, content.to_vec())),
                None => Err(self.wrong(format!("{what} of at most 4 bytes in its tag"), format!("{short}"))),
            };
        }
        let length = u32::from_le_bytes([tag[4], tag[5], tag[6], tag[7]]) as usize;
        if length > most {
            return Err(self.wrong(format!("{what} of at most {most} bytes"), format!("{length} bytes")));
        }
        // As it comes: what a header promises takes no memory.
        let mut content = Vec::new();
        let read = (&mut self.stream).take(length as u64).read_to_end(&mut content);
        read.map_err(|error| self.failed(error, what))?;
        if content.len() < length {
            return Err(self.failed(ErrorKind::UnexpectedEof.into(), what));
        }
        let mut padding = [0; 8];
        let padding = &mut padding[..(8 - length % 8) % 8];
        // Nothing needs to follow the last element.
        match self.stream.read_exact(padding) {
            Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(unreadable(self.path, error)),
            _ => Ok((kind, content)),
        }
    }

    /// A variable, if it is one of those wanted.
    fn matrix(&mut self, wanted: &[(&str, usize)]) -> Result<Option<Matrix>, DataError> {
        let (kind, flags) = self.content(SHORT, "the flags of a variable")?;
        if kind != UINT32 || flags.len() != 8 {
            return Err(self.wrong("flags of a variable", format!("{} bytes of type {kind}", flags.len())));
        }
        let (kind, dims) = self.content(SHORT, "the dimensions of a variable")?;
        if kind != INT32 || dims.len() % 4 != 0 {
            return Err(self.wrong("dimensions", format!("{} bytes of type {kind}", dims.len())));
        }
        let dims = dims.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize);
        let dims: Vec<usize> = dims.collect();
        let (kind, name) = self.content(SHORT, "the name of a variable")?;
        let name = String::from_utf8_lossy(&name).into_owned();
        if kind != INT8 {
            return Err(self.wrong("the name of a variable", format!("bytes of type {kind}")));
        }
        let Some((_, most)) = wanted.iter().find(|(known, _)| *known == name) else { return Ok(None) };
        let values = dims.iter().try_fold(1usize, |all, side| all.checked_mul(*side));
        let Some(values) = values.filter(|values| values <= most) else {
            return Err(
                self.wrong(format!("{name} of at most {most} values"), format!("dimensions {dims:?}"))
            );
        };
        let (kind, content) = self.content(8 * values, "the values of a variable")?;
        let bytes = match kind {
            UINT8 => content,
            // As programs without integers write them.
            DOUBLE => self.whole(&name, &content)?,
            other => {
                return Err(self.wrong(format!("{name} of bytes"), format!("values of type {other}")));
            }
        };
        if bytes.len() != values {
            return Err(self.wrong(format!("{values} values of {name}"), bytes.len().to_string()));
        }
        Ok(Some(Matrix { name, dims, values: bytes }))
    }

    fn whole(&self, name: &str, content: &[u8]) -> Result<Vec<u8>, DataError> {
        let number = |b: &[u8]| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]);
        let byte = |x: f64| match x {
            x if x.fract() == 0.0 && (0.0..=255.0).contains(&x) => Ok(x as u8),
            x => Err(self.wrong(format!("whole numbers in 0..=255 for {name}"), x.to_string())),
        };
        content.chunks_exact(8).map(|bytes| byte(number(bytes))).collect()
    }
}
