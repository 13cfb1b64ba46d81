//! Folders as people have them: what other programs leave in them is passed over, names are found whatever their
//! case, and a folder may lie in one of its own name.

use crate::DataError;
use basin_core::unexpanded_home;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// How deep unpackers that make a folder of the archive's name are followed.
const NESTING: usize = 3;

/// Names in lower case that archivers, file managers and disk stations leave beside data.
const LEFT_BEHIND: &[&str] = &[
    "__macosx",
    "@eadir",
    "#recycle",
    "$recycle.bin",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "lost+found",
    "system volume information",
];

/// What browsers and downloaders add to the name of a file that is not whole yet; `fetch` continues its own.
const UNFINISHED: &[&str] = &[".crdownload", ".download", ".aria2", ".tmp"];

/// What lies in a folder.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
}

/// What an entry is, links followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    /// A pipe, a device, a link to nothing.
    Other,
}

/// Whether a name belongs to no data set: hidden, as `.DS_Store`, `._x` and `.ipynb_checkpoints` are, or left behind.
fn is_stray(name: &str) -> bool {
    name.starts_with('.') || LEFT_BEHIND.contains(&name.to_ascii_lowercase().as_str())
}

/// What the path is that was given for a data set: a folder or a file.
pub(crate) fn given(path: &Path) -> Result<Kind, DataError> {
    let path_buf = || path.to_owned();
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(Kind::Folder),
        Ok(found) if found.is_file() => Ok(Kind::File),
        Ok(_) => Err(DataError::Form {
            path: path_buf(),
            found: "neither a folder nor a file".to_owned(),
            expected: "a folder".to_owned(),
            action: "pass an existing folder to --data-dir".to_owned(),
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(missing(path_buf(), "pass an existing folder to --data-dir"))
        }
        Err(source) => Err(DataError::Read { path: path_buf(), source }),
    }
}

