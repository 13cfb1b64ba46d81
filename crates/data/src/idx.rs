//! One IDX file of bytes, gzipped or not: the format of MNIST (LeCun, Cortes and Burges) and of the sets that copy it.
//!
//! Two zero bytes, the type of a value (8: bytes), the number of dimensions, each dimension as four bytes, highest first; then
//! the values, the last dimension first, and nothing after them.

use crate::DataError;
use crate::folder::unreadable;
use flate2::bufread::GzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Values are bytes.
const BYTES: u8 = 8;

/// What an IDX file must hold: so many items at most, each of this shape.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// What an item is called, in the plural.
    pub(crate) items: &'static str,
    /// The most items there can be.
    pub(crate) most: usize,
    /// Dimensions of an item; none for single bytes.
    pub(crate) shape: &'static [usize],
}

/// The values of a file, item after item; as many items as its header says, at least one.
///
/// Memory is taken for what the header says once that is found possible, and for no more, however long the file or however
/// much a gzip stream becomes.
pub(crate) fn read(path: &Path, wanted: Wanted) -> Result<Vec<u8>, DataError> {
    let kind = std::fs::metadata(path).map_err(|source| unreadable(path, source))?;
    if !kind.is_file() {
        // A pipe would be waited for.
        return Err(DataError::Form {
            path: path.to_owned(),
            found: "not a regular file".to_owned(),
            expected: "an IDX file".to_owned(),
            action: "save what comes out of it as a file first".to_owned(),
        });
    }
    let mut file = BufReader::new(File::open(path).map_err(|source| unreadable(path, source))?);
    let start = file.fill_buf().map_err(|source| unreadable(path, source))?;
    if !start.starts_with(&[0x1f, 0x8b]) {
        return values(&mut Source { path, stream: file, gzip: false }, wanted);
    }
    let mut source = Source { path, stream: GzDecoder::new(file), gzip: true };
    let values = values(&mut source, wanted)?;
    match source.stream.into_inner().fill_buf() {
        Ok([]) => Ok(values),
        Ok(_) => Err(wrong(path, "none", "bytes behind the gzip stream".to_owned())),
        Err(error) => Err(unreadable(path, error)),
    }
}

fn wrong(path: &Path, expected: impl Into<String>, found: String) -> DataError {
    DataError::Idx { path: path.to_owned(), expected: expected.into(), found }
}

/// The bytes of a file, unpacked.
struct Source<'a, R> {
    path: &'a Path,
    stream: R,
    gzip: bool,
}

impl<R: Read> Source<'_, R> {
    /// Up to so many bytes: fewer only at the end.
    fn up_to(&mut self, most: usize) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::with_capacity(most);
        match (&mut self.stream).take(most as u64).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) if self.gzip => {
                Err(wrong(self.path, "a whole one", format!("a broken gzip stream ({error})")))
            }
            Err(error) => Err(unreadable(self.path, error)),
        }
    }

    fn exactly<const N: usize>(&mut self) -> Result<[u8; N], DataError> {
        let bytes = self.up_to(N)?;
        let count = bytes.len();
        bytes.try_into().map_err(|_| {
            wrong(
                self.path,
                "the header of an IDX file",
                format!("an end after {count} of its next {N} bytes"),
            )
        })
    }
}

fn values<R: Read>(source: &mut Source<'_, R>, wanted: Wanted) -> Result<Vec<u8>, DataError> {
    let Wanted { items, most, shape } = wanted;
    let magic = u32::from_be_bytes(source.exactly()?);
    let right = u32::from_be_bytes([0, 0, BYTES, 1 + shape.len() as u8]);
    if magic != right {
        let expected = format!("magic number {right:08x}, that of {items}");
        return Err(wrong(source.path, expected, format!("magic number {magic:08x}")));
    }
    let count = u32::from_be_bytes(source.exactly()?) as usize;
    let mut found = Vec::with_capacity(shape.len());
    for _ in shape {
        found.push(u32::from_be_bytes(source.exactly()?) as usize);
    }
    if found != shape {
        return Err(wrong(source.path, by(shape), format!("{items} of {}", by(&found))));
    }
    if count == 0 || count > most {
        return Err(wrong(source.path, format!("1 to {most}"), format!("{count} {items}")));
    }
    let length = count * shape.iter().product::<usize>();
    let values = source.up_to(length)?;
    if values.len() < length {
        let found = format!("an end after {} bytes of {items}", values.len());
        return Err(wrong(source.path, format!("{length}, as its header says"), found));
    }
    match source.up_to(1)?.is_empty() {
        true => Ok(values),
        false => {
            let found = format!("more than {length} bytes of {items}");
            Err(wrong(source.path, "as many as its header says", found))
        }
    }
}

