//! Files out of an official tar.gz: size and checksum first, then read in memory, never unpacked to disk.

use crate::DataError;
use flate2::read::GzDecoder;
use md5::{Digest, Md5};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// More than any official archive holds once decompressed (CIFAR: 184 MB); decoding stops there.
const DECOMPRESSED_LIMIT: u64 = 256 << 20;

/// Reads the files `names` of exactly `length` bytes each out of the archive, in the order of `names`. The archive has
/// the published size in bytes and the published MD5.
///
/// Costs one pass for the MD5 and one for decompression (about 1.5 s for CIFAR-10), and memory for the files
/// asked for.
pub(crate) fn read_files(
    archive: &Path,
    (size, md5): (u64, &str),
    names: &[String],
    length: u64,
) -> Result<Vec<Vec<u8>>, DataError> {
    let read_error = |source| DataError::Read { path: archive.to_owned(), source };
    let broken = |reason: String| DataError::Archive { path: archive.to_owned(), reason };
    // Looked at before it is opened and read: a pipe would be waited for, and of a huge file all would be hashed.
    let found = std::fs::metadata(archive).map_err(read_error)?;
    if !found.is_file() {
        return Err(DataError::Form {
            path: archive.to_owned(),
            found: "a pipe or a device".to_owned(),
            expected: "the official archive".to_owned(),
            action: "save what comes out of it as a file first".to_owned(),
        });
    }
    if found.len() != size {
        let (path, expected) = (archive.to_owned(), format!("{size} as published"));
        return Err(DataError::Length { path, expected, least: size, found: found.len() });
    }
    let mut file = File::open(archive).map_err(read_error)?;
    let found = md5_of(&mut file).map_err(read_error)?;
    if found != md5 {
        return Err(DataError::Checksum { path: archive.to_owned(), expected: md5.to_owned(), found });
    }
    file.seek(SeekFrom::Start(0)).map_err(read_error)?;
    let mut tar = tar::Archive::new(GzDecoder::new(file).take(DECOMPRESSED_LIMIT));
    let mut contents: Vec<Option<Vec<u8>>> = vec![None; names.len()];
    for entry in tar.entries().map_err(|e| broken(e.to_string()))? {
        let mut entry = entry.map_err(|e| broken(e.to_string()))?;
        let path = entry.path_bytes().into_owned();
        let Some(slot) = names.iter().position(|name| name.as_bytes() == path) else { continue };
        if entry.size() != length {
            return Err(DataError::Length {
                path: archive.join(&names[slot]),
                expected: format!("{length}"),
                least: length,
                found: entry.size(),
            });
        }
        let mut bytes = Vec::with_capacity(length as usize);
        entry.read_to_end(&mut bytes).map_err(|e| broken(e.to_string()))?;
        contents[slot] = Some(bytes);
        if contents.iter().all(Option::is_some) {
            break;
        }
    }
    let whole = contents.into_iter().zip(names).map(|(bytes, name)| {
        bytes.filter(|b| b.len() as u64 == length).ok_or_else(|| broken(format!("{name} is not in it")))
    });
    whole.collect()
}

/// MD5 as 32 hexadecimal digits.
pub(crate) fn md5(bytes: &[u8]) -> String {
    digits(&Md5::digest(bytes))
}

fn digits(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn md5_of(reader: &mut impl Read) -> std::io::Result<String> {
    let mut hasher = Md5::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(digits(&hasher.finalize())),
            n => hasher.update(&buffer[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::path::PathBuf;

    /// An archive with these files, its size and its MD5.
    fn archive(folder: &Path, files: &[(&str, &[u8])]) -> (PathBuf, u64, String) {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, *content).unwrap();
        }
        let bytes = tar.into_inner().unwrap().finish().unwrap();
        let path = folder.join("set.tar.gz");
        std::fs::write(&path, &bytes).unwrap();
        (path, bytes.len() as u64, md5(&bytes))
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn md5_is_the_published_function() {
        assert_eq!(md5_of(&mut &b"message digest"[..]).unwrap(), "f96b697d7cb7938d525a2f31aaf161d0");
    }

    #[test]
    fn files_come_in_the_order_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let (path, size, md5) =
            archive(folder.path(), &[("x/b", b"bb"), ("x/readme", b"long text"), ("x/a", b"aa")]);
        let files = read_files(&path, (size, &md5), &names(&["x/a", "x/b"]), 2).unwrap();
        assert_eq!(files, [b"aa", b"bb"]);
    }

    #[test]
    fn a_changed_byte_is_caught_by_the_checksum_before_anything_is_decoded() {
        let folder = tempfile::tempdir().unwrap();
        let (path, size, md5) = archive(folder.path(), &[("a", b"aa")]);
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let error = read_files(&path, (size, &md5), &names(&["a"]), 2).unwrap_err();
        assert!(matches!(&error, DataError::Checksum { expected, .. } if *expected == md5), "{error}");
    }

    #[test]
    fn another_size_is_refused_before_anything_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let (path, size, md5) = archive(folder.path(), &[("a", b"aa")]);
        // So large that hashing it would take minutes; it costs no disk.
        File::options().write(true).open(&path).unwrap().set_len(200 << 30).unwrap();
        let start = std::time::Instant::now();
        let error = read_files(&path, (size, &md5), &names(&["a"]), 2).unwrap_err();
        assert!(matches!(error, DataError::Length { found, .. } if found == 200 << 30), "{error}");
        assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
        #[cfg(unix)]
        {
            let error = read_files(Path::new("/dev/zero"), (size, &md5), &names(&["a"]), 2).unwrap_err();
            assert!(error.to_string().contains("is a pipe or a device"), "{error}");
        }
    }

    #[test]
    fn absent_and_misfitting_members_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let (path, size, md5) = archive(folder.path(), &[("a", b"aaa")]);
        let error = read_files(&path, (size, &md5), &names(&["a"]), 2).unwrap_err();
        assert!(matches!(error, DataError::Length { found: 3, least: 2, .. }), "{error}");
        let error = read_files(&path, (size, &md5), &names(&["b"]), 3).unwrap_err();
        assert!(error.to_string().contains("b is not in it"), "{error}");
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.tar.gz");
        std::fs::write(&path, b"<html>not found</html>").unwrap();
        let (size, md5) = (22, md5(b"<html>not found</html>"));
        assert!(matches!(read_files(&path, (size, &md5), &names(&["a"]), 2), Err(DataError::Archive { .. })));
    }
}
