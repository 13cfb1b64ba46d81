//! Everything that can be wrong with a data set or its settings, one variant per thing the user does about it.

use std::path::PathBuf;
use thiserror::Error;

/// Why data cannot be used. Each message says what, where, expected, found and what to do next.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// A data set on disk was asked for without its folder.
    #[error("{dataset} is read from disk but no folder was given; pass --data-dir with {wanted}")]
    NoFolder {
        /// The data set.
        dataset: &'static str,
        /// What the folder must hold.
        wanted: &'static str,
    },
    /// A file or folder is not there.
    #[error("{} is missing; {action}", .path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
        /// What to do next.
        action: String,
    },
    /// Something stands in the place of the data that is not read, such as another version of it.
    #[error("{} is {found}, expected {expected}; {action}", .path.display())]
    Form {
        /// The file or folder.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What is read.
        expected: String,
        /// What to do next.
        action: String,
    },
    /// The operating system refused to read.
    #[error("cannot read {}; check what it is, its permissions and the disk", .path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A batch file is truncated or over-long.
    #[error(
        "{} has {found} bytes, expected {expected}: it is {}; fetch the official file again",
        .path.display(), if found < least { "truncated" } else { "over-long or torn" }
    )]
    Length {
        /// The file.
        path: PathBuf,
        /// The lengths that would be right, in words.
        expected: String,
        /// The smallest length that would be right, bytes.
        least: u64,
        /// Its length in bytes.
        found: u64,
    },
    /// One data set was given where another was asked for.
    #[error("{} holds {found}, expected {expected}; pass --dataset {found} or another --data-dir", .path.display())]
    WrongDataset {
        /// The file or folder that gives it away.
        path: PathBuf,
        /// The data set asked for.
        expected: &'static str,
        /// The data set found.
        found: &'static str,
    },
    /// An archive is not the published one.
    #[error(
        "{} has md5 {found}, expected the published {expected}; delete it and fetch the archive again",
        .path.display()
    )]
    Checksum {
        /// The archive.
        path: PathBuf,
        /// The published MD5.
        expected: String,
        /// The file's MD5.
        found: String,
    },
    /// An archive cannot be decoded.
    #[error("{} is not a whole tar.gz archive ({reason}); fetch it again", .path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What the decoder found.
        reason: String,
    },
    /// An IDX file does not say what it must.
    #[error("{}: found {found}, expected {expected}; fetch the official file again", .path.display())]
    Idx {
        /// The file.
        path: PathBuf,
        /// What is right.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A MATLAB file does not hold what it must.
    #[error("{}: found {found}, expected {expected}; fetch the official file again", .path.display())]
    Mat {
        /// The file.
        path: PathBuf,
        /// What is right.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A record carries a label outside the classes.
    #[error(
        "{}: record {record} has {kind} label {label}, expected 0..{classes}; the file is damaged or of another data set, \
         fetch the official one again",
        .path.display()
    )]
    Label {
        /// The file.
        path: PathBuf,
        /// The record, from 0.
        record: usize,
        /// `class`, `coarse` or `fine`.
        kind: &'static str,
        /// The label.
        label: u32,
        /// Number of classes.
        classes: usize,
    },
    /// A text file of Tiny ImageNet does not say what it must.
    #[error("{}:{line}: found {found:?}, expected {expected}; restore the official file", .path.display())]
    Listing {
        /// The text file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What a right line looks like.
        expected: String,
        /// The line as it stands.
        found: String,
    },
    /// The images on disk and the list of them disagree, or classes differ in size.
    #[error("{} has {found}, expected {expected}; restore the official folder", .path.display())]
    Layout {
        /// The folder.
        path: PathBuf,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// An image cannot be decoded.
    #[error("{} is not a readable JPEG or PNG image: {reason}; restore the official file", .path.display())]
    Image {
        /// The image file.
        path: PathBuf,
        /// What the decoder found.
        reason: String,
    },
    /// An image has the wrong extent.
    #[error(
        "{} is {}x{} pixels, expected {expected}x{expected}; restore the official file",
        .path.display(), found.0, found.1
    )]
    Extent {
        /// The image file.
        path: PathBuf,
        /// Height and width in pixels.
        expected: usize,
        /// Width and height found.
        found: (u32, u32),
    },
    /// Pixels and labels handed over in memory do not make a set.
    #[error("{what}: expected {expected}, found {found}")]
    Set {
        /// What was counted.
        what: &'static str,
        /// The right value or range.
        expected: String,
        /// The value found.
        found: String,
    },
    /// There is no view of that name.
    #[error("no view {name} (in {view:?}), nearest is {nearest}; expected one of {known}")]
    NoView {
        /// The view as it was written.
        view: String,
        /// The name in it.
        name: String,
        /// The nearest name that there is.
        nearest: &'static str,
        /// All that there are, as they are written.
        known: String,
    },
    /// A view is not written as it must be, or does not take the images.
    #[error("view {view:?}: {what} must be {expected}, found {found}")]
    View {
        /// The view as it was written.
        view: String,
        /// What is wrong of it.
        what: String,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A file is not an array of the format `.npy` that is read.
    #[error("{}: {what} is {found}, expected {expected}; restore the official file", .path.display())]
    Npy {
        /// The file.
        path: PathBuf,
        /// Which part of it.
        what: &'static str,
        /// What is read.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A setting is outside its range.
    #[error("{key} is {found}, expected {expected}; change --set {key}")]
    Setting {
        /// The configuration key.
        key: &'static str,
        /// The allowed range, with its unit.
        expected: &'static str,
        /// The value given.
        found: String,
    },
}

#[cfg(test)]
mod tests;
