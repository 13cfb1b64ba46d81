//! As many images of every class: where some are lost, the set says which.

use super::RESTORE;
use crate::DataError;
use crate::folder::missing;
use crate::image_file::ImageFile;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One class as it was found.
pub(super) struct Found {
    /// The folder in which its images lie.
    pub(super) folder: PathBuf,
    pub(super) files: Vec<ImageFile>,
}

/// Refuses classes of different sizes. `names` gives the names of the files that a class, by its label, should have if
/// it had so many, as far as they are known: then the file that is lost or one too many is named.
pub(super) fn check(
    found: &[Found],
    classes: &[String],
    names: impl Fn(usize, usize) -> Vec<String>,
) -> Result<(), DataError> {
    let usual = usual(found.iter().map(|class| class.files.len()));
    let Some(label) = found.iter().position(|class| class.files.len() != usual) else { return Ok(()) };
    let Found { folder, files } = &found[label];
    let expected = names(label, usual);
    let stem = |name: &str| Path::new(name).with_extension("").to_string_lossy().to_ascii_lowercase();
    let foreign = files.iter().find(|file| expected.iter().all(|name| stem(name) != file.stem));
    if files.len() < usual && foreign.is_none() {
        let is_lost = |name: &&String| files.iter().all(|file| file.stem != stem(name));
        let lost: Vec<&String> = expected.iter().filter(is_lost).collect();
        if let Some(first) = lost.first() {
            let others = lost.len() - 1;
            let with =
                if others == 0 { String::new() } else { format!(" with {others} others of its class") };
            return Err(missing(folder.join(first), format!("{RESTORE}{with}")));
        }
    }
    let foreign = foreign.filter(|_| !expected.is_empty()).and_then(|file| file.path.file_name());
    let among = foreign.map_or(String::new(), |name| format!(", among them {}", name.to_string_lossy()));
    Err(DataError::Layout {
        path: folder.clone(),
        found: format!("{} images of class {}{among}", files.len(), classes[label]),
        expected: format!("{usual} as most classes have"),
    })
}

/// The most frequent size, of equally frequent ones the largest; at least 1.
fn usual(sizes: impl Iterator<Item = usize>) -> usize {
    let mut frequency: BTreeMap<usize, usize> = BTreeMap::new();
    sizes.for_each(|size| *frequency.entry(size).or_default() += 1);
    let most = frequency.into_iter().max_by_key(|&(size, classes)| (classes, size));
    most.map_or(1, |(size, _)| size.max(1))
}
