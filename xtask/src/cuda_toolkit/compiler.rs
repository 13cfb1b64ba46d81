//! Where the CUDA compiler comes from: a toolkit that is installed, or NVIDIA's packages from the Python index.

use super::{executable, write_if_changed};
use basin_core::warn;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Packages that together make a compiler, pinned: driver 580 takes the PTX that 13.0 writes, and no newer one's.
const COMPILER: [&str; 5] = [
    "nvidia-cuda-nvcc==13.0.88",
    "nvidia-cuda-crt==13.0.88",
    "nvidia-nvvm==13.0.88",
    "nvidia-cuda-runtime==13.0.96",
    "nvidia-cuda-cccl==13.0.85",
];

/// The run-time compiler, which also compiles Basin's own kernels when they are only checked.
const RUN_TIME_COMPILER: [&str; 1] = ["nvidia-cuda-nvrtc==13.0.88"];

/// The libraries that a machine with a driver and nothing else lacks.
const LIBRARIES: [&str; 3] =
    ["nvidia-cublas==13.1.0.3", "nvidia-cudnn-cu13==9.19.0.56", "nvidia-curand==10.4.0.35"];

/// Versions of CUDA that the bindings know, from the newest that was tried down.
const KNOWN: [(u32, u32); 9] =
    [(13, 0), (12, 9), (12, 8), (12, 6), (12, 5), (12, 4), (12, 3), (12, 2), (12, 1)];

/// How much to take from the Python index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extent {
    /// What building takes.
    Build,
    /// And what checking the kernels takes.
    Check,
    /// And what running takes, apart from the driver.
    Run,
}

/// A CUDA compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Compiler {
    /// The folder with `bin/nvcc`, `bin/ptxas`, `include`.
    pub(super) home: PathBuf,
    /// Its version, major and minor.
    pub(super) version: (u32, u32),
}

impl Compiler {
    /// An installed toolkit: the one named, else the first of the usual places that works; none where there is none.
    pub(super) fn installed(named: Option<&Path>) -> Result<Option<Self>, String> {
        if let Some(home) = named {
            return Self::at(home).map(Some);
        }
        let variables =
            ["CUDA_HOME", "CUDA_PATH"].into_iter().filter_map(std::env::var_os).map(PathBuf::from);
        let usual = ["/usr/local/cuda", "/opt/cuda"].map(PathBuf::from);
        // A shell that has taken in a kit's variables names the kit, whose nvcc only leads to the real one.
        let mut real = variables.chain(usual).filter(|home| !home.join(super::VARIABLES).exists());
        Ok(real.find_map(|home| Self::at(&home).ok()))
    }

    /// NVIDIA's packages in a Python environment in `folder`; what is there is not downloaded again.
    pub(super) fn from_packages(folder: &Path, extent: Extent) -> Result<Self, String> {
        let environment = folder.join("python");
        let python = environment.join("bin/python");
        if !python.exists() {
            run(Command::new("python3").args(["-m", "venv"]).arg(&environment)).map_err(|reason| {
                format!(
                    "a Python environment in {} cannot be made: {reason}. Install python3 with venv (Debian: \
                     python3-venv), or install CUDA 13.0 and name it with --toolkit",
                    environment.display()
                )
            })?;
        }
        let mut wanted = COMPILER.to_vec();
        if extent >= Extent::Check {
            wanted.extend(RUN_TIME_COMPILER);
        }
        if extent >= Extent::Run {
            wanted.extend(LIBRARIES);
        }
        // Each package leaves a file once it is there whole.
        let marks = folder.join("packages");
        std::fs::create_dir_all(&marks).map_err(|e| format!("{}: {e}", marks.display()))?;
        let mark = |package: &str| marks.join(package);
        let fresh: Vec<&str> = wanted.into_iter().filter(|package| !mark(package).exists()).collect();
        if !fresh.is_empty() {
            warn(&format!("taking {} from the Python index", fresh.join(", ")));
            let mut pip = Command::new(&python);
            pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--no-input"]);
            pip.arg("--disable-pip-version-check").args(&fresh);
            run(&mut pip).map_err(|reason| {
                format!(
                    "NVIDIA's packages cannot be installed: {reason}. They come from the Python index that pip is set \
                     up for (about 100 MB for the compiler); without one, install CUDA 13.0 and name it with --toolkit"
                )
            })?;
            for package in fresh {
                write_if_changed(&mark(package), "")?;
            }
        }
        Self::at(&packages(&environment)?.join("cu13"))
    }