fn by(shape: &[usize]) -> String {
    shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    const IMAGES: Wanted = Wanted { items: "images", most: 9, shape: &[2, 3] };
    const LABELS: Wanted = Wanted { items: "labels", most: 9, shape: &[] };

    fn file(magic: u32, sizes: &[u32], values: &[u8]) -> Vec<u8> {
        let sizes = sizes.iter().flat_map(|size| size.to_be_bytes());
        magic.to_be_bytes().into_iter().chain(sizes).chain(values.iter().copied()).collect()
    }

    fn gzipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read_bytes(bytes: &[u8], wanted: Wanted) -> Result<Vec<u8>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, bytes).unwrap();
        let told = |error: DataError| {
            let text = error.to_string();
            let text = text.strip_prefix(&path.display().to_string()).unwrap();
            text.strip_suffix("; fetch the official file again").unwrap_or(text).to_owned()
        };
        read(&path, wanted).map_err(told)
    }

    #[test]
    fn a_file_is_read_gzipped_or_not() {
        let (images, labels) = (file(0x803, &[2, 2, 3], &[7; 12]), file(0x801, &[3], &[1, 2, 3]));
        for packed in [Vec::from, gzipped] {
            assert_eq!(read_bytes(&packed(&images), IMAGES).unwrap(), [7; 12]);
            assert_eq!(read_bytes(&packed(&labels), LABELS).unwrap(), [1, 2, 3]);
        }
    }

    #[test]
    fn every_wrong_header_is_told() {
        let cases = [
            (
                file(0x801, &[2], &[1, 2]),
                IMAGES,
                ": found magic number 00000801, expected magic number 00000803, that of images",
            ),
            (
                file(0x0d03, &[1, 2, 3], &[0; 24]),
                IMAGES,
                ": found magic number 00000d03, expected magic number 00000803, that of images",
            ),
            (file(0x803, &[2, 3, 2], &[0; 12]), IMAGES, ": found images of 3×2, expected 2×3"),
            (file(0x803, &[0, 2, 3], &[]), IMAGES, ": found 0 images, expected 1 to 9"),
            (file(0x801, &[10], &[0; 10]), LABELS, ": found 10 labels, expected 1 to 9"),
            (
                vec![],
                LABELS,
                ": found an end after 0 of its next 4 bytes, expected the header of an IDX file",
            ),
            (
                file(0x803, &[2, 2], &[0, 0]),
                IMAGES,
                ": found an end after 2 of its next 4 bytes, expected the header of an IDX file",
            ),
        ];
        for (bytes, wanted, expected) in cases {
            assert_eq!(read_bytes(&bytes, wanted).unwrap_err(), expected);
            assert_eq!(read_bytes(&gzipped(&bytes), wanted).unwrap_err(), expected);
        }
    }

    #[test]
    fn truncated_and_over_long_files_are_told() {
        let whole = file(0x803, &[2, 2, 3], &[7; 12]);
        let short = read_bytes(&whole[..whole.len() - 1], IMAGES).unwrap_err();
        assert_eq!(short, ": found an end after 11 bytes of images, expected 12, as its header says");
        let long = read_bytes(&[&whole[..], &[0]].concat(), IMAGES).unwrap_err();
        assert_eq!(long, ": found more than 12 bytes of images, expected as many as its header says");
        let packed = gzipped(&whole);
        for cut in 1..packed.len() {
            let error = read_bytes(&packed[..cut], IMAGES).unwrap_err();
            assert!(cut < 2 || error.contains("found a broken gzip stream ("), "{cut}: {error}");
        }
        let behind = read_bytes(&[&packed[..], b"x"].concat(), IMAGES).unwrap_err();
        assert_eq!(behind, ": found bytes behind the gzip stream, expected none");
        let mut damaged = packed.clone();
        let checksum = damaged.len() - 8;
        damaged[checksum] ^= 1;
        assert!(read_bytes(&damaged, IMAGES).unwrap_err().contains("found a broken gzip stream ("));
    }

    /// 24 GiB that a header promises, and 64 MiB that a gzip stream becomes: neither is believed.
    #[test]
    fn a_lying_header_and_an_exploding_stream_cost_nothing() {
        let lying = file(0x803, &[u32::MAX, 2, 3], &[0; 12]);
        assert_eq!(read_bytes(&lying, IMAGES).unwrap_err(), ": found 4294967295 images, expected 1 to 9");
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&file(0x801, &[3], &[1, 2, 3])).unwrap();
        std::io::copy(&mut std::io::repeat(0).take(64 << 20), &mut encoder).unwrap();
        let start = std::time::Instant::now();
        let error = read_bytes(&encoder.finish().unwrap(), LABELS).unwrap_err();
        assert_eq!(error, ": found more than 3 bytes of labels, expected as many as its header says");
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let error = read(Path::new("/dev/zero"), LABELS).unwrap_err().to_string();
        assert!(error.starts_with("/dev/zero is not a regular file, expected an IDX file"), "{error}");
        let error = read(Path::new("/nowhere/labels"), LABELS).unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/labels is missing"), "{error}");
    }
}
