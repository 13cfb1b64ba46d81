//! Compiles all kernels with the run-time compiler, as training does, and writes what comes out. Needs no GPU.
//!
//! `compile_kernels FOLDER sm_80 sm_90` writes the machine code FOLDER/sm_80/NAME.cubin, which training runs, beside the
//! PTX FOLDER/sm_80/NAME.ptx, for people and other tools, and so on; it prints the path of each PTX on a line.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use basin_cuda::{compiler_version, libraries, program};
use basin_gpu::{NoStore, sources};
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
            let write = |target: &str, extension: &str| {
                let program = program(*source, target, &NoStore).map_err(|error| error.to_string())?;
                let path = folder.join(source.name).with_extension(extension);
                // The zero byte behind a text is the driver's, not a file's.
                let text = program.strip_suffix(b"\0").filter(|_| extension == "ptx").unwrap_or(&program);
                std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
                Ok::<_, String>(path)
            };
            write(target, "cubin")?;
            let path = write(&target.replace("sm_", "compute_"), "ptx")?;
            println!("{}", path.display());
        }
    }
    Ok(())
}
