//! The set's two lists, as published or as an editor on another system left them: `wnids.txt` and
//! `val_annotations.txt`.

use crate::folder::unreadable;
use crate::{DataError, TINY_IMAGENET};
use basin_core::read_regular;
use std::collections::BTreeMap;
use std::path::Path;

/// Far above any of the lists: the longest has half a megabyte.
const MOST_BYTES: u64 = 1 << 26;

/// A line of `val_annotations.txt`.
pub(super) struct Annotation {
    /// The line's number, from 1.
    pub(super) line: usize,
    /// The image's file name as it stands there, and as [`crate::image_file::ImageFile`] has it.
    pub(super) name: String,
    pub(super) stem: String,
    /// Its class.
    pub(super) class: usize,
}

/// Whether a name is one of a class: `n` and eight digits.
pub(super) fn is_wordnet_id(name: &str) -> bool {
    name.len() == 9 && name.starts_with(['n', 'N']) && name[1..].bytes().all(|b| b.is_ascii_digit())
}

/// The classes in the order of `wnids.txt`, which defines the labels.
pub(super) fn classes(path: &Path) -> Result<Vec<String>, DataError> {
    let limit = TINY_IMAGENET.classes;
    let mut classes: Vec<String> = Vec::new();
    for (line, text) in lines(path)? {
        let name = text.trim().to_ascii_lowercase();
        if !is_wordnet_id(&name) || classes.contains(&name) || classes.len() == limit {
            let expected = format!("one of at most {limit} different WordNet ids such as n01443537");
            return Err(wrong(path, line, expected, &text));
        }
        classes.push(name);
    }
    if classes.is_empty() {
        return Err(wrong(path, 1, "a WordNet id such as n01443537".to_owned(), ""));
    }
    Ok(classes)
}

/// The lines of `val_annotations.txt`: an image and its class, between tabs as published, or blanks or commas.
pub(super) fn annotations(path: &Path, classes: &[String]) -> Result<Vec<Annotation>, DataError> {
    let label: BTreeMap<&str, usize> = classes.iter().enumerate().map(|(i, c)| (c.as_str(), i)).collect();
    let read = |(line, text): (usize, String)| {
        let fields: Vec<&str> = match text.contains('\t') {
            true => text.split('\t').map(str::trim).collect(),
            false => text.split([' ', ',']).filter(|field| !field.is_empty()).collect(),
        };
        let class = fields.get(1).and_then(|id| label.get(id.to_ascii_lowercase().as_str()));
        match class {
            Some(&class) => {
                let name = fields[0].rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
                let stem = name.to_ascii_lowercase();
                let stem = stem.rsplit_once('.').map_or(stem.as_str(), |(stem, _)| stem).to_owned();
                Ok(Annotation { line, name, stem, class })
            }
            None => {
                let expected = "an image's name, a tab and an id of wnids.txt".to_owned();
                Err(wrong(path, line, expected, &text))
            }
        }
    };
    lines(path)?.into_iter().map(read).collect()
}

/// A line that does not say what it must.
pub(super) fn wrong(path: &Path, line: usize, expected: String, text: &str) -> DataError {
    // Enough of it to recognise it.
    DataError::Listing { path: path.to_owned(), line, expected, found: text.chars().take(60).collect() }
}

/// The lines that are not blank, with their numbers from 1.
fn lines(path: &Path) -> Result<Vec<(usize, String)>, DataError> {
    let bytes = read_regular(path, MOST_BYTES).map_err(|source| unreadable(path, source))?;
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => {
            let at = error.valid_up_to();
            let line = 1 + bytes[..at].iter().filter(|&&byte| byte == b'\n').count();
            let expected = "text in UTF-8".to_owned();
            let found = format!("bytes {:02x?}", &bytes[at..bytes.len().min(at + 4)]);
            return Err(wrong(path, line, expected, &found));
        }
    };
    let numbered = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    Ok(numbered.map(|(i, line)| (i + 1, line.to_owned())).collect())
}
