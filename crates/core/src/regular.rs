//! Small files from outside, looked at before they are read: pipes and devices would be waited for or never end, and a
//! size out of reason would fill the memory.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// The content of a regular file of at most `most` bytes; links are followed.
///
/// # Errors
/// Those of the operating system; [`ErrorKind::InvalidInput`] for what is neither a file nor a folder, and
/// [`ErrorKind::FileTooLarge`] for a file of more bytes. The words are to be read after the file's name and a colon.
pub fn read_regular(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    // Asked before opening: opening a pipe would wait for its writer.
    let found = std::fs::metadata(path)?;
    if !found.is_file() && !found.is_dir() {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "it is a pipe or a device, expected a regular file",
        ));
    }
    let too_large = |found: u64| {
        let what = format!("it has {found} bytes, expected at most {most}");
        io::Error::new(ErrorKind::FileTooLarge, what)
    };
    if found.is_file() && found.len() > most {
        return Err(too_large(found.len()));
    }
    let mut bytes = Vec::new();
    // One more than allowed: it may have grown since.
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 {
        n if n > most => Err(too_large(n)),
        _ => Ok(bytes),
    }
}

/// As [`read_regular`], for text.
///
/// # Errors
/// As [`read_regular`], and [`ErrorKind::InvalidData`] for what is no UTF-8.
pub fn read_regular_text(path: &Path, most: u64) -> io::Result<String> {
    let bytes = read_regular(path, most)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error.utf8_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_or_too_large_is_not_read() {
        let folder = std::env::temp_dir().join(format!("basin-regular-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a");
        std::fs::write(&path, b"abc\xff").unwrap();
        assert_eq!(read_regular(&path, 4).unwrap(), b"abc\xff");
        assert_eq!(read_regular(&path, 3).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(read_regular_text(&path, 4).unwrap_err().kind(), ErrorKind::InvalidData);
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read_regular(&path, 1 << 20).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert!(read_regular(&folder, 4).is_err());
        assert_eq!(read_regular(&folder.join("b"), 4).unwrap_err().kind(), ErrorKind::NotFound);
        std::fs::remove_dir_all(&folder).unwrap();
        #[cfg(unix)]
        assert_eq!(read_regular(Path::new("/dev/zero"), 4).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
