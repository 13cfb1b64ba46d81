//! What building with the feature `cuda` takes, made on any Linux machine: no GPU, no driver, no root.
//!
//! The kit is a folder with a compiler for candle's kernels (an installed toolkit, or NVIDIA's packages from the Python
//! index), stand-ins for the libraries that are linked to, and the variables that lead cargo to both. The program
//! that comes out looks for the real libraries when it first calls them.

mod check;
mod compiler;
mod declarations;
mod stand_ins;

use basin_core::{say, warn};
use compiler::{Compiler, Extent};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask cuda-toolkit [--dir DIR] [--toolkit CUDA] [--packages] [--runtime] [--check]

Makes what `cargo build --features cuda` takes, without a GPU. What is there already is kept.

  --dir DIR       where [default: cuda-kit in cargo's target folder]
  --toolkit CUDA  the installed CUDA toolkit to use [default: CUDA_HOME, CUDA_PATH, /usr/local/cuda, /opt/cuda;
                  where none of them has one, NVIDIA's packages from the Python index]
  --packages      NVIDIA's packages even where a toolkit is installed
  --runtime       also the libraries that running takes (1 GB), for a machine that has a driver and nothing else
  --check         also compile every kernel for sm_80 and sm_90 and assemble it
";

/// The file that names the variables, one `export NAME=VALUE` per line.
const VARIABLES: &str = "env";

/// The oldest architecture that candle's own kernels are compiled for; newer ones run them as well.
const COMPUTE_CAPABILITY: &str = "80";

/// A kit that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kit {
    dir: PathBuf,
    variables: Vec<(String, String)>,
}

impl Kit {
    /// The kit at its usual place, if one was made there.
    pub(crate) fn find() -> Option<Self> {
        let own = std::env::current_exe().ok()?;
        // This program lies in TARGET/PROFILE.
        let target = own.parent()?.parent()?;
        Self::read(&target.join("cuda-kit"))
    }

    fn read(dir: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(dir.join(VARIABLES)).ok()?;
        let lines = text.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        let variables = lines.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()));
        Some(Self { dir: dir.to_owned(), variables: variables.collect() })
    }

    /// What cargo must find in its environment.
    pub(crate) fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// Where the libraries are that running takes, if the kit has any.
    pub(crate) fn library_folders(&self) -> Vec<PathBuf> {
        compiler::library_folders(&self.dir)
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    dir: Option<PathBuf>,
    toolkit: Option<PathBuf>,
    packages: bool,
    runtime: bool,
    check: bool,
}

/// `cargo xtask cuda-toolkit`.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    if arguments.iter().any(|argument| argument == "-h" || argument == "--help") {
        return crate::told(HELP);
    }
    let options = match parse(arguments) {
        Ok(options) => options,
        Err(reason) => {
            warn(&format!("error: {reason}\n\n{}", HELP.trim_end()));
            return ExitCode::from(2);
        }
    };
    match make(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            warn(&format!("error: {reason}"));
            ExitCode::from(1)
        }
    }
}

fn parse(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut folder = || {
            let value = arguments.next().ok_or_else(|| format!("{argument} without a folder"))?;
            std::path::absolute(value).map_err(|e| format!("{argument} {value}: {e}"))
        };
        match argument.as_str() {
            "--dir" => options.dir = Some(folder()?),
            "--toolkit" => options.toolkit = Some(folder()?),
            "--packages" => options.packages = true,
            "--runtime" => options.runtime = true,
            "--check" => options.check = true,
            other => return Err(format!("unknown argument {other}")),
        }
    }
    if options.toolkit.is_some() && options.packages {
        return Err("--toolkit and --packages exclude each other".into());
    }
    Ok(options)
}

