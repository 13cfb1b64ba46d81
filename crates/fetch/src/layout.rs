//! Which files belong to a data set, and whether a folder has them all.

use crate::{Archive, FetchError, FileRule};
use basin_store::Fs;
use std::io;
use std::path::Path;

/// What has the folder's name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    /// Nothing.
    Absent,
    /// All required files, each of a right size.
    Whole,
    /// Something else; the words are to be read after "it".
    Other(String),
}

/// Counts the files of a folder; their content is not read.
pub(crate) fn inspect(fs: &dyn Fs, folder: &Path, archive: &Archive) -> Result<Contents, FetchError> {
    let mut counts = vec![0; archive.files.len()];
    match count(fs, folder, "", archive, &mut counts) {
        Ok(()) => Ok(shortfall(archive, &counts).map_or(Contents::Whole, Contents::Other)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Contents::Absent),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => match fs.size(folder) {
            Ok(_) => Ok(Contents::Other("is not a folder".to_owned())),
            // Something above it is not a folder: making it will tell.
            Err(_) => Ok(Contents::Absent),
        },
        Err(error) => Err(FetchError::disk("look through", folder)(error)),
    }
}

fn count(fs: &dyn Fs, folder: &Path, below: &str, archive: &Archive, counts: &mut [u64]) -> io::Result<()> {
    for entry in fs.list(folder)? {
        let path = folder.join(&entry.name);
        let name = format!("{below}{}", entry.name);
        if entry.is_dir {
            count(fs, &path, &format!("{name}/"), archive, counts)?;
        } else if let Some(rule) = rule_of(archive, &name) {
            let (least, most) = archive.files[rule].bytes;
            if archive.files[rule].required && (least..=most).contains(&fs.size(&path)?) {
                counts[rule] += 1;
            }
        }
    }
    Ok(())
}

/// What is missing, given how many files there are of each rule.
pub(crate) fn shortfall(archive: &Archive, counts: &[u64]) -> Option<String> {
    let missing = |(rule, count): &(&FileRule, &u64)| rule.required && **count != rule.files;
    let (rule, count) = archive.files.iter().zip(counts).find(missing)?;
    let digits = if rule.pattern.contains('#') { " (# for a number)" } else { "" };
    Some(format!("has {count} of {} files {}{digits} of the right size", rule.files, rule.pattern))
}

/// The rule a file belongs to, given its path below the folder with `/` between names.
pub(crate) fn rule_of(archive: &Archive, name: &str) -> Option<usize> {
    archive.files.iter().position(|rule| matches(rule.pattern.as_bytes(), name.as_bytes()))
}

/// `#` stands for one to eight digits, everything else for itself. No pattern has a digit after `#`.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'#', rest)) => {
            let digits = name.iter().take_while(|byte| byte.is_ascii_digit()).count();
            (1..=8).contains(&digits) && matches(rest, &name[digits..])
        }
        Some((byte, rest)) => name.first() == Some(byte) && matches(rest, &name[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Packing, Published};

    fn archives() -> impl Iterator<Item = &'static Archive> {
        basin_data::Dataset::BUILT_IN.iter().filter_map(|dataset| dataset.archive)
    }

    #[test]
    fn a_number_sign_stands_for_one_to_eight_digits() {
        let is = |name: &str| matches(b"train/n#/n#_#.JPEG", name.as_bytes());
        assert!(is("train/n01443537/n01443537_0.JPEG"));
        for other in [
            "train/n/n01443537_0.JPEG",
            "train/n014435370/n01443537_0.JPEG",
            "train/n01443537/n01443537_0.JPEG.exe",
            "train/n01443537/n01443537_a.JPEG",
            "train/../n01443537_0.JPEG",
            "",
        ] {
            assert!(!is(other), "{other}");
        }
    }

    #[test]
    fn every_pattern_stays_below_its_folder() {
        for archive in archives() {
            for name in archive
                .files
                .iter()
                .map(|rule| rule.pattern)
                .chain([archive.folder])
                .chain(archive.published.iter().map(|published| published.file))
            {
                let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains('\\');
                assert!(name.split('/').all(plain), "{name}");
            }
            assert!(!archive.folder.contains('/'));
            assert!(archive.published.iter().all(|published| !published.file.contains('/')));
        }
    }

    #[test]
    fn every_archive_has_its_checksum_and_an_address_that_ends_in_its_name() {
        for archive in archives() {
            assert!(!archive.published.is_empty());
            for Published { file, addresses, md5, .. } in archive.published {
                assert!(md5.len() == 32 && md5.bytes().all(|b| b.is_ascii_hexdigit()));
                assert!(!addresses.is_empty());
                for address in *addresses {
                    assert!(address.ends_with(&format!("/{file}")), "{address}");
                    crate::address::parse(address).unwrap();
                }
            }
            // Files that are not packed are the files of the folder, each once.
            if archive.packing == Packing::Loose {
                let rules = archive.published.iter().map(|p| FileRule::exact(p.file, 1, p.bytes));
                assert!(rules.eq(archive.files.iter().copied()), "{}", archive.name);
            } else {
                assert_eq!(archive.published.len(), 1);
            }
            let least: u64 = archive.files.iter().map(|rule| rule.files * rule.bytes.0).sum();
            assert!(least <= archive.unpacked && archive.bytes() <= archive.unpacked);
        }
    }
}
