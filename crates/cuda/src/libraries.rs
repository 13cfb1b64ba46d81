//! Where CUDA's libraries are on this machine.
//!
//! The loader finds what stands in its own folders and in `LD_LIBRARY_PATH`. Python environments and toolkits keep
//! them elsewhere; those places are searched here, and what is found is loaded by its full path. Whoever asks for
//! the library by name afterwards gets the loaded one.

use basin_gpu::GpuError;
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Folders to search first, as in `PATH`.
pub const FOLDERS: &str = "BASIN_CUDA_LIBRARIES";

/// Folders to search before those.
static FIRST: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Python interpreters in whose environments to search as well.
static INTERPRETERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Links from an interpreter to the next that are followed.
const LINKS: usize = 8;

/// Searches a folder before all others. For before the first use of CUDA: [`libraries`] looks once.
pub fn search_first(folder: &Path) {
    FIRST.lock().unwrap_or_else(PoisonError::into_inner).push(folder.to_owned());
}

/// Searches the environment of a Python interpreter as well, which is named as on a command line: by a path, or by a
/// name on `PATH`. For before the first use of CUDA: [`libraries`] looks once.
pub fn search_also(python: &Path) {
    INTERPRETERS.lock().unwrap_or_else(PoisonError::into_inner).push(python.to_owned());
}

/// A library of CUDA on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The name by which it is opened.
    pub name: String,
    /// What it is for.
    pub purpose: &'static str,
    /// Its file, or what the loader said.
    pub file: Result<PathBuf, String>,
}

/// The major version of CUDA that this program was built for.
fn major() -> &'static str {
    match option_env!("CUDARC_CUDA_VERSION") {
        Some(version) if version.starts_with("12") => "12",
        _ => "13",
    }
}

/// All libraries, each after those it needs.
fn wanted() -> Vec<(String, &'static str)> {
    let of_version = |name: &str| format!("{name}.so.{}", major());
    vec![
        ("libcuda.so.1".into(), "the driver"),
        (of_version("libnvrtc-builtins"), "what the run-time compiler reads"),
        (of_version("libnvrtc"), "the run-time compiler"),
        (of_version("libcublasLt"), "matrix products"),
        (of_version("libcublas"), "matrix products"),
        ("libcudnn.so.9".into(), "convolutions"),
        ("libcurand.so.10".into(), "candle's random numbers"),
    ]
}

/// Looks all libraries up and loads them, once per process.
pub fn libraries() -> &'static [Found] {
    static FOUND: OnceLock<Vec<Found>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let (named, folders) = (named(), folders());
        let find = |(name, purpose): (String, &'static str)| {
            let file = load(&name, &named, &folders);
            Found { name, purpose, file }
        };
        wanted().into_iter().map(find).collect()
    })
}

/// Whether everything is there that training takes.
///
/// # Errors
/// [`GpuError::NoDriver`] without the driver, else [`GpuError::NoLibrary`] for the first library that is missing.
pub fn check_libraries() -> Result<(), GpuError> {
    check(libraries())
}

fn check(found: &[Found]) -> Result<(), GpuError> {
    for library in found {
        let Err(reason) = &library.file else { continue };
        return Err(match library.purpose {
            "the driver" => GpuError::NoDriver { found: reason.clone() },
            // The run-time compiler may have it built in.
            "what the run-time compiler reads" => continue,
            purpose => GpuError::NoLibrary {
                library: library.name.clone(),
                found: format!("missing ({purpose}): {reason}"),
            },
        });
    }
    Ok(())
}

/// Folders that somebody named.
fn named() -> Vec<PathBuf> {
    let mut folders = FIRST.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let named = std::env::var_os(FOLDERS).unwrap_or_default();
    folders.extend(std::env::split_paths(&named).filter(|folder| !folder.as_os_str().is_empty()));
    folders
}

/// Other folders beyond the loader's own: a toolkit's, those of Python environments: the active one, those of [`search_also`], of
/// `python3`, and the system's.
fn folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let toolkits = ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(std::env::var_os).map(PathBuf::from);
    for toolkit in toolkits.chain(["/usr/local/cuda", "/opt/cuda"].map(PathBuf::from)) {
        folders.extend(["lib64", "targets/x86_64-linux/lib"].map(|part| toolkit.join(part)));
    }
    // Where a container keeps what the host lends it.
    folders.push("/usr/local/nvidia/lib64".into());
    let active = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(std::env::var_os).map(PathBuf::from);
    let mut interpreters = INTERPRETERS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    interpreters.push("python3".into());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let theirs = interpreters.iter().flat_map(|python| environments(python, &path));
    for environment in active
        .chain(theirs)
        .chain(["/usr/local", "/usr", "/opt/conda"].map(PathBuf::from))
        .collect::<Vec<_>>()
    {
        folders.extend(packages(&environment));
    }
    folders
}

/// Folders of libraries that a Python environment's packages of NVIDIA's bring.
fn packages(environment: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for python in entries(&environment.join("lib"), "python3") {
        for packages in ["site-packages", "dist-packages"] {
            let packages = entries(&python.join(packages).join("nvidia"), "");
            folders.extend(packages.into_iter().map(|package| package.join("lib")));
        }
    }
    folders
}