    fn at(home: &Path) -> Result<Self, String> {
        let nvcc = home.join("bin/nvcc");
        let output = Command::new(&nvcc).arg("--version").output();
        let output = output.map_err(|e| format!("{} cannot be run: {e}", nvcc.display()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let version = release(&said)
            .ok_or_else(|| format!("{} --version names no release: {}", nvcc.display(), said.trim()))?;
        match KNOWN.contains(&version) {
            true => Ok(Self { home: home.to_owned(), version }),
            false => Err(format!(
                "{} is of CUDA {}.{}, expected one of {}",
                nvcc.display(),
                version.0,
                version.1,
                KNOWN.map(|(major, minor)| format!("{major}.{minor}")).join(", ")
            )),
        }
    }
}

/// The folder `nvidia` of an environment's packages.
fn packages(environment: &Path) -> Result<PathBuf, String> {
    let entries = std::fs::read_dir(environment.join("lib")).into_iter().flatten().flatten();
    let mut found =
        entries.map(|entry| entry.path().join("site-packages/nvidia")).filter(|path| path.is_dir());
    found.next().ok_or_else(|| format!("{} holds no package of NVIDIA's", environment.display()))
}

/// Folders with the libraries of the packages that were installed.
pub(super) fn library_folders(folder: &Path) -> Vec<PathBuf> {
    let Ok(packages) = packages(&folder.join("python")) else { return Vec::new() };
    ["cu13/lib", "cudnn/lib"]
        .map(|part| packages.join(part))
        .into_iter()
        .filter(|path| path.is_dir())
        .collect()
}

/// Puts `bin/nvcc` before the real one. candle also compiles kernels of quantised language models, minutes of work
/// and tens of megabytes, into objects that Basin's link drops again: an empty object takes their place.
pub(super) fn write_wrapper(folder: &Path, compiler: &Compiler) -> Result<(), String> {
    let path = folder.join("bin/nvcc");
    let nvcc = compiler.home.join("bin/nvcc").to_string_lossy().replace('\'', r"'\''");
    let text = format!(
        "#!/bin/sh\n\
         # Compiles to PTX with the real nvcc. Objects (candle's kernels of quantised language models) stay empty:\n\
         # Basin calls none of them. A program that did would not link.\n\
         task=real\nprevious=\nfor argument; do\n\
         \x20   case $previous in -o) output=$argument ;; esac\n\
         \x20   case $argument in -c) task=object ;; --lib) task=archive ;; esac\n\
         \x20   previous=$argument\ndone\n\
         case $task in\n\
         \x20   object) exec \"${{CC:-cc}}\" -x c -c /dev/null -o \"$output\" ;;\n\
         \x20   archive) rm -f \"$output\" && exec \"${{AR:-ar}}\" rc \"$output\" ;;\n\
         esac\n\
         exec '{nvcc}' \"$@\"\n"
    );
    write_if_changed(&path, &text)?;
    executable(&path)
}

/// The version in the output of `nvcc --version`.
fn release(text: &str) -> Option<(u32, u32)> {
    let version = text.split_once("release ")?.1.split(',').next()?;
    let (major, minor) = version.trim().split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Runs a command, quietly; what it says on failure.
pub(super) fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("{}: {e}", command.get_program().to_string_lossy()))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => {
            let said =
                [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            Err(said.concat().trim().to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_read_from_what_nvcc_says() {
        let said = "nvcc: NVIDIA (R) Cuda compiler driver\nCuda compilation tools, release 13.0, V13.0.88\n";
        assert_eq!(release(said), Some((13, 0)));
        assert_eq!(release("gcc 12.2"), None);
    }

    #[test]
    fn a_named_toolkit_that_is_none_is_refused_by_name() {
        let reason = Compiler::installed(Some(Path::new("/nowhere"))).unwrap_err();
        assert!(reason.contains("/nowhere/bin/nvcc"), "{reason}");
    }
}