/// The entries of a folder but for strays, sorted by name: the order of the file system must not matter.
pub(crate) fn list(dir: &Path) -> Result<Vec<Entry>, DataError> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(dir).map_err(|source| unreadable(dir, source))? {
        let entry = entry.map_err(|source| unreadable(dir, source))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_stray(&name) {
            continue;
        }
        let path = entry.path();
        let of = |kind: fs::FileType| match (kind.is_file(), kind.is_dir()) {
            (true, _) => Kind::File,
            (_, true) => Kind::Folder,
            _ => Kind::Other,
        };
        let kind = match entry.file_type() {
            Ok(kind) if kind.is_symlink() => fs::metadata(&path).map_or(Kind::Other, |m| of(m.file_type())),
            Ok(kind) => of(kind),
            Err(_) => Kind::Other,
        };
        entries.push(Entry { name, path, kind });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// The file of that name, or else the first that differs from it in case alone.
pub(crate) fn file(dir: &Path, name: &str) -> Result<Option<PathBuf>, DataError> {
    find(dir, name, Kind::File)
}

/// The folder of that name, or else the first that differs from it in case alone. A folder that holds nothing but one
/// of its own name stands for that one.
pub(crate) fn folder(dir: &Path, name: &str) -> Result<Option<PathBuf>, DataError> {
    let Some(mut at) = find(dir, name, Kind::Folder)? else { return Ok(None) };
    for _ in 1..NESTING {
        let Some(inner) = find(&at, name, Kind::Folder)? else { break };
        if list(&at)?.len() > 1 {
            break;
        }
        at = inner;
    }
    Ok(Some(at))
}

fn find(dir: &Path, name: &str, kind: Kind) -> Result<Option<PathBuf>, DataError> {
    let exact = dir.join(name);
    let found = fs::metadata(&exact);
    if matches!(&found, Ok(found) if if kind == Kind::File { found.is_file() } else { found.is_dir() }) {
        return Ok(Some(exact));
    }
    let may_be_searched = found.is_err_and(|error| error.kind() == ErrorKind::NotFound);
    match list(dir) {
        Ok(entries) => {
            let same = |entry: &Entry| entry.kind == kind && entry.name.eq_ignore_ascii_case(name);
            Ok(entries.into_iter().find(same).map(|entry| entry.path))
        }
        Err(DataError::Missing { .. }) => Ok(None),
        // A folder that one may enter and not list: what has the exact name can be used all the same.
        Err(DataError::Read { source, .. })
            if source.kind() == ErrorKind::NotADirectory
                || source.kind() == ErrorKind::PermissionDenied && may_be_searched =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The folders in which a set may lie, nearest first: `dir`, then folders of these names in it and in one another.
pub(crate) fn nested(dir: &Path, names: &[&str]) -> Result<Vec<PathBuf>, DataError> {
    let mut places = vec![dir.to_owned()];
    let mut begin = 0;
    for _ in 0..NESTING {
        let end = places.len();
        for place in begin..end {
            for name in names {
                places.extend(find(&places[place], name, Kind::Folder)?);
            }
        }
        begin = end;
    }
    Ok(places)
}

/// A file or folder that is not there, with why where it shows: a link to nothing, a `~` that the shell left, a folder
/// in place of a file.
pub(crate) fn missing(path: PathBuf, action: impl Into<String>) -> DataError {
    let action = action.into();
    if let Ok(found) = fs::metadata(&path) {
        let (found, expected) =
            if found.is_dir() { ("a folder", "a file") } else { ("not a folder", "a folder") };
        return DataError::Form { path, found: found.to_owned(), expected: expected.to_owned(), action };
    }
    let action = match (fs::read_link(&path), unexpanded_home(&path)) {
        (_, Some(home)) => home,
        (Ok(target), _) => format!("it is a link to {}, which is not there; {action}", target.display()),
        _ => action,
    };
    DataError::Missing { path, action }
}

/// Refuses an archive that is not whole yet.
pub(crate) fn check_finished(dir: &Path, archive: &str) -> Result<(), DataError> {
    let Some(path) = file_like(dir, archive, UNFINISHED)? else { return Ok(()) };
    let found = "an unfinished download".to_owned();
    let action = "wait for it to end, or fetch it again".to_owned();
    Err(DataError::Form { path, found, expected: format!("the whole of {archive}"), action })
}

/// The first file whose name begins like an archive's and ends so: a second download is `x (1).tar.gz`.
pub(crate) fn file_like(dir: &Path, archive: &str, endings: &[&str]) -> Result<Option<PathBuf>, DataError> {
    let archive = archive.to_ascii_lowercase();
    let (stem, _) = archive.split_once('.').unwrap_or((&archive, ""));
    let is_like = |entry: &Entry| {
        let name = entry.name.to_ascii_lowercase();
        entry.kind == Kind::File
            && name.starts_with(stem)
            && endings.iter().any(|ending| name.ends_with(ending))
    };
    Ok(list(dir)?.into_iter().find(is_like).map(|entry| entry.path))
}

/// Why a path cannot be read.
pub(crate) fn unreadable(path: &Path, source: std::io::Error) -> DataError {
    match source.kind() {
        ErrorKind::NotFound => missing(path.to_owned(), "restore it from the official archive"),
        _ => DataError::Read { path: path.to_owned(), source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_programs_leave_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        for name in [".DS_Store", "._b", "Thumbs.db", "THUMBS.DB", "desktop.ini", "b", "A"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        for name in ["__MACOSX", "@eaDir", ".ipynb_checkpoints", "c"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let names: Vec<String> = list(dir.path()).unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["A", "b", "c"]);
    }

    #[test]
    fn the_exact_name_comes_before_one_of_another_case() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("B.BIN"), "x").unwrap();
        assert_eq!(file(dir.path(), "b.bin").unwrap(), Some(dir.path().join("B.BIN")));
        fs::write(dir.path().join("b.bin"), "x").unwrap();
        assert_eq!(file(dir.path(), "b.bin").unwrap(), Some(dir.path().join("b.bin")));
        assert_eq!(folder(dir.path(), "b.bin").unwrap(), None);
        assert_eq!(file(&dir.path().join("absent"), "b.bin").unwrap(), None);
    }

    #[test]
    fn a_folder_alone_in_one_of_its_name_stands_for_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("set/Set/x")).unwrap();
        fs::write(dir.path().join("set/.DS_Store"), "x").unwrap();
        assert_eq!(folder(dir.path(), "set").unwrap(), Some(dir.path().join("set/Set")));
        fs::write(dir.path().join("set/list"), "x").unwrap();
        assert_eq!(folder(dir.path(), "set").unwrap(), Some(dir.path().join("set")));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_nothing_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("test_batch.bin");
        std::os::unix::fs::symlink("/nowhere/at/all", &link).unwrap();
        assert_eq!(file(dir.path(), "test_batch.bin").unwrap(), None);
        let error = missing(link, "restore it").to_string();
        assert!(error.contains("is a link to /nowhere/at/all, which is not there; restore it"), "{error}");
    }
}
