//! numpy's `.npy` files, read strictly: what is not understood is refused, nothing is guessed.

use basin_data::DataError;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Longest header in bytes; those of plain arrays have about a hundred.
const LONGEST_HEADER: u64 = 64 * 1024;

/// An array in a file, its bytes not yet read.
#[derive(Debug)]
pub(super) struct Npy {
    path: PathBuf,
    file: File,
    /// Where the elements begin.
    start: u64,
    /// Type of an element, as numpy writes it.
    pub(super) element: &'static str,
    pub(super) shape: Vec<usize>,
}

/// Types that are read, with their bytes.
const ELEMENTS: [(&str, usize); 3] = [("|u1", 1), ("<i4", 4), ("<i8", 8)];

/// What of a file is not as it is read.
struct Wrong {
    what: &'static str,
    expected: &'static str,
    found: String,
}

/// Where the header begins and how long it is, from a file's first twelve bytes.
fn preamble(head: &[u8]) -> Result<(u64, u64), Wrong> {
    let wrong = |what, expected, found| Err(Wrong { what, expected, found });
    if !head.starts_with(MAGIC) {
        let found = head.get(..6).unwrap_or(head).escape_ascii().to_string();
        return wrong("the beginning", "\\x93NUMPY", found);
    }
    let (from, length) = match head[6..] {
        [1, 0, a, b, ..] => (10, u64::from(u16::from_le_bytes([a, b]))),
        [2 | 3, 0, a, b, c, d] => (12, u64::from(u32::from_le_bytes([a, b, c, d]))),
        _ => return wrong("the version", "1.0, 2.0 or 3.0", head[6..].escape_ascii().to_string()),
    };
    match length > LONGEST_HEADER {
        true => wrong("the header's length", "at most 65536 bytes", length.to_string()),
        false => Ok((from, length)),
    }
}

/// Type of an element with its bytes, and the extents, from the dictionary that numpy writes.
fn header(text: &str) -> Result<(&'static str, usize, Vec<usize>), Wrong> {
    let wrong = |what, expected, found| Err(Wrong { what, expected, found });
    let short = |text: &str| text.chars().take(40).collect::<String>();
    let entry = |key: &str| text.split_once(&format!("'{key}':")).map(|(_, rest)| rest.trim_start());
    let descr = entry("descr").unwrap_or_default();
    let quoted = descr.strip_prefix('\'').and_then(|rest| rest.split_once('\''));
    let Some(&(element, bytes)) = ELEMENTS.iter().find(|(name, _)| Some(*name) == quoted.map(|one| one.0))
    else {
        let found = short(descr.split(',').next().unwrap_or_default());
        return wrong("the type", "'|u1', '<i4' or '<i8'", found);
    };
    if !entry("fortran_order").is_some_and(|rest| rest.starts_with("False")) {
        return wrong("the order", "C order ('fortran_order': False)", "another".to_owned());
    }
    let inside = entry("shape").and_then(|rest| rest.strip_prefix('(')?.split_once(')'));
    let extents = inside.map_or("", |(inside, _)| inside);
    let written = extents.split(',').map(str::trim).filter(|extent| !extent.is_empty());
    match written
        .map(|extent| extent.parse().ok())
        .collect::<Option<Vec<usize>>>()
        .filter(|_| inside.is_some())
    {
        Some(shape) => Ok((element, bytes, shape)),
        None => wrong("the shape", "whole numbers in parentheses", short(extents)),
    }
}