/// The environments of an interpreter, each once: that of its own file, and those of the files it is a link to. In a
/// virtual environment it is a link to the system's, which has other packages.
fn environments(python: &Path, path: &OsStr) -> Vec<PathBuf> {
    let named = |folder: PathBuf| Some(folder.join(python)).filter(|file| file.is_file());
    let mut file = match python.components().count() {
        1 => std::env::split_paths(path).find_map(named),
        _ => Some(python.to_owned()),
    };
    let mut environments: Vec<PathBuf> = Vec::new();
    for _ in 0..LINKS {
        let Some(here) = file else { break };
        let Some(folder) = here.parent() else { break };
        if let Ok(environment) = folder.join("..").canonicalize()
            && !environments.contains(&environment)
        {
            environments.push(environment);
        }
        file = std::fs::read_link(&here).ok().map(|target| folder.join(target));
    }
    environments
}

/// Entries of a folder whose names begin in a certain way, in order of name; none where it cannot be read.
fn entries(folder: &Path, beginning: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let begins =
        |path: &PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(beginning));
    let mut entries: Vec<_> = entries.filter(begins).collect();
    entries.sort();
    entries
}

/// Loads a library for as long as the process lives: from the first folders, from the loader's own, from the last ones.
fn load(name: &str, first: &[PathBuf], last: &[PathBuf]) -> Result<PathBuf, String> {
    let file = |folder: &PathBuf| entries(folder, name).into_iter().next();
    let by_name = std::iter::once(PathBuf::from(name));
    let candidates = first.iter().filter_map(file).chain(by_name).chain(last.iter().filter_map(file));
    let mut reason = None;
    for candidate in candidates {
        // SAFETY: loading runs the initialisers of NVIDIA's libraries, which expect nothing of the process.
        match unsafe { Library::open(Some(&candidate), RTLD_NOW | RTLD_GLOBAL) } {
            Ok(library) => {
                // Never unloaded: functions are looked up in it until the end.
                std::mem::forget(library);
                return Ok(mapped(name).unwrap_or(candidate));
            }
            Err(error) => {
                reason.get_or_insert_with(|| innermost(&error));
            }
        }
    }
    Err(reason.unwrap_or_else(|| "not found".into()))
}

/// The file that is mapped into this process under a library's name.
fn mapped(name: &str) -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let files = maps.lines().filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])));
    let mut ours =
        files.filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(name)));
    ours.next().map(Path::to_owned)
}

/// What the loader itself said.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_thing_missing_is_named() {
        let found = |name: &str, purpose, there: bool| Found {
            name: name.into(),
            purpose,
            file: if there { Ok(name.into()) } else { Err("no such file".into()) },
        };
        let driver = |there| found("libcuda.so.1", "the driver", there);
        let builtins = found("b", "what the run-time compiler reads", false);
        let cudnn = |there| found("libcudnn.so.9", "convolutions", there);
        assert_eq!(check(&[driver(true), builtins.clone(), cudnn(true)]), Ok(()));
        let missing = check(&[driver(false), cudnn(false)]).unwrap_err();
        assert_eq!(missing, GpuError::NoDriver { found: "no such file".into() });
        let missing = check(&[driver(true), cudnn(false)]).unwrap_err().to_string();
        assert!(missing.starts_with("libcudnn.so.9: missing (convolutions): no such file"), "{missing}");
    }

    #[test]
    fn a_library_is_loaded_by_the_first_folder_that_has_it_and_its_file_is_named() {
        // The C library is in every process, whatever its folder.
        let file = load("libc.so.6", &[PathBuf::from("/nowhere")], &[]).unwrap();
        assert!(file.is_absolute() && file.ends_with("libc.so.6"), "{}", file.display());
        let reason = load("libbasin-of-nowhere.so.1", &[], &[]).unwrap_err();
        assert!(reason.contains("libbasin-of-nowhere.so.1"), "{reason}");
    }

    #[test]
    fn an_interpreter_leads_to_its_environment_and_to_that_of_the_one_behind_it() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let make = |path: &str| {
            std::fs::create_dir_all(root.join(path)).unwrap();
            root.join(path)
        };
        let (system, venv, shims) = (make("system/bin"), make("opt/.venv/bin"), make("shims"));
        std::fs::write(system.join("python3.12"), "").unwrap();
        symlink(system.join("python3.12"), venv.join("python")).unwrap();
        symlink("python", venv.join("python3")).unwrap();
        symlink(venv.join("python3"), shims.join("python3")).unwrap();
        let cudnn = make("opt/.venv/lib/python3.12/site-packages/nvidia/cudnn/lib");
        let cublas = make("opt/.venv/lib/python3.12/site-packages/nvidia/cu13/lib");
        let both = [root.join("opt/.venv"), root.join("system")];
        assert_eq!(environments(&venv.join("python3"), OsStr::new("")), both);
        assert_eq!(environments(Path::new("python3"), venv.as_os_str()), both);
        // A link in another folder: the virtual environment is neither its first nor its last file's.
        let path = std::env::join_paths([&root, &shims]).unwrap();
        assert_eq!(environments(Path::new("python3"), &path)[1..], both);
        assert_eq!(environments(Path::new("python4"), &path), Vec::<PathBuf>::new());
        assert_eq!(packages(&both[0]), [cublas, cudnn]);
        assert_eq!(packages(&both[1]), Vec::<PathBuf>::new());
    }
}
