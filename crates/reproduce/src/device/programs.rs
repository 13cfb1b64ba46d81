//! Compiled kernels in a folder of the user's, so that a second run need not compile them.

use basin_gpu::ProgramStore;
use basin_store::{Fs, RealFs, write_atomic};
use std::path::{Path, PathBuf};

/// The variable that names another folder.
const VARIABLE: &str = "BASIN_CACHE_DIR";

/// A folder with one file per program. What cannot be read or written is compiled again, and nothing else happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramFolder(Option<PathBuf>);

impl ProgramFolder {
    /// A folder, made when the first program is kept.
    pub fn at(folder: PathBuf) -> Self {
        Self(Some(folder))
    }

    /// The folder `kernels` in `BASIN_CACHE_DIR`, else in `basin` in the user's cache; none where there is no home.
    pub fn of_user() -> Self {
        Self(folder(&|name| std::env::var_os(name).map(PathBuf::from)))
    }

    /// Where it is.
    pub fn path(&self) -> Option<&Path> {
        self.0.as_deref()
    }

    /// How many programs are kept, and their bytes.
    pub fn contents(&self) -> (usize, u64) {
        let entries = self.0.iter().flat_map(std::fs::read_dir).flatten().flatten();
        let sizes = entries.filter(|entry| entry.path().extension().is_some_and(|e| e == EXTENSION));
        sizes.filter_map(|entry| entry.metadata().ok()).fold((0, 0), |(n, sum), m| (n + 1, sum + m.len()))
    }

    fn file(&self, key: &str) -> Option<PathBuf> {
        Some(self.0.as_ref()?.join(key).with_extension(EXTENSION))
    }
}

const EXTENSION: &str = "program";

fn folder(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let usable = |path: PathBuf| path.is_absolute().then_some(path);
    let cache = || variable("XDG_CACHE_HOME").and_then(usable);
    let home = || variable("HOME").and_then(usable).map(|home| home.join(".cache"));
    let own = variable(VARIABLE).filter(|path| !path.as_os_str().is_empty());
    Some(own.or_else(|| Some(cache().or_else(home)?.join("basin")))?.join("kernels"))
}

impl ProgramStore for ProgramFolder {
    fn load(&self, key: &str) -> Option<Vec<u8>> {
        RealFs.read(&self.file(key)?).ok()
    }

    fn keep(&self, key: &str, program: &[u8]) {
        let Some(file) = self.file(key) else { return };
        let Some(parent) = file.parent() else { return };
        // A cache that cannot be written costs the next run some seconds: no reason to stop this one.
        let _ = RealFs.create_dir_all(parent).map(|()| write_atomic(&RealFs, &file, program));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_by_the_next_process_and_what_cannot_be_is_no_error() {
        let parent = tempfile::tempdir().unwrap();
        let folder = ProgramFolder::at(parent.path().join("a/kernels"));
        assert_eq!(folder.load("conv-sm_90-00"), None);
        folder.keep("conv-sm_90-00", b"text");
        assert_eq!(
            ProgramFolder::at(parent.path().join("a/kernels")).load("conv-sm_90-00").as_deref(),
            Some(b"text".as_slice())
        );
        assert_eq!(folder.contents(), (1, 4));
        std::fs::write(parent.path().join("file"), "").unwrap();
        let blocked = ProgramFolder::at(parent.path().join("file/kernels"));
        blocked.keep("conv-sm_90-00", b"text");
        assert_eq!((blocked.load("conv-sm_90-00"), blocked.contents()), (None, (0, 0)));
        assert_eq!(ProgramFolder(None).load("conv-sm_90-00"), None);
    }

    #[test]
    fn the_folder_follows_the_users_variables() {
        let with = |set: &[(&str, &str)]| {
            let find =
                |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, value)| PathBuf::from(value));
            folder(&find).map(|path| path.to_string_lossy().into_owned())
        };
        assert_eq!(with(&[("HOME", "/h")]).as_deref(), Some("/h/.cache/basin/kernels"));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c")]).as_deref(), Some("/c/basin/kernels"));
        assert_eq!(with(&[("HOME", "/h"), (VARIABLE, "/b")]).as_deref(), Some("/b/kernels"));
        assert_eq!(with(&[("XDG_CACHE_HOME", "relative")]), None);
        assert_eq!(with(&[]), None);
    }
}
