//! What is published of a data set: where it is, how to know it, and what is in it. `fetch` carries it here; whoever reads the
//! data set describes it.

/// How files are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// A tar archive, gzipped.
    TarGz,
    /// A zip archive, its files stored or deflated.
    Zip,
    /// Not at all: what is published are the data set's files themselves.
    Loose,
}

/// A file as it is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its name.
    pub file: &'static str,
    /// Where it is published, in the order in which the addresses are tried.
    pub addresses: &'static [&'static str],
    /// Its size in bytes.
    pub bytes: u64,
    /// Its published MD5, 32 hexadecimal digits.
    pub md5: &'static str,
}

/// Files of one kind inside an archive's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRule {
    /// The path below the folder, with `/` between names; `#` stands for one to eight digits.
    pub pattern: &'static str,
    /// How many files there are.
    pub files: u64,
    /// The least and the most bytes of one file.
    pub bytes: (u64, u64),
    /// Whether a folder without them is incomplete. Files that Basin does not read are not required.
    pub required: bool,
}

impl FileRule {
    /// Files that must be there, each of exactly `bytes` bytes.
    pub const fn exact(pattern: &'static str, files: u64, bytes: u64) -> Self {
        Self { pattern, files, bytes: (bytes, bytes), required: true }
    }

    /// Files that must be there, each of one to `most` bytes.
    pub const fn needed(pattern: &'static str, files: u64, most: u64) -> Self {
        Self { pattern, files, bytes: (1, most), required: true }
    }

    /// Files that may be there, up to `files` of up to `most` bytes each.
    pub const fn extra(pattern: &'static str, files: u64, most: u64) -> Self {
        Self { pattern, files, bytes: (0, most), required: false }
    }
}

/// One data set as it is published: an archive, or its files one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The name it is asked for by: the data set's.
    pub name: &'static str,
    /// What is fetched, at least one: the archive, or all files of a set that is not packed.
    pub published: &'static [Published],
    /// How they are packed.
    pub packing: Packing,
    /// The one folder in the archive; the folder that files which are not packed get.
    pub folder: &'static str,
    /// The files that are unpacked.
    pub files: &'static [FileRule],
    /// The most bytes that all its files may have together once unpacked.
    pub unpacked: u64,
}

impl Archive {
    /// Bytes to be fetched.
    pub fn bytes(&self) -> u64 {
        self.published.iter().map(|published| published.bytes).sum()
    }

    /// The most files that are unpacked.
    pub fn most_files(&self) -> u64 {
        self.files.iter().map(|rule| rule.files).sum()
    }
}