impl Npy {
    /// Opens an array and reads its header.
    ///
    /// # Errors
    /// [`DataError::Missing`], [`DataError::Read`]; [`DataError::Npy`] for what is not an array in C order of a type that is
    /// read; [`DataError::Length`] when there are not as many bytes as its shape tells.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let unreadable = |source| DataError::Read { path: path.to_owned(), source };
        let wrong = |Wrong { what, expected, found }| DataError::Npy {
            path: path.to_owned(),
            what,
            expected: expected.to_owned(),
            found,
        };
        let found = match std::fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let action = "pass the folder of CIFAR-10-C as it is published".to_owned();
                return Err(DataError::Missing { path: path.to_owned(), action });
            }
            found => found.map_err(unreadable)?,
        };
        if !found.is_file() {
            let found = "none".to_owned();
            return Err(wrong(Wrong { what: "the path", expected: "a regular file", found }));
        }
        let mut file = File::open(path).map_err(unreadable)?;
        let mut read = |from: u64, bytes: u64| -> std::io::Result<Vec<u8>> {
            let mut out = Vec::new();
            file.seek(SeekFrom::Start(from))?;
            file.by_ref().take(bytes).read_to_end(&mut out)?;
            Ok(out)
        };
        let (from, length) = preamble(&read(0, 12).map_err(unreadable)?).map_err(wrong)?;
        let text = read(from, length).map_err(unreadable)?;
        let (element, bytes, shape) = header(&String::from_utf8_lossy(&text)).map_err(wrong)?;
        let start = from + length;
        let elements = shape.iter().try_fold(1u64, |n, extent| n.checked_mul(*extent as u64));
        let expected = elements.and_then(|n| n.checked_mul(bytes as u64)).and_then(|n| n.checked_add(start));
        if expected != Some(found.len()) {
            let least = expected.unwrap_or(u64::MAX);
            let expected = format!("{least} for an array {shape:?} of {element}");
            return Err(DataError::Length { path: path.to_owned(), expected, least, found: found.len() });
        }
        Ok(Self { path: path.to_owned(), file, start, element, shape })
    }

    /// Refuses another shape or type.
    pub(super) fn expect(self, elements: &[&str], shape: &[usize]) -> Result<Self, DataError> {
        let wrong =
            |what, expected, found| Err(DataError::Npy { path: self.path.clone(), what, expected, found });
        if !elements.contains(&self.element) {
            return wrong("the type", elements.join(" or "), self.element.to_owned());
        }
        if self.shape != shape {
            return wrong("the shape", format!("{shape:?}"), format!("{:?}", self.shape));
        }
        Ok(self)
    }

    /// As many bytes of the elements from one on.
    pub(super) fn bytes(&mut self, from: usize, bytes: usize) -> Result<Vec<u8>, DataError> {
        let unreadable = |source| DataError::Read { path: self.path.clone(), source };
        self.file.seek(SeekFrom::Start(self.start + from as u64)).map_err(unreadable)?;
        let mut out = vec![0; bytes];
        self.file.read_exact(&mut out).map_err(unreadable)?;
        Ok(out)
    }

    /// Whole numbers of any type that is read, as they are.
    pub(super) fn numbers(&mut self) -> Result<Vec<i64>, DataError> {
        let n: usize = self.shape.iter().product();
        let width = ELEMENTS.iter().find(|(name, _)| *name == self.element).map_or(1, |one| one.1);
        let number = |bytes: &[u8]| {
            let sign = if width > 1 && bytes[width - 1] >= 128 { 255 } else { 0 };
            let mut wide = [sign; 8];
            wide[..width].copy_from_slice(bytes);
            i64::from_le_bytes(wide)
        };
        Ok(self.bytes(0, n * width)?.chunks_exact(width).map(number).collect())
    }
}

#[cfg(test)]
pub(in crate::corruptions) mod tests {
    use super::*;

    /// An array's file as numpy writes it.
    pub(in crate::corruptions) fn npy(descr: &str, order: &str, shape: &str, elements: &[u8]) -> Vec<u8> {
        let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
        let padded = format!("{text:<117}\n");
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((padded.len() as u16).to_le_bytes());
        file.extend(padded.bytes());
        file.extend(elements);
        file
    }

    fn refused(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        std::fs::write(&path, bytes).unwrap();
        let told = Npy::open(&path).unwrap_err().to_string();
        told.replace(&path.display().to_string(), "a.npy")
    }

    #[test]
    fn numbers_of_every_type_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        for (element, bytes, expected) in [
            ("|u1", vec![3, 250], [3, 250]),
            ("<i4", vec![3, 0, 0, 0, 255, 255, 255, 255], [3, -1]),
            ("<i8", vec![3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], [3, 256]),
        ] {
            std::fs::write(&path, npy(element, "False", "(2,)", &bytes)).unwrap();
            let mut array = Npy::open(&path).unwrap();
            assert_eq!(array.numbers().unwrap(), expected);
            assert_eq!(array.shape, [2]);
            let told = array.expect(&["<f4"], &[2]).unwrap_err().to_string();
            assert!(told.contains(&format!("the type is {element}, expected <f4")), "{told}");
        }
    }

    #[test]
    fn what_is_another_array_is_refused() {
        let whole = npy("|u1", "False", "(2, 2)", &[0; 4]);
        for (bytes, words) in [
            (b"PK\x03\x04".to_vec(), "a.npy: the beginning is PK\\x03\\x04, expected \\x93NUMPY"),
            (b"\x93NUMPY\x09\x00aaaa".to_vec(), "the version is \\t\\x00aaaa"),
            (b"\x93NUMPY\x01".to_vec(), "the version is \\x01, expected"),
            (b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), "the header's length is 4294967295"),
            (npy("<f4", "False", "(1,)", &[0; 4]), "the type is '<f4', expected '|u1', '<i4' or '<i8'"),
            (npy("|u1", "True", "(2, 2)", &[0; 4]), "the order is another, expected C order"),
            (npy("|u1", "False", "(2, -2)", &[0; 4]), "the shape is 2, -2, expected whole numbers"),
            (npy("|u1", "False", "2", &[0; 4]), "the shape is , expected"),
            (
                whole[..whole.len() - 1].to_vec(),
                "has 131 bytes, expected 132 for an array [2, 2] of |u1: it is truncated",
            ),
            (
                [&whole[..], &[0]].concat(),
                "has 133 bytes, expected 132 for an array [2, 2] of |u1: it is over-long",
            ),
            (npy("|u1", "False", "(99999999999, 99999999999)", &[]), "it is truncated"),
            (whole[..40].to_vec(), "the order is another"),
        ] {
            let told = refused(&bytes);
            assert!(told.contains(words), "{words} in {told}");
        }
        assert!(matches!(Npy::open(Path::new("/nowhere/a.npy")), Err(DataError::Missing { .. })));
        assert!(refused_folder().contains("the path is none, expected a regular file"));
    }

    fn refused_folder() -> String {
        let folder = tempfile::tempdir().unwrap();
        Npy::open(folder.path()).unwrap_err().to_string()
    }
}
