//! Compiles all kernels with the run-time compiler, as training does, and writes their PTX. Needs no GPU.
//!
//! `compile_kernels FOLDER sm_80 sm_90` writes FOLDER/sm_80/NAME.ptx and so on, and prints one path per line.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use basin_kernels::cuda::{compiler_version, libraries, ptx};
use basin_kernels::gpu::{NoStore, sources};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next().map(PathBuf::from) else {
        eprintln!("error: compile_kernels FOLDER TARGET…, e.g. compile_kernels ptx sm_80 sm_90");
        return ExitCode::from(2);
    };
    let targets: Vec<String> = arguments.collect();
    match compile_all(&folder, &targets) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::from(1)
        }
    }
}

fn compile_all(folder: &Path, targets: &[String]) -> Result<(), String> {
    // Looks the compiler up; what else is missing is no matter here.
    libraries();
    let (major, minor) = compiler_version().map_err(|error| error.to_string())?;
    eprintln!("run-time compiler of CUDA {major}.{minor}");
    for target in targets {
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        for source in sources::ALL {
            let virtual_target = target.replace("sm_", "compute_");
            let text = ptx(*source, &virtual_target, &NoStore).map_err(|error| error.to_string())?;
            let path = folder.join(source.name).with_extension("ptx");
            std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
            println!("{}", path.display());
        }
    }
    Ok(())
}