fn make(options: &Options) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (bindings, target) = declarations::bindings(&root)?;
    let dir = options.dir.clone().unwrap_or_else(|| target.join("cuda-kit"));
    for part in ["lib", "bin"] {
        let folder = dir.join(part);
        std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let extent = match (options.runtime, options.check) {
        (true, _) => Extent::Run,
        (false, true) => Extent::Check,
        (false, false) => Extent::Build,
    };
    let installed = if options.packages { None } else { Compiler::installed(options.toolkit.as_deref())? };
    let compiler = match installed {
        // Its libraries may be those of the driver alone.
        Some(compiler) if extent == Extent::Build => compiler,
        Some(compiler) => {
            Compiler::from_packages(&dir, extent)?;
            compiler
        }
        None => Compiler::from_packages(&dir, extent)?,
    };
    let functions = stand_ins::make(&bindings, &dir.join("lib"), compiler.version.0)?;
    compiler::write_wrapper(&dir, &compiler)?;
    write_if_changed(&dir.join(VARIABLES), &variables(&dir, &compiler))?;
    let kit = Kit::read(&dir).ok_or_else(|| format!("{} cannot be read again", dir.display()))?;
    let (major, minor) = compiler.version;
    let told = |text: String| say(&text).map_err(|e| format!("cannot write the standard output: {e}"));
    told(format!("compiler   CUDA {major}.{minor} in {}", compiler.home.display()))?;
    told(format!("stand-ins  {functions} functions in {}", dir.join("lib").display()))?;
    if options.check {
        check::kernels(&kit, &compiler, &target)?;
    }
    told("\nBuild with CUDA, by hand or as part of `cargo xtask reproduce --device cuda`:\n".to_owned())?;
    told(format!("  . {}", dir.join(VARIABLES).display()))?;
    told("  cargo build --release --package basin-cli --features cuda".to_owned())
}

/// The variables in the shell's words.
fn variables(dir: &Path, compiler: &Compiler) -> String {
    let (major, minor) = compiler.version;
    let nvcc = dir.join("bin/nvcc");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let variables = [
        ("NVCC", nvcc.to_string_lossy().into_owned()),
        // First in the linker's search, whatever CUDA is installed.
        ("CUDA_HOME", dir.to_string_lossy().into_owned()),
        ("CUDA_COMPUTE_CAP", COMPUTE_CAPABILITY.to_owned()),
        ("CUDARC_CUDA_VERSION", format!("{major}0{minor}0")),
        ("CUDAFORGE_THREADS", cores.to_string()),
    ];
    variables.map(|(name, value)| format!("export {name}='{value}'\n")).concat()
}

/// Writes a text where it is not there already, so that nothing looks newer than it is; says whether it wrote.
fn write_if_changed(path: &Path, text: &str) -> Result<bool, String> {
    if path.symlink_metadata().is_ok_and(|found| !found.is_file()) {
        return Err(format!(
            "{} is a link, a folder or a device, expected a regular file; remove it",
            path.display()
        ));
    }
    if std::fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(false);
    }
    std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(true)
}

/// Lets a script be run.
fn executable(path: &Path) -> Result<(), String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(path, mode).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variables_are_read_back_as_they_were_meant() {
        let dir = std::env::temp_dir().join(format!("basin kit {}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let compiler = Compiler { home: "/opt/cuda".into(), version: (12, 4) };
        write_if_changed(&dir.join(VARIABLES), &variables(&dir, &compiler)).unwrap();
        let kit = Kit::read(&dir).unwrap();
        let value = |name: &str| kit.variables.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        assert_eq!(value("CUDARC_CUDA_VERSION").as_deref(), Some("12040"));
        assert_eq!(value("NVCC").map(PathBuf::from), Some(dir.join("bin/nvcc")));
        assert!(!write_if_changed(&dir.join(VARIABLES), &variables(&dir, &compiler)).unwrap());
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(Kit::read(&dir), None);
    }

    #[test]
    fn arguments_that_make_no_sense_are_refused() {
        let parse = |line: &str| parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parse("--dir"), Err("--dir without a folder".into()));
        assert_eq!(parse("--cuda"), Err("unknown argument --cuda".into()));
        assert!(parse("--toolkit /opt/cuda --packages").is_err());
        assert!(
            parse("--check --runtime --dir kit")
                .is_ok_and(|o| o.check && o.dir.is_some_and(|d| d.is_absolute()))
        );
    }
}
