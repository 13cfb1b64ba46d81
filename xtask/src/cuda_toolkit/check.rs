//! Every kernel compiled for two architectures, and assembled: all that can be known of a kernel without a GPU.

use super::Kit;
use super::compiler::{Compiler, run};
use basin_core::{say, warn};
use std::path::Path;
use std::process::Command;

/// Architectures to check: the oldest that is supported, and the one that numbers are quoted for.
const TARGETS: [&str; 2] = ["sm_80", "sm_90"];

/// The packages to select whenever something is built with CUDA: with them the crates that both use have the features that
/// the program's own build gives them, so that nothing is compiled twice.
const PACKAGES: [&str; 6] = [
    "--package=basin-cuda",
    "--package=basin-bench",
    "--package=basin-candle",
    "--package=basin-cli",
    "--package=basin-reproduce",
    "--features=basin-cuda/cuda,basin-cli/cuda",
];

/// Compiles to machine code with the run-time compiler, in the very way training does. The run-time compiler says nothing
/// of registers that it spills, so ptxas, which does, assembles its PTX once more.
pub(super) fn kernels(kit: &Kit, compiler: &Compiler, target: &Path) -> Result<(), String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = kit.dir.join("ptx");
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(program);
    build.args(["build", "--release", "--quiet", "--example", "compile_kernels"]).args(PACKAGES);
    build.current_dir(root).envs(kit.variables.iter().map(|(name, value)| (name, value)));
    let mut compile = Command::new(target.join("release/examples/compile_kernels"));
    compile.arg(&folder).args(TARGETS);
    compile.env("BASIN_CUDA_LIBRARIES", std::env::join_paths(kit.library_folders()).unwrap_or_default());
    warn("compiling the kernels");
    run(&mut build)?;
    let said = run(&mut compile)?;
    let mut count = 0;
    for line in said.lines() {
        let path = Path::new(line);
        let target = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        let output = path.with_extension("ptxas.cubin");
        let mut ptxas = Command::new(compiler.home.join("bin/ptxas"));
        ptxas.args(["--warn-on-spills", "--gpu-name", &target, "--output-file"]).arg(output).arg(path);
        let said = run(&mut ptxas).map_err(|reason| format!("ptxas refuses {line}: {reason}"))?;
        if !said.is_empty() {
            warn(said.trim());
        }
        count += 1;
    }
    if count == 0 {
        return Err("no kernel was compiled: the example compile_kernels named no file".into());
    }
    say(&format!("kernels    {count} programs compiled and assembled in {}", folder.display()))
        .map_err(|e| format!("cannot write the standard output: {e}"))?;
    Ok(())
}
